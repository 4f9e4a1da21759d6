#!/usr/bin/env bash
# jq 1.6: two 64-bit numbers that differ in the last digit are equal; gojq keeps them apart.
#
# Expected: select(.id == N) finds the record with that id.
# Instead:  jq reads every number as a double: 9223372036854775807 is printed as …776000 and equals …806. gojq has exact
#           integers.
# Versions: jq 1.6 (Debian 12), gojq 0.12.20 (Go). jq 1.7 keeps the digits of a number that it only prints.
# Source:   jq manual, "Identity" on numbers; gojq README, differences to jq.
# Matters:  process identities from pid and start time, inode numbers, times in nanoseconds: an audit log read with jq
#           attributes one process's record to another. Write them as strings.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

mkdir deb go && cd deb
apt-get download -qq 'jq=1.6*' 'libjq1=1.6*' libonig5 2> /dev/null
for package in *.deb; do dpkg -x "$package" .; done
cd "$work/go"
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/itchyny/gojq"
)

func main() {
	decoder := json.NewDecoder(strings.NewReader(os.Args[1]))
	decoder.UseNumber()
	var input any
	decoder.Decode(&input)
	query, _ := gojq.Parse(os.Args[2])
	value, _ := query.Run(input).Next()
	text, _ := gojq.Marshal(value)
	fmt.Println("gojq", string(text))
}
GO
go mod init example.test/m 2> /dev/null
go get github.com/itchyny/gojq@v0.12.20 2> /dev/null
go mod tidy 2> /dev/null
go build -o ../gojq .
cd "$work"
record='{"id": 9223372036854775807}'
query='[.id, .id == 9223372036854775806]'
seen=$(
  echo "jq $(echo "$record" | LD_LIBRARY_PATH=$(echo deb/usr/lib/*-linux-gnu) deb/usr/bin/jq -c "$query")"
  ./gojq "$record" "$query"
)
expected='jq [9223372036854776000,true]
gojq [9223372036854775807,false]'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
