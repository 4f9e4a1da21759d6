#!/usr/bin/env bash
# A process in a frozen cgroup is shown as S, sleeping; a SIGSTOP sent meanwhile does not show; SIGTERM ends it frozen.
#
# Expected: state T, as for a stopped process, or D as in the first version of the freezer; signals wait for the thaw.
# Instead:  state S in /proc/PID/stat and ps, with wchan get_signal. Only cgroup.events tells. A signal whose default
#           action is to end the process ends it at once.
# Versions: Linux 5.2 and later, cgroup v2 (seen on 6.18).
# Source:   Linux kernel/signal.c, do_freezer_trap (TASK_INTERRUPTIBLE|TASK_FREEZABLE), complete_signal;
#           Documentation/admin-guide/cgroup-v2.rst, cgroup.freeze.
# Matters:  tools that look for T report a frozen agent as idle; and "frozen" does not keep evidence: its parent's
#           SIGTERM at a time-out takes the memory away.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
group=$root/finding-$$
mkdir "$group" 2> /dev/null || { echo 'needs a cgroup v2 that it may write to'; exit 2; }
sleep 60 & first=$!
sleep 60 & second=$!
clean_up() {
  kill -9 $first $second 2> /dev/null || true
  echo 0 > "$group/cgroup.freeze"
  wait $first $second 2> /dev/null || true
  rmdir "$group"
  rm -rf "$work"
}
trap clean_up EXIT
echo $first > "$group/cgroup.procs"
echo $second > "$group/cgroup.procs"
echo 1 > "$group/cgroup.freeze"
until grep -q 'frozen 1' "$group/cgroup.events"; do sleep 0.1; done
state() { cut -d' ' -f3 "/proc/$1/stat" 2> /dev/null || echo gone; }
seen=$(
  echo "frozen: $(state $first)"
  kill -STOP $first
  sleep 0.2
  echo "stopped while frozen: $(state $first)"
  kill -TERM $second
  sleep 0.5
  case $(state $second) in Z | gone) echo 'terminated while frozen: ended' ;; *) echo 'terminated while frozen: waits' ;; esac
)
expected='frozen: S
stopped while frozen: S
terminated while frozen: ended'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
