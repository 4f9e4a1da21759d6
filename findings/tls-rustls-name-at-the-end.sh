#!/usr/bin/env bash
# rustls shuffles the extensions of each greeting: the server name is found at byte 100, or behind byte 1,400.
#
# Expected: server_name stands near the front, as OpenSSL, Go and BoringSSL write it.
# Instead:  the order is drawn anew for every connection. With a post-quantum key share in the greeting the name can lie
#           in the second TCP segment, while the next attempt of the same program has it in the first.
# Versions: uv 0.13.8 (PyPI; rustls with X25519MLKEM768).
# Source:   rustls, client/hs.rs: the extensions' order seed; on purpose, so that servers do not come to rely on one order.
# Matters:  whoever reads the name from the first segment, or from its first hundreds of bytes, sees it most of the time
#           and loses it at random. deno's order is drawn as well, in a smaller greeting.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export PIP_CACHE_DIR=$cache/pip
cd "$work"

python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" uv==0.13.8
cat > measure.py <<'END'
import os, socket, struct, subprocess

server = socket.create_server(("127.0.0.1", 0), backlog=20)
port = server.getsockname()[1]

def offset():
    client = subprocess.Popen(
        ["py/bin/uv", "pip", "install", "--no-cache", "--target", "o", "--index-url", f"https://localhost:{port}/", "x"],
        stderr=subprocess.DEVNULL, env={**os.environ, "UV_HTTP_RETRIES": "0", "UV_OFFLINE": "0"})
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
            return len(data), at
        at += 4 + size

runs = [offset() for _ in range(24)]
print("different places in 24 greetings:", "more than 4" if len({at for _, at in runs}) > 4 else runs)
print("in the first 400 bytes:", any(at < 400 for _, at in runs))
print("behind the first 1,300 bytes:", any(at > 1300 for _, at in runs))
END
seen=$(env -u https_proxy -u HTTPS_PROXY python3 measure.py)
expected='different places in 24 greetings: more than 4
in the first 400 bytes: True
behind the first 1,300 bytes: True'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
