#!/usr/bin/env bash
# restic without S3 keys in its environment signs with the key of MinIO's client, from ~/.mc/config.json.
#
# Expected: AWS's own chain (variables, ~/.aws/credentials, instance role), or a refusal.
# Instead:  the library looks into ~/.mc/config.json as well and uses the alias named s3, for any endpoint.
# Versions: restic 0.14.0 (Debian 12; the chain is minio-go's, in current releases too).
# Source:   restic internal/backend/s3, open; minio-go pkg/credentials/file_minio_client.go.
# Matters:  a backup tool reads another tool's login, and deletes snapshots with it: an owner list by tool and file calls
#           it a stranger, and a person who looks for the key in ~/.aws does not find it.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

mkdir deb && cd deb
apt-get download -qq 'restic=0.14.0*' 2> /dev/null
dpkg -x restic*.deb .
cd "$work"
mkdir -p home/.mc
echo '{"version": "10", "aliases": {"s3": {"url": "https://s3.amazonaws.com", "accessKey": "AKIAFAKEMINIO", "secretKey": "fake",
  "api": "S3v4"}}}' > home/.mc/config.json
cat > server.py <<'END'
import http.server, re

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(re.search("Credential=([A-Z]*)", self.headers.get("Authorization", "Credential=NONE"))[1], flush=True)
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *ignored):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open("port", "w").write(str(server.server_port))
server.serve_forever()
END
python3 server.py >> log &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
env -i HOME="$work/home" PATH="$PATH" RESTIC_PASSWORD=fake RESTIC_REPOSITORY="s3:http://127.0.0.1:$(cat port)/bucket" \
  timeout 60 deb/usr/bin/restic --no-cache snapshots > out 2>&1 || true
seen="signed with $(sort -u log)"
expected='signed with AKIAFAKEMINIO'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
