"""Renders the chart once for each set of values that standard input has as JSON, by Helm's own engine, and checks every object
against the published schema of Kubernetes: what becomes of each goes to standard output as JSON."""

import json
import sys

import helm_python
import kubernetes_validate
import yaml

CHART, RELEASE = sys.argv[1], sys.argv[2]
# Kinds of others: the Prometheus operator's.
OWN_SCHEMAS = "monitoring.coreos.com/v1"


def mistakes(path, manifest):
    for item in yaml.safe_load_all(manifest):
        if item is None or item["apiVersion"] == OWN_SCHEMAS:
            continue
        try:
            kubernetes_validate.validate(item, RELEASE, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            yield f"{path}: {item['kind']}: {error}"


def render(values):
    with helm_python.Chart.load(CHART) as chart:
        try:
            files = chart.render(values, name="interlock", namespace="interlock")
        except helm_python.HelmError as error:
            return {"refused": str(error)}
    manifests = {path.split("/templates/")[1]: text for path, text in files.items()}
    found = [line for path, text in files.items() if path.endswith(".yaml") for line in mistakes(path, text)]
    objects = [item for path, text in sorted(files.items()) if path.endswith(".yaml") for item in yaml.safe_load_all(text) if item]
    return {"files": manifests, "objects": objects, "mistakes": found}


lint = helm_python.lint(CHART)
print(json.dumps({"lint": lint, "rendered": [render(values) for values in json.load(sys.stdin)]}))
