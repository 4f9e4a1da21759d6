#!/usr/bin/env bash
# A chart's `toToml` writes 100 as 100.0, and 1000000000 as 1e+09; `toYaml` and `toJson` of the same value write what was given.
#
# Expected: a whole number of values.yaml is a whole number in every language that Helm writes.
# Instead:  values go through JSON, whose numbers are float64 in Go. The YAML and JSON encoders write whole ones without a point, the
#           TOML encoder always with one, as TOML has two types.
# Versions: Helm 4.2.3 (its engine, PyPI helm-python-sdk 0.2.2).
# Source:   helm pkg/engine/funcs.go, toTOML (github.com/BurntSushi/toml, encoder of float64); sigs.k8s.io/yaml, Unmarshal.
# Matters:  a daemon that reads TOML strictly refuses `risk_budget = 100.0`; one that reads it loosely may take 1e+09 for something else.
#           A chart for it takes the configuration as text.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export PIP_CACHE_DIR=$cache/pip
cd "$work"

python3 -m pip install --quiet --no-compile --root-user-action=ignore --target "$work/py" helm-python-sdk==0.2.2
mkdir -p chart/templates
printf 'apiVersion: v2\nname: example\nversion: 0.1.0\n' > chart/Chart.yaml
printf 'config:\n  budget: 100\n  most: 1000000000\n' > chart/values.yaml
printf '{{ toToml .Values.config }}{{ toYaml .Values.config }}\n{{ toJson .Values.config }}\n' > chart/templates/all.txt
seen=$(PYTHONPATH=$work/py python3 - <<'PY'
import helm_python

with helm_python.Chart.load("chart") as chart:
    print(chart.render({}, name="example", namespace="default")["example/templates/all.txt"])
PY
)
expected='budget = 100.0
most = 1e+09
budget: 100
most: 1000000000
{"budget":100,"most":1000000000}'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
