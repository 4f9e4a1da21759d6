#!/usr/bin/env bash
# CEL: an error in one element makes exists() fail in Rust, also where another element answers it.
#
# Expected: exists() and all() absorb an error like `||` and `&&` do: one element that is true (false) decides, whatever
#           the others are. The Rust implementation does so for `||`.
# Instead:  its macros stop at the first error, so the answer depends on the order of the list.
# Versions: common-expression-language 0.10.0 (PyPI, wraps the Rust crate `cel`), cel-python 0.5.0.
# Source:   CEL language definition, section "Macros": exists, all.
# Matters:  a guard such as `addresses.exists(a, a.ports[0] == 443)` is an error instead of a match as soon as one entry
#           lacks the field; whoever treats an error as "no match" has lost the rule.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export PIP_CACHE_DIR=$cache/pip
cd "$work"

python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" \
  common-expression-language==0.10.0 cel-python==0.5.0
cat > ask.py <<'END'
import cel, celpy

def rust(text):
    try:
        return cel.evaluate(text)
    except Exception:
        return "error"

def python(text):
    env = celpy.Environment()
    return bool(env.program(env.compile(text)).evaluate({}))

texts = ["1 / 0 > 1 || true", "[0, 2].exists(x, 4 / x == 2)", "[2, 0].exists(x, 4 / x == 2)", "[0, 2].all(x, 4 / x > 9)"]
for text in texts:
    print(f"{text}: rust {rust(text)}, python {python(text)}")
END
seen=$(PYTHONPATH=py python3 ask.py)
expected='1 / 0 > 1 || true: rust True, python True
[0, 2].exists(x, 4 / x == 2): rust error, python True
[2, 0].exists(x, 4 / x == 2): rust True, python True
[0, 2].all(x, 4 / x > 9): rust error, python False'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
