#!/usr/bin/env bash
# A program started from a memfd is called memfd:NAME, whatever argv[0] says, since Linux 6.14; before it was a number.
#
# Expected: comm is the last part of the path that was executed.
# Instead:  execveat of a descriptor has no path: comm was the descriptor's number ("5") up to 6.13, and is the name of the
#           file behind it since, which for a memfd is what its maker chose, cut to 15 bytes.
# Versions: Linux 6.14 and later (seen on 6.18).
# Source:   Linux fs/exec.c, begin_new_exec: the dentry's name where the path is empty.
# Matters:  comm of runc, crun and programs unpacked into memory changes with the kernel, and a rule on it with that.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

release=$(uname -r)
[ "$(printf '6.14\n%s\n' "${release%%-*}" | sort -V | head -1)" = 6.14 ] || { echo 'needs Linux 6.14'; exit 2; }
cat > start.py <<'END'
import os, sys, time

def comm(descriptor):
    child = os.fork()
    if child == 0:
        os.execve(descriptor, ["agent", "60"], {})
    time.sleep(0.5)
    name = open(f"/proc/{child}/comm").read().strip()
    os.kill(child, 9)
    os.waitpid(child, 0)
    return name

program = os.path.realpath("/bin/sleep")
memory = os.memfd_create("unpacked-program")
os.write(memory, open(program, "rb").read())
print("memfd:", comm(memory))
print("file:", comm(os.open(program, os.O_RDONLY)))
END
seen=$(python3 start.py)
expected='memfd: memfd:unpacked-
file: sleep'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
