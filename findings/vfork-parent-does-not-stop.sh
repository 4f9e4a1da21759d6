#!/usr/bin/env bash
# SIGSTOP does not stop a process whose vfork child has not executed yet: it stays in state D until the child goes on.
#
# Expected: a stop signal to both halves of a starting command stops both.
# Instead:  the parent waits uninterruptibly for the child's exec or end. With the child stopped before its exec, the parent
#           is never reported as stopped (T), and its other work waits with it.
# Versions: Linux (seen on 6.18).
# Source:   Linux kernel/fork.c, wait_for_vfork_done (TASK_KILLABLE); Python's subprocess, Go's os/exec and posix_spawn(3)
#           all start programs that way.
# Matters:  holding an exec by stopping the child holds the whole agent, which looks hung in the disk (D) and not stopped;
#           code that waits for every member of a tree to be T waits for ever.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

cat > start.c <<'END'
#define _DEFAULT_SOURCE
#include <unistd.h>

int main(void)
{
	if (vfork() == 0) {
		sleep(3); /* stands for an exec that is held */
		execl("/bin/true", "true", (char *)0);
		_exit(1);
	}
	sleep(60);
	return 0;
}
END
gcc -o start start.c
./start & parent=$!
trap 'kill -9 $parent; wait $parent 2> /dev/null || true; rm -rf "$work"' EXIT
sleep 1
state() { cut -d' ' -f3 "/proc/$parent/stat"; }
seen=$(
  echo "before the child's exec: $(state)"
  kill -STOP $parent
  sleep 0.5
  echo "sent SIGSTOP: $(state)"
  sleep 3
  echo "after the child's exec: $(state)"
)
expected="before the child's exec: D
sent SIGSTOP: D
after the child's exec: T"
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
