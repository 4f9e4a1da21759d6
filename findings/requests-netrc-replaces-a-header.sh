#!/usr/bin/env bash
# requests replaces a program's own Authorization header by the `default` entry of ~/.netrc, for every host there is.
#
# Expected: a header that the caller sets is sent.
# Instead:  where no auth= is given, requests looks into ~/.netrc and overwrites the header; `default` matches any host.
#           After a redirect it looks again, for the new host. httpx has no such habit.
# Versions: requests 2.34.2, httpx 0.28.1 (PyPI).
# Source:   requests sessions.py, prepare_request (get_netrc_auth when trust_env and no auth) and rebuild_auth.
# Matters:  a tool with a token of its own opens ~/.netrc at each request and may send what stands there instead: the
#           read is no search for credentials, and the request is not made with the credential that the program holds.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export PIP_CACHE_DIR=$cache/pip
cd "$work"

python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" requests==2.34.2 httpx==0.28.1
mkdir home
echo 'default login anyone password fake' > home/.netrc
chmod 600 home/.netrc
cat > ask.py <<'END'
import http.server, threading
import httpx, requests

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.headers.get("Authorization", "none").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *ignored):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
own = {"Authorization": "Bearer fake-own-token"}
print("requests:", requests.get(url, headers=own).text)
print("httpx:", httpx.get(url, headers=own).text)
END
python=$(python3 -c 'import sys; print(sys.executable)')
seen=$(env -u NETRC HOME="$work/home" PYTHONPATH=py "$python" ask.py)
expected='requests: Basic YW55b25lOmZha2U=
httpx: Bearer fake-own-token'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
