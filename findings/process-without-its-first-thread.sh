#!/usr/bin/env bash
# A process whose first thread has ended looks dead in /proc while the others work: state Z, no exe, no fd, no environ.
#
# Expected: /proc/PID stands for the process as long as a thread of it lives.
# Instead:  these files are those of the thread with the process's number. /proc/PID/task/TID has them all still; ps says
#           <defunct>.
# Versions: Linux (seen on 6.18).
# Source:   Linux fs/proc/base.c (get_proc_task is the leader); pthread_exit(3), notes: main may end before its threads.
# Matters:  a reconciling pass that takes Z for dead forgets a process that can still connect; one that lists descriptors or
#           looks for a marker finds nothing. Look at the threads when Threads in status is above one.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

cat > process.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *work(void *unused)
{
	for (int second = 1; second < 60; second++) {
		sleep(1);
		printf("works\n");
		fflush(stdout);
	}
	return unused;
}

int main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, work, NULL);
	pthread_exit(NULL);
}
END
gcc -pthread -o process process.c
AGENT_MARKER=1 ./process > out & process=$!
trap 'kill -9 $process; wait $process 2> /dev/null || true; rm -rf "$work"' EXIT
until [ -s out ]; do sleep 0.1; done
thread=$(find /proc/$process/task -mindepth 1 -maxdepth 1 ! -name $process -printf %f)
look() { # a folder in /proc
  state=$(sed -n 's/^State:\t\(.\).*/\1/p' "$1/status")
  marked=$(grep -c AGENT_MARKER "$1/environ" 2> /dev/null || true)
  echo "state $state, exe $(readlink "$1/exe" | xargs -r basename), descriptors $(ls "$1/fd" | wc -l), marked ${marked:-0}"
}
seen=$(
  echo "process: $(look /proc/$process)"
  echo "its thread: $(look "/proc/$process/task/$thread")"
)
[[ $seen =~ descriptors\ ([1-9][0-9]*) ]] && seen=${seen/${BASH_REMATCH[0]}/descriptors some}
expected='process: state Z, exe , descriptors 0, marked 0
its thread: state S, exe process, descriptors some, marked 1'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
