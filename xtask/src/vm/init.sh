#!/bin/busybox sh
# The guest's first process: mounts what a system has, runs every test of /tests/plan in a process of its own, as
# cargo-nextest does, and switches the machine off. It says `test NAME ... ok`, as Rust's own test runner does.
#
# From the kernel's command line: BENCH=WORD,WORD runs the benchmarks, ADVERSARY=WORD,WORD the adversary, SHELL_ONLY=1 gives a
# person the machine instead; SHARD=N and SHARDS=OF say which part of the plan is this guest's.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=vt100
export INTERLOCK_TEST_SLOWNESS=6
LIMIT=240 # seconds that one test may take

# `/init BINARY NAME` runs one test and says how it ended.
if [ $# = 2 ]; then
    log=/run/tests/$2 began=$(date +%s)
    timeout -k 10 $LIMIT "/tests/deps/$1" --exact "$2" --test-threads 1 --show-output >"$log" 2>&1
    status=$? took=$(($(date +%s) - began))
    if [ $status != 0 ]; then
        echo "test $2 ... FAILED"
        echo "---- $2, exit code $status after $took s"
        tail -c 12000 "$log" | sed 's/^/    /'
        echo "----"
    elif grep -q '^skipped: ' "$log"; then
        echo "test $2 ... ignored, $(sed -n 's/^skipped: //p' "$log" | head -1)"
    else
        echo "test $2 ... ok ($took s)"
        grep '^not on this backend' "$log" | sort -u | sed 's/^/     /'
        # See tests/tests/budget.rs.
        if [ -n "$INTERLOCK_BUDGET" ]; then grep -E '^\["|= \{ instructions' "$log"; fi
    fi
    exit 0
fi

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
ln -sf /proc/self/fd /dev/fd
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
# The repository may lie there.
mkdir /kept && mv /tmp/* /kept/ 2>/dev/null
mount -t tmpfs tmpfs /tmp
mv /kept/* /tmp/ 2>/dev/null
mount -t tmpfs tmpfs /run
mount -t securityfs securityfs /sys/kernel/security
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
ip link set lo up
hostname guest
for module in $(cat /tests/modules); do modprobe -q "$module"; done
mkdir -p /run/tests /run/lock
cd "$(cat /tests/folder)" || exit 1

echo
echo "KERNEL $(cat /proc/sys/kernel/osrelease), LSM list $(cat /sys/kernel/security/lsm)"
if [ -n "$SHELL_ONLY" ]; then
    echo "the tests are in /tests/deps; one runs by \`/init BINARY NAME\`, such as: $(head -1 /tests/plan)"
    setsid cttyhack bash
elif [ -n "$BENCH" ]; then
    ln -s ../interlock /tests/deps/interlock # where the benchmarks look for it
    echo "BENCH BEGINS"
    # shellcheck disable=SC2046 # words
    /tests/deps/bench $(echo "$BENCH" | tr , ' ')
    echo "BENCH ENDS $?"
elif [ -n "$ADVERSARY" ]; then
    mkdir -p /var/tmp && chmod 1777 /var/tmp
    echo "ADVERSARY BEGINS"
    # shellcheck disable=SC2046 # words
    /tests/deps/adversary adversary-in-a-guest --binary /tests/interlock $(echo "$ADVERSARY" | tr , ' ')
    status=$?
    dmesg | grep -E 'WARNING: |BUG: ' | grep -v 'soft lockup' | sed 's/^/KERNEL COMPLAINS: /'
    echo "ADVERSARY ENDS $status"
else
    awk -v shard="$SHARD" -v of="$SHARDS" '(NR - 1) % of == shard' /tests/plan | xargs -r -n 2 /init
    dmesg | grep -E 'WARNING: |BUG: ' | grep -v 'soft lockup' | sed 's/^/KERNEL COMPLAINS: /'
    echo "GUEST ENDS"
fi
poweroff -f
