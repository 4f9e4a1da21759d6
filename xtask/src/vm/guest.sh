#!/bin/sh
# The guest's first process: mounts what a system has, then plays people and agents against the daemon. One line per
# expectation, as Rust's test runner prints them.
export PATH=/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t securityfs securityfs /sys/kernel/security
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
ifconfig lo 127.0.0.1 up
echo
echo "KERNEL $(cat /proc/sys/kernel/osrelease), LSM list $(cat /sys/kernel/security/lsm)"

passed=0 failed=0 ignored=0
ok() { passed=$((passed + 1)); echo "test $1 ... ok"; }
bad() { failed=$((failed + 1)); echo "test $1 ... FAILED"; echo "--- $1: $2"; }
skip() { ignored=$((ignored + 1)); echo "test $1 ... ignored, $2"; }
# check NAME COMMAND...: the command must succeed.
check() { name=$1; shift; if "$@" >/run/check 2>&1; then ok "$name"; else bad "$name" "$(cat /run/check; cat /run/agent 2>/dev/null)"; fi; }
# until COMMAND...: waits at most 20 s for the command to succeed.
until_() { for _ in $(seq 100); do if "$@" >/dev/null 2>&1; then return 0; fi; sleep 0.2; done; "$@"; }
il() { interlock --socket /run/control.sock "$@"; }
waiting() { il holds --output json | grep -q '"id"'; }
hold() { il holds --output json | sed -n 's/.*"id": "\(h[0-9]*\)".*/\1/p' | head -1; }
says() { grep -q "$1" /run/agent; }
event() { il events --output json | grep -q "\"event.action\": *\"$1\""; }
backend() { il doctor --output json | tr -d '\n' | grep -q "\"subject\": \"$1\"[^}]*\"found\": \"$2:"; }

rules() { mkdir -p /etc/rules; cat > /etc/rules/test.yaml; }
rules <<'YAML'
version: 1
rules:
  - id: hold-open
    summary: A credential is about to be opened.
    on: open
    match: { secret: { grade: A, foreign: true, entry: railway-cli } }
    action: hold
    timeout: { after: 60s, then: deny }
  - id: hold-exec
    summary: A program is about to be executed.
    on: exec
    match: { process: { executable: "**/uptime" } }
    action: hold
    timeout: { after: 60s, then: deny }
  - id: hold-flow
    summary: A request after a credential was read.
    on: connect
    match: { destination: { port: 8080 }, touched: { grade: A, foreign: true } }
    action: hold
    timeout: { after: 60s, then: deny }
YAML
cat > /etc/config.toml <<'TOML'
socket = "/run/control.sock"
state = "/run/state"
rules = "/etc/rules"
pins = "none"
metrics = "none"
TOML
interlock --config /etc/config.toml daemon > /run/log 2>&1 &
daemon=$!
cd /work || exit 1
check programs_load until_ il status

expected=tracing
if grep -q bpf /sys/kernel/security/lsm; then expected=lsm; fi
check "the_backend_for_opens_is_$expected" backend open $expected
check the_flow_programs_are_portable until_ il run -- true

if [ $expected = lsm ]; then
    il run -- sh -c 'cat /root/.railway/config.json; echo "exit $?"' > /run/agent 2>&1 &
    check an_open_is_held until_ waiting
    check nothing_was_read_meanwhile sh -c '! grep -q -e token -e exit /run/agent'
    victim=$(il holds --output json | sed -n 's/.*"pid": \([0-9]*\).*/\1/p' | head -1)
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -CONT "$victim"; sleep 0.1; done
    check ten_stray_continues_change_nothing sh -c '! grep -q -e token -e exit /run/agent'
    check it_is_approved il approve "$(hold)"
    check an_approved_open_goes_through until_ says 'exit 0'
    check the_program_read_it_all says not-real

    il run -- sh -c 'cat /root/.railway/config.json; echo "exit $?"' > /run/agent 2>&1 &
    until_ waiting
    check it_is_denied il deny "$(hold)"
    check a_denied_open_fails until_ says 'exit 1'
    check a_denied_open_reads_nothing sh -c '! grep -q not-real /run/agent'

    il run -- sh -c '/bin/uptime; echo "exit $?"' > /run/agent 2>&1 &
    check an_exec_is_held until_ waiting
    check the_exec_is_approved il approve "$(hold)"
    check an_approved_exec_runs until_ says 'exit 0'

    il run -- sh -c "kill -9 $daemon; echo kill \$?; rm /run/state/ledger.jsonl; echo rm \$?; echo x > /run/state/ledger.jsonl; echo write \$?; mv /etc/rules/test.yaml /tmp; echo mv \$?; echo end" > /run/agent 2>&1
    for act in kill rm write mv; do check "an_agent_cannot_${act}" says "$act 1"; done
    check the_daemon_lives il status
    check tampering_is_reported event tamper
    check who_has_no_label_may_signal_it kill -0 $daemon
else
    for name in an_open_is_held a_denied_open_fails an_exec_is_held an_agent_cannot_kill; do skip $name "needs bpf in the LSM list"; done
    il run -- cat /root/.railway/config.json > /run/agent 2>&1
    check an_open_is_seen until_ event secret-read
fi

# The flow hold is the same on every backend.
mkdir -p /www
echo answer > /www/index.html
httpd -f -vv -p 8080 -h /www > /run/request 2>&1 &
il run -- sh -c 'cat /root/.railway/config.json > /dev/null; wget -q -O - http://127.0.0.1:8080/; echo "exit $?"' > /run/agent 2>&1 &
if [ $expected = lsm ]; then until_ waiting; il approve "$(hold)" > /dev/null; sleep 1; fi
check a_flow_is_held until_ waiting
sleep 1
check nothing_of_it_arrived sh -c '! grep -q response /run/request'
check the_flow_is_approved il approve "$(hold)"
check an_approved_flow_is_answered until_ says answer

if [ $failed -gt 0 ]; then cat /run/log; il events; il doctor; fi
echo "test result: $([ $failed = 0 ] && echo ok || echo FAILED). $passed passed; $failed failed; $ignored ignored"
poweroff -f
