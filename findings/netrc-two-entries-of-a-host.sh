#!/usr/bin/env bash
# Two entries for one host in ~/.netrc: curl's library takes the first, requests, pip and uv take the last.
#
# Expected: the first entry that matches, as ftp(1) described the file.
# Instead:  Python's parser keeps the entries in a dictionary, where the later one replaces the earlier; uv's parser in
#           Rust does the same.
# Versions: pycurl 7.49.0 (with its own libcurl), requests 2.34.2, uv 0.13.8, pip 24.3.1 (PyPI).
# Source:   libcurl lib/netrc.c; CPython Lib/netrc.py, _parse (self.hosts[entryname]); requests utils.get_netrc_auth.
# Matters:  with two accounts at one forge `git push` and a script act as different people, from the same file. A
#           monitor that says which account a request was made with has to know who parsed the file.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export PIP_CACHE_DIR=$cache/pip
cd "$work"

python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" pycurl==7.49.0 requests==2.34.2 uv==0.13.8 \
  pip==24.3.1
mkdir home
printf 'machine 127.0.0.1 login first password fake\nmachine 127.0.0.1 login last password fake\n' > home/.netrc
chmod 600 home/.netrc
cat > server.py <<'END'
import base64, http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            print(base64.b64decode(value).decode().split(":")[0], flush=True)
        self.send_response(404 if kind else 401)
        self.send_header("WWW-Authenticate", "Basic realm=x")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *ignored):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open("port", "w").write(str(server.server_port))
server.serve_forever()
END
python3 server.py >> users &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat port)
python=$(python3 -c 'import sys; print(sys.executable)')
export HOME=$work/home PYTHONPATH=$work/py
client() {
  : > users
  "${@:2}" > /dev/null 2>&1 || true
  echo "$1: $(sort -u users | xargs)"
}
seen=$(
  client libcurl "$python" -c "
import pycurl
c = pycurl.Curl()
c.setopt(c.URL, '$url/'); c.setopt(c.NETRC, c.NETRC_OPTIONAL); c.perform()"
  client requests "$python" -c "import requests; requests.get('$url/')"
  client pip env -u PIP_FIND_LINKS "$python" -m pip download --no-cache-dir --retries 0 --index-url "$url/simple" nothing
  client uv py/bin/uv pip install --no-cache --target o --index-url "$url/simple" nothing
)
expected='libcurl: first
requests: last
pip: last
uv: last'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
