#!/usr/bin/env bash
# git takes the login of ~/.netrc and never asks the configured credential helper.
#
# Expected: with credential.helper set, git asks it when a server wants a login.
# Instead:  libcurl, which git transports over, answers the server's 401 from ~/.netrc by itself; the helper is neither
#           asked nor told to store anything. ~/.netrc is opened for every https or http remote, also a public one.
# Versions: git and libcurl as installed (seen with git 2.39.5, libcurl-gnutls 7.88.1).
# Source:   git http.c, get_curl_handle: CURLOPT_NETRC is CURL_NETRC_OPTIONAL; the helper comes in at a 401 that is left.
# Matters:  "git's credentials come from its helper" is wrong for whoever has a line for the forge in ~/.netrc: the read
#           belongs to git and is no search, and revoking what the helper holds changes nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

mkdir home
printf 'machine 127.0.0.1 login from-netrc password fake\n' > home/.netrc
chmod 600 home/.netrc
cat > helper <<'END'
#!/bin/sh
echo "helper was asked: $1" >> "$HOME/log"
[ "$1" != get ] || printf 'username=from-helper\npassword=fake\n'
END
chmod +x helper
cat > server.py <<'END'
import base64, http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            print("login", base64.b64decode(value).decode().split(":")[0], flush=True)
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
python3 server.py >> home/log &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
fetch() {
  : > home/log
  env -i PATH="$PATH" HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 \
    git -c "credential.helper=$work/helper" ls-remote "http://127.0.0.1:$(cat port)/project.git" > out 2>&1 || true
  sort -u home/log
}
seen=$(
  echo 'with ~/.netrc:'
  fetch
  rm home/.netrc
  echo 'without:'
  fetch
)
expected='with ~/.netrc:
login from-netrc
without:
helper was asked: get
login from-helper'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
