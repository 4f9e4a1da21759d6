#!/usr/bin/env bash
# ~/.docker/config.json with a login for a host and one for a path of it: skopeo takes the path's, Go tools the host's.
#
# Expected: one file, one login for registry/team/app.
# Instead:  podman's family looks for the longest path first; go-containerregistry (crane, ko, kaniko, cosign) and Docker's
#           Python client know hosts only.
# Versions: skopeo 1.9.3 (Debian 12), go-containerregistry 0.22.1, docker 7.2.0 (PyPI).
# Source:   containers-auth.json(5); go-containerregistry pkg/authn/keychain.go, Resolve.
# Matters:  who pushed (and which token must be revoked) differs by tool, from one file that all of them read.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" docker==7.2.0
mkdir deb go config && cd deb
apt-get download -qq 'skopeo=1.9.3*' 2> /dev/null
dpkg -x skopeo*.deb .
ldd usr/bin/skopeo | grep 'not found' && { echo 'needs the libraries of skopeo (libgpgme11, libdevmapper1.02.1)'; exit 2; }
cd "$work/go"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

func main() {
	repository, _ := name.NewRepository(os.Args[1])
	login, _ := authn.DefaultKeychain.Resolve(repository)
	config, _ := login.Authorization()
	fmt.Println("go-containerregistry:", config.Username)
}
GO
go mod init example.test/m 2> /dev/null
go get github.com/google/go-containerregistry@v0.22.1 2> /dev/null
go mod tidy 2> /dev/null
go build -o ../ggcr .
cd "$work"
cat > server.py <<'END'
import base64, http.server

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
python3 server.py >> log &
server=$!
trap 'kill $server; chmod -R u+w "$work"; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
registry=127.0.0.1:$(cat port)
login() { printf '%s:fake' "$1" | base64; }
cat > config/config.json <<END
{"auths": {"$registry": {"auth": "$(login host)"}, "$registry/team": {"auth": "$(login team)"}}}
END
echo '{"default": [{"type": "insecureAcceptAnything"}]}' > policy.json
deb/usr/bin/skopeo --policy policy.json inspect --tls-verify=false --authfile config/config.json \
  "docker://$registry/team/app" > out 2>&1 || true
seen=$(
  echo "skopeo: $(sort -u log)"
  DOCKER_CONFIG=$work/config ./ggcr "$registry/team/app"
  PYTHONPATH=py DOCKER_CONFIG=$work/config python3 -c "
from docker import auth
registry, _ = auth.resolve_repository_name('$registry/team/app')
print('docker (PyPI):', auth.resolve_authconfig(auth.load_config(), registry)['username'])"
)
expected='skopeo: team
go-containerregistry: host
docker (PyPI): host'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
