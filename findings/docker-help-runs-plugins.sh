#!/usr/bin/env bash
# `docker --help`, `docker image --help` and `docker info` execute every program in ~/.docker/cli-plugins.
#
# Expected: help text is printed; a plugin runs when its command is asked for.
# Instead:  each candidate is run with docker-cli-plugin-metadata, so that the list can name it. `docker version` runs none.
# Versions: docker.io 20.10.24 (Debian 12).
# Source:   docker/cli cli-plugins/manager, ListPlugins, called from the help function and from `info`.
# Matters:  executables that an agent is about to list run first: a child docker-NAME below `docker --help` is no command
#           that somebody gave, and a file written into that directory is started by a person's harmless question.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

mkdir deb && cd deb
apt-get download -qq 'docker.io=20.10.24*' 2> /dev/null
dpkg -x docker.io*.deb .
cd "$work"
mkdir -p home/.docker/cli-plugins
cat > home/.docker/cli-plugins/docker-example <<'END'
#!/bin/sh
echo "$*" >> "$HOME/log"
echo '{"SchemaVersion": "0.1.0", "Vendor": "Example", "Version": "1"}'
END
chmod +x home/.docker/cli-plugins/docker-example
run() {
  : > home/log
  env -i PATH="$PATH" HOME="$work/home" DOCKER_HOST="unix://$work/none.sock" \
    timeout 20 deb/usr/bin/docker "$@" > out 2>&1 || true
  echo "docker $*: $(grep . home/log || echo -)"
}
seen=$(
  run --help
  run image --help
  run info
  run version
)
expected='docker --help: docker-cli-plugin-metadata
docker image --help: docker-cli-plugin-metadata
docker info: docker-cli-plugin-metadata
docker version: -'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
