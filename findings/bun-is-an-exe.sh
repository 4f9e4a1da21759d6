#!/usr/bin/env bash
# Installed from npm, bun on Linux is a file named bun.exe, and bunx is a hard link beside it.
#
# Expected: node_modules/bun/bin/bun; bunx decided by argv[0] of the same file.
# Instead:  .bin/bun leads to bun/bin/bun.exe: /proc/PID/exe ends with bun.exe while comm is bun. The inode is shared,
#           so that (device, inode) does not tell which was started.
# Versions: bun 1.4.4 (npm).
# Source:   the package's install.js (one name for all platforms).
# Matters:  lists of runtimes by the executable's name, and globs that skip *.exe on Linux, miss every bun from npm.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm
cd "$work"

npm install --prefix "$work" --silent bun@1.4.4
run() {
  "node_modules/.bin/$1" "${@:2}" &
  sleep 1
  echo "$1: comm $(cat /proc/$!/comm), exe $(basename "$(readlink /proc/$!/exe)")"
  kill $!
}
echo 'await Bun.sleep(60000)' > wait.js
seen=$(
  run bun wait.js
  [ node_modules/bun/bin/bun.exe -ef node_modules/bun/bin/bunx.exe ] && echo 'bun.exe and bunx.exe: one inode'
)
expected='bun: comm bun, exe bun.exe
bun.exe and bunx.exe: one inode'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
