#!/usr/bin/env bash
# codex makes user, network and mount namespaces at every start, before its model has asked for anything.
#
# Expected: an agent's sandbox appears with the first command that the model asks for, and lives as long as that command.
# Instead:  with `--sandbox read-only` (the default) and `workspace-write`, codex runs `bwrap --unshare-user --unshare-net
#           --ro-bind / / /bin/true` while it starts, to see whether namespaces may be made; it is over within milliseconds. With
#           `danger-full-access` it does not. No model was reached in any of the three.
# Versions: @openai/codex 0.171.0 (npm), bubblewrap 0.8.0 (Debian 12), Node.js 20.
# Source:   seen by a recorder in bwrap's place in PATH; codex prefers the bwrap of PATH to its own.
# Matters:  a monitor that looks into every new mount namespace of a session finds this one gone. If that counts as "something was
#           missed", every session of codex begins in doubt, and its harmless requests wait for a person. A rule that alerts on new
#           user namespaces fires once a start.
set -euo pipefail
work=$(mktemp -d /var/tmp/finding-XXXXXX) # a bwrap below /tmp, which workspace-write may write to, is passed over by codex
trap 'rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
cd "$work"
command -v node npm > /dev/null || { echo 'missing: Node.js and npm'; exit 2; }
mkdir deb && cd deb
apt-get download -qq 'bubblewrap=0.8*' 2> /dev/null || { echo 'missing: Debian 12 package sources (bubblewrap 0.8)'; exit 2; }
dpkg -x bubblewrap_*.deb .
cd "$work"
npm install --silent --no-audit --no-fund --no-update-notifier --cache "$cache/npm" --prefix "$work" @openai/codex@0.171.0 > npm.log 2>&1 \
  || { echo 'missing: @openai/codex 0.171.0'; exit 2; }

mkdir -p bin home/.codex project
cat > bin/bwrap <<END
#!/bin/sh
case "\$1" in --help|--version) ;; *) echo "\$*" >> "$work/asked" ;; esac
exec "$work/deb/usr/bin/bwrap" "\$@"
END
chmod +x bin/bwrap
cat > home/.codex/config.toml <<'END'
model_provider = "nobody"
[model_providers.nobody]
name = "nobody listens there"
base_url = "http://127.0.0.1:9/v1"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
END
seen=$(
  for mode in read-only workspace-write danger-full-access; do
    : > asked
    (cd project && HOME="$work/home" PATH="$work/bin:$PATH" timeout 20 ../node_modules/.bin/codex exec --skip-git-repo-check -m gpt-5 \
      --sandbox "$mode" 'Say hello' < /dev/null > ../output 2>&1) || true
    grep -qi 'reconnecting\|error' output || { echo "$mode: a model was reached"; continue; }
    echo "$mode: $(sort -u asked | grep . || echo nothing)"
  done
)
expected='read-only: --unshare-user --unshare-net --ro-bind / / /bin/true
workspace-write: --unshare-user --unshare-net --ro-bind / / /bin/true
danger-full-access: nothing'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
