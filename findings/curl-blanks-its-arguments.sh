#!/usr/bin/env bash
# /proc/PID/cmdline of a running curl has blanks where `-u user:password` was; the bearer token in -H stays readable.
#
# Expected: cmdline is what the program was started with.
# Instead:  curl overwrites the values of -u, --proxy-user and a few more in its own memory, which cmdline reads.
# Versions: curl as installed (seen with 7.88.1).
# Source:   curl src/tool_getparam.c, cleanarg.
# Matters:  what the exec hook copied holds the password, what is read from /proc a moment later does not: two records of one
#           command differ, a comparison of them says "argv was rewritten", and redaction must not rely on curl's.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
curl --silent --retry 30 --retry-delay 1 --retry-connrefused -u user:fake-password -H 'Authorization: Bearer fake-token' \
  "http://127.0.0.1:$port/" > /dev/null 2>&1 &
client=$!
trap 'kill $client; rm -rf "$work"' EXIT
sleep 1
tr '\0' '\n' < /proc/$client/cmdline > arguments
seen=$(
  echo "-u: [$(grep -A1 -x -- -u arguments | tail -1)]"
  echo "-H: [$(grep -A1 -x -- -H arguments | tail -1)]"
)
expected='-u: [                  ]
-H: [Authorization: Bearer fake-token]'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
