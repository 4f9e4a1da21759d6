#!/usr/bin/env bash
# `ps -p PID -o args`, and even `ps -e -o pid,comm`, opens /proc/PID/environ of every process on the machine.
#
# Expected: the environment is read for `ps e` only, and with -p of the one process that was asked for.
# Instead:  every listing with a command column, also comm, opens environ (and cmdline) of all processes before it
#           selects any; nothing of it is printed. `ps -o pid` opens none, pgrep opens all cmdlines, also without -f.
# Versions: procps 2:4.0.2-3, strace 6.1 (Debian 12).
# Source:   procps-ng, library/readproc.c: what is read follows from the columns, selection comes afterwards.
# Matters:  a monitor that counts opens of other processes' environ as a search for secrets takes `ps -ef` for one. What
#           tells a search is what is printed or kept, which the opens do not show.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

mkdir deb && cd deb
apt-get download -qq 'procps=2:4.0.2*' 'libproc2-0=2:4.0.2*' 'strace=6.1*' 2> /dev/null
for package in *.deb; do dpkg -x "$package" root; done
cd "$work"
export LD_LIBRARY_PATH=$work/deb/root/usr/lib/x86_64-linux-gnu
bin=deb/root/usr/bin
ps=$bin/ps
[ -x "$ps" ] || ps=deb/root/bin/ps
sleep 60 & one=$!
sleep 60 & two=$!
trap 'kill $one $two; rm -rf "$work"' EXIT
opened() { # how many of the two sleeping processes had FILE opened by the command
  "$bin/strace" -f -o trace -e trace=openat,open "${@:2}" > out 2>&1 || true
  grep -E "\"(/proc/)?($one|$two)/$1\"" trace | grep -oE "($one|$two)/" | sort -u | wc -l
}
seen=$(
  for options in "-p $one -o args" "-C bash" "-e -o pid,comm" "-e -o pid"; do
    echo "ps ${options/$one/PID}: environ of $(opened environ "$ps" $options)"
  done
  echo "pgrep nothing: environ of $(opened environ "$bin/pgrep" nothing), cmdline of $(opened cmdline "$bin/pgrep" nothing)"
)
expected='ps -p PID -o args: environ of 2
ps -C bash: environ of 2
ps -e -o pid,comm: environ of 2
ps -e -o pid: environ of 0
pgrep nothing: environ of 0, cmdline of 2'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
