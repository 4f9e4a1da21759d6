#!/usr/bin/env bash
# A Unix socket's SO_PEERCRED names one process for every connection: gunicorn's master, or the uvicorn worker that started last.
#
# Expected: the peer of a connection is the process that accepted it, and answers.
# Instead:  for the client it is whoever called listen(2) last on the socket. gunicorn's master calls it once and accepts
#           nothing. Each uvicorn worker calls it on the socket that it inherited, so every connection names the worker
#           that started last, whoever answers.
# Versions: gunicorn 27.0.1, uvicorn 0.54.0 (PyPI), Linux 6.18.
# Source:   net/unix/af_unix.c, unix_listen and copy_peercred; gunicorn sock.py; asyncio base_events.py, _start_serving.
# Matters:  who looks up the other end of a local connection to tell whose service it is, or what it may have read, looks at
#           the wrong process. The server's side (accept) names the client rightly.
set -euo pipefail
work=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2> /dev/null || true; wait; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
cd "$work"

python3 -m venv v
v/bin/pip install --quiet --disable-pip-version-check --cache-dir "$cache/pip" gunicorn==27.0.1 uvicorn==0.54.0
cat > app.py << 'PY'
import os


def wsgi(environ, start):
    start("200 OK", [("Content-Length", str(len(str(os.getpid()))))])
    return [str(os.getpid()).encode()]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    body = str(os.getpid()).encode()
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})
PY
cat > ask.py << 'PY'
import socket, struct, sys, time

path, master = sys.argv[1], int(sys.argv[2])


def ask():
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    named = struct.unpack("iii", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = b""
    while data := peer.recv(999):
        answer += data
    return named, int(answer.rsplit(b"\r\n\r\n", 1)[1])


for _ in range(100):  # until both workers answer
    try:
        seen = [ask() for _ in range(60)]
    except OSError:
        seen = []
    if len({answered for _, answered in seen}) == 2:
        break
    time.sleep(0.2)
seen = [ask() for _ in range(200)]
named = {named for named, _ in seen}
answered = {answered for _, answered in seen}
who = "the master" if named == {master} else "one worker" if len(named) == 1 and named < answered else f"{named}"
print(f"named {who}, answered {len(answered)} workers, the master {'too' if master in answered else 'never'}")
PY
v/bin/gunicorn --workers 2 --bind "unix:$work/g.sock" app:wsgi > g.log 2>&1 &
servers+=($!)
v/bin/uvicorn app:asgi --uds "$work/u.sock" --workers 2 > u.log 2>&1 &
servers+=($!)
seen=$(
  echo "gunicorn: $(python3 ask.py g.sock "${servers[0]}")"
  echo "uvicorn: $(python3 ask.py u.sock "${servers[1]}")"
)
expected='gunicorn: named the master, answered 2 workers, the master never
uvicorn: named one worker, answered 2 workers, the master never'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
