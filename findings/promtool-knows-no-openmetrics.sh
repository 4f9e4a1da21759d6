#!/usr/bin/env bash
# `promtool check metrics` cannot read OpenMetrics, the format that Prometheus asks exporters for.
#
# Expected: the official linter reads what the official server prefers and the official client writes.
# Instead:  it parses the older text format only and stops at the first type that is new, `info` or `stateset`.
# Versions: promtool 2.42.0 (Debian 12), prometheus-client 0.26.0 (PyPI).
# Source:   prometheus cmd/promtool, CheckMetrics; client_golang prometheus/testutil/promlint (expfmt.TextParser).
# Matters:  a test that lints an exporter's page must ask for the old format, which is not what the server is given.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export PIP_CACHE_DIR=$cache/pip
cd "$work"

python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" prometheus-client==0.26.0
mkdir deb && cd deb
apt-get download -qq 'prometheus=2.42.0*' 2> /dev/null
dpkg -x prometheus*.deb .
cd "$work"
cat > page.py <<'END'
import sys
from prometheus_client import CollectorRegistry, Info, exposition
from prometheus_client.openmetrics import exposition as openmetrics
registry = CollectorRegistry()
Info("interlock_build", "Build.", registry=registry).info({"version": "1"})
page = openmetrics if sys.argv[1] == "openmetrics" else exposition
print(page.generate_latest(registry).decode(), end="")
END
seen=$(
  for format in text openmetrics; do
    code=0
    PYTHONPATH=py python3 page.py "$format" > page.txt
    deb/usr/bin/promtool check metrics < page.txt > out 2>&1 || code=$?
    echo "$format: exit $code $(grep -o 'unknown metric type.*' out)"
  done
)
expected='text: exit 0 
openmetrics: exit 1 unknown metric type "info"'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
