#!/usr/bin/env bash
# runc starts its own second half by execveat of an empty path, and the container's first process by CLONE_PARENT.
#
# Expected: an exec names a file, and who creates a process is its parent.
# Instead:  runc copies itself into a sealed memfd and executes the descriptor: a hook that copies the path argument sees
#           "", /proc/PID/exe says memfd. The process that enters the container is cloned by a helper with CLONE_PARENT and
#           so becomes the child of runc itself.
# Versions: runc 1.1.5, busybox 1.35, strace 6.1 (Debian 12).
# Source:   runc libcontainer/nsenter/cloned_binary.c and nsexec.c (stages 0 to 2).
# Matters:  what recognises programs by the exec's path, or follows parents instead of creators, loses a process on its way
#           into a container.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

mkdir -p deb bundle/rootfs/{bin,proc,dev,sys} && cd deb
apt-get download -qq 'runc=1.1.5*' 'busybox-static=1:1.35*' 'strace=6.1*' 2> /dev/null
for package in *.deb; do dpkg -x "$package" .; done
ldd usr/sbin/runc | grep 'not found' && { echo 'needs libseccomp2'; exit 2; }
cp bin/busybox "$work/bundle/rootfs/bin/true"
cd "$work/bundle"
runc=$work/deb/usr/sbin/runc
"$runc" spec --rootless
sed -i 's/"terminal": true/"terminal": false/; s#"sh"#"/bin/true"#' config.json
"$work/deb/usr/bin/strace" -f -o "$work/trace" -e trace=execve,execveat,clone,clone3 \
  "$runc" --root "$work/state" run finding < /dev/null > "$work/out" 2>&1 || { cat "$work/out"; exit 2; }
seen=$(
  echo "runc init: $(grep -oE 'execveat\([0-9]+, "", ' "$work/trace" | sed -E 's/[0-9]+/memfd/; s/, $//' | sort -u))"
  echo "clones with CLONE_PARENT: $(grep -c 'CLONE_PARENT|' "$work/trace")"
  echo "container: $(grep -oE 'execve\("/bin/true"' "$work/trace" | head -1)"
)
expected='runc init: execveat(memfd, "")
clones with CLONE_PARENT: 2
container: execve("/bin/true"'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
