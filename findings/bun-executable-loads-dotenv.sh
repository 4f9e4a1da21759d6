#!/usr/bin/env bash
# A program compiled with `bun build --compile` loads .env and bunfig.toml of whatever directory it is started in.
#
# Expected: a native executable reads what its author wrote it to read.
# Instead:  the bun runtime inside loads .env, .env.local and .env.development of the working directory, and bunfig.toml,
#           before the first line of the program; .env.local wins.
# Versions: bun 1.4.4 (npm).
# Source:   bun's documentation on standalone executables (--no-compile-autoload-dotenv and -bunfig turn it off).
# Matters:  several coding agents are such executables. Their open of the project's .env is the runtime's, and what the
#           project's .env holds is in their environment, and so in that of each command they run.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts @oven/bun-linux-x64@1.4.4
echo 'console.log(process.env.ONE, process.env.TWO, process.env.THREE)' > agent.js
node_modules/@oven/bun-linux-x64/bin/bun build --compile agent.js --outfile agent > /dev/null
node_modules/@oven/bun-linux-x64/bin/bun build --compile --no-compile-autoload-dotenv agent.js --outfile quiet > /dev/null
mkdir project && cd project
printf 'ONE=env\nTWO=env\n' > .env
echo TWO=local > .env.local
echo THREE=development > .env.development
seen=$(
  echo "compiled: $(../agent)"
  echo "compiled, --no-compile-autoload-dotenv: $(../quiet)"
)
expected='compiled: env local development
compiled, --no-compile-autoload-dotenv: undefined undefined undefined'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
