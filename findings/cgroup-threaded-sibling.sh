#!/usr/bin/env bash
# One threaded cgroup makes its siblings refuse every process, with "Operation not supported".
#
# Expected: a new child cgroup takes processes; that one of its siblings is threaded is that sibling's business.
# Instead:  the parent becomes a threaded domain, and every other child, also one made later, is "domain invalid" until it
#           is made threaded as well. The threaded one itself takes whole processes.
# Versions: Linux 4.14 and later, cgroup v2 (seen on 6.18).
# Source:   Documentation/admin-guide/cgroup-v2.rst, "Threads"; kernel/cgroup/cgroup.c, cgroup_migrate_vet_dst.
# Matters:  a monitor that makes a cgroup of its own beside a service's in order to freeze or filter it cannot move
#           anything there, and the errno says nothing about threads. Read cgroup.type before relying on it.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
group=$root/finding-$$
mkdir "$group" 2> /dev/null || { echo 'needs a cgroup v2 that it may write to'; exit 2; }
mkdir "$group/workers"
sleep 60 & process=$!
trap 'kill -9 $process; wait $process 2> /dev/null || true; rmdir "$group/later" "$group/workers" "$group"; rm -rf "$work"' EXIT
echo threaded > "$group/workers/cgroup.type"
mkdir "$group/later"
move() {
  if (echo $process > "$group/$1/cgroup.procs") 2> error; then echo moved; else sed 's/.*error: //' error; fi
}
seen=$(
  echo "parent: $(cat "$group/cgroup.type")"
  echo "later: $(cat "$group/later/cgroup.type"), $(move later)"
  echo "workers: $(cat "$group/workers/cgroup.type"), $(move workers)"
)
expected='parent: domain threaded
later: domain invalid, Operation not supported
workers: threaded, moved'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
