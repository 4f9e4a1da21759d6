#!/usr/bin/env bash
# A program that sets its process title wipes its own /proc/PID/environ.
#
# Expected: environ shows the environment as it was at exec; only the process's own changes are missing.
# Instead:  the title is written over the memory that argv and the environment lie in, and environ reads that memory:
#           the marker variables are gone, in their place stands the title's tail. Children still inherit them.
# Versions: setproctitle 1.3.8 (PyPI).
# Source:   setproctitle src/spt_status.c (from PostgreSQL): the area of argv and environ is used for the title;
#           Linux fs/proc/base.c, environ_read: mm->env_start to env_end as they are now.
# Matters:  a monitor that starts late and looks for an agent's marker in the environment of running processes finds none
#           in those that rename themselves; it has to look at their children, or at what they hold open.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export PIP_CACHE_DIR=$cache/pip
cd "$work"

python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" setproctitle==1.3.8
cat > agent.py <<'END'
import setproctitle, subprocess

def marked(path):
    return b"AGENT_MARKER=1" in open(path, "rb").read()

print("before:", marked("/proc/self/environ"))
setproctitle.setproctitle("agent " + "x" * 8000)
print("after:", marked("/proc/self/environ"), "only x:", set(open("/proc/self/environ", "rb").read()) <= {0, ord("x")})
child = "import os; print('child:', b'AGENT_MARKER=1' in open('/proc/self/environ', 'rb').read())"
print(subprocess.run(["python3", "-c", child], capture_output=True, text=True).stdout.strip())
END
python=$(python3 -c 'import sys; print(sys.executable)')
seen=$(env -i PATH="$PATH" PYTHONPATH=py AGENT_MARKER=1 "$python" agent.py)
expected='before: True
after: False only x: True
child: True'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
