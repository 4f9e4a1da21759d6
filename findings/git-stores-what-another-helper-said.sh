#!/usr/bin/env bash
# A short-lived token that one git credential helper hands out is written to ~/.git-credentials by another.
#
# Expected: `store` keeps what a person typed; a login from a vault's helper stays with that helper.
# Instead:  after a login that worked git tells every configured helper to store it. With `store` in the system's or the
#           user's configuration the token lands in the clear in ~/.git-credentials, and is what git sends next time.
# Versions: git as installed (seen with 2.39.5).
# Source:   git credential.c, credential_approve (all helpers are called with `store`).
# Matters:  a new or changed ~/.git-credentials after `git fetch` is git's own work, not an agent that plants a login; and a
#           token that was meant to live in memory is then on disk.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

mkdir home
git init --quiet --bare project.git
git -C project.git update-server-info
cat > server.py <<'END'
import http.server

class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("Authorization"):
            return super().do_GET()
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Basic realm=x")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *ignored):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open("port", "w").write(str(server.server_port))
server.serve_forever()
END
python3 server.py &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
printf '#!/bin/sh\n[ "$1" != get ] || printf "username=bot\\npassword=fake-short-lived\\n"\n' > vault
chmod +x vault
env -i PATH="$PATH" HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 git -c credential.helper=store \
  -c "credential.helper=$work/vault" ls-remote "http://127.0.0.1:$(cat port)/project.git"
seen=$(sed -E 's/127.*/HOST/' home/.git-credentials)
expected='http://bot:fake-short-lived@HOST'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
