#!/bin/bash
# In a guest that systemd has booted: installs, upgrades, downgrades and removes the package, and says what became of it. One stage a boot.
exec >/dev/ttyS0 2>&1 </dev/null
state=/opt/boot/stage
stage=$(cat "$state" 2>/dev/null || echo 1)
new=$(ls /opt/boot/interlock_*-2_amd64.deb) old=$(ls /opt/boot/interlock_*-1_amd64.deb)
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PAGER=cat SYSTEMD_PAGER=cat HOME=/root

# check NAME COMMAND...: whether the command ends well; its output is shown where it does not.
check() {
    local name=$1 said; shift
    if said=$("$@" 2>&1); then echo "BOOT ok $stage: $name"; else echo "BOOT failed $stage: $name: $*"; echo "${said:-nothing said}" | tail -n 25; fi
}
# until NAME SECONDS COMMAND...: the same, tried again.
until_so() {
    local name=$1 end=$((SECONDS + $2)); shift 2
    until "$@" >/dev/null 2>&1 || [ $SECONDS -ge $end ]; do sleep 1; done
    check "$name" "$@"
}
is() { [ "$1" = "$2" ] || { echo "found: $1; expected: $2"; return 1; }; }
pid() { systemctl show --property MainPID --value interlock; }
answers() { interlock status; }
waiting() { is "$(interlock holds --output json | grep -c '"state": "waiting"')" "$1"; }
arrived() { is "$(cat /tmp/boot/arrived-* 2>/dev/null | wc -c)" "$1"; }
another() { [ "$(pid)" != 0 ] && [ "$(pid)" != "$1" ]; }
absent() { for path in "$@"; do [ ! -e "$path" ] || { echo "$path is there"; return 1; }; done; }
refuses() { ! "$@"; }
warned() { journalctl --unit interlock --priority warning --output json "INTERLOCK_SESSION=$1" | grep -q '"PRIORITY":"[34]"'; }
in_scope() { journalctl --unit 'interlock-run-*' --output cat --quiet >/dev/null; grep -q 'interlock-run-.*\.scope' /tmp/boot/cgroup || { cat /tmp/boot/cgroup; return 1; }; }
status_text() { systemctl show --property StatusText --value interlock | grep -q 'agent session'; }

echo "BOOT stage $stage $(uname -r) systemd $(systemctl --version | head -n 1 | cut -d ' ' -f 2)"
ip link set lo up
case $stage in
1)
    check "the package installs" dpkg --install "$old"
    until_so "it is started" 120 systemctl is-active --quiet interlock
    check "it is enabled" systemctl is-enabled --quiet interlock
    check "the daemon answers" answers
    until_so "the service manager is told what it does" 60 status_text
    interlock doctor --color never || true
    check "the unit verifies" systemd-analyze verify interlock.service
    systemd-analyze security interlock --no-pager | tail -n 1
    for task in /proc/$(pid)/task/*; do echo "CAPABILITIES $(cat $task/comm) $(grep CapPrm $task/status | cut -f 2)"; done | sort | uniq -c
    check "nobody else reads its state" is "$(stat -c %a:%U /var/lib/interlock)" 700:root
    check "everybody may ask" is "$(stat -c %a /run/interlock/control.sock)" 666
    check "the group is there" getent group interlock
    # A further file is read, and one with a mistake stops no daemon that runs.
    echo 'risk_budget = 0' >/etc/interlock/config.d/10-wrong.toml
    check "a mistake is told" refuses interlock config check
    check "its file is named" grep -q '10-wrong.toml:1:15' <(interlock config check 2>&1)
    rm /etc/interlock/config.d/10-wrong.toml
    check "reload" systemctl reload interlock
    check "the drill" interlock drill
    check "logrotate" logrotate --force /etc/logrotate.d/interlock
    before=$(pid)
    kill -9 "$before"
    until_so "a killed daemon is started again" 60 another "$before"
    until_so "the one after it answers" 120 answers
    # Twenty connections of an agent that has read a credential of somebody else's.
    mkdir -p /root/.railway /tmp/boot /root/work && cd /root/work
    echo '{"user":{"token":"fake-boot-token"}}' >/root/.railway/config.json
    systemd-run --quiet --unit boot-servers /usr/bin/python3 /opt/boot/servers.py
    until_so "the servers listen" 60 test -e /tmp/boot/listening
    systemd-run --quiet --unit boot-agent --property WorkingDirectory=/root/work --setenv HOME=/root \
        interlock run -- bash -c 'cat /proc/self/cgroup >/tmp/boot/cgroup; cat ~/.railway/config.json >/dev/null; for n in $(seq 20); do curl --silent --max-time 3000 --resolve backboard.railway.app:$((7000 + n)):127.0.0.1 http://backboard.railway.app:$((7000 + n))/ >/dev/null & done; wait'
    until_so "twenty holds wait" 180 waiting 20
    check "the session has a scope of its own" in_scope
    session=$(interlock ps --output json | grep -m 1 '"id"' | cut -d '"' -f 4)
    until_so "the journal has the session as a field" 30 warned "$session"
    before=$(pid)
    check "the newer package installs" dpkg --install "$new"
    until_so "another daemon runs" 120 another "$before"
    until_so "the newer daemon answers" 120 answers
    check "no hold was lost by the upgrade" waiting 20
    check "nothing went through" arrived 0
    before=$(pid)
    check "the older package installs over it" dpkg --install "$old"
    until_so "another daemon runs after the downgrade" 120 another "$before"
    until_so "the older daemon answers" 120 answers
    check "no hold was lost by the downgrade" waiting 20
    check "nothing went through still" arrived 0
    check "one is approved" interlock approve "$(interlock holds --output json | grep -m 1 '"id"' | cut -d '"' -f 4)"
    until_so "nineteen wait" 60 waiting 19
    until_so "the approved one arrives" 60 refuses arrived 0
    check "the newer package installs again" dpkg --install "$new"
    until_so "no hold was lost by the second upgrade" 120 waiting 19
    check "the ledger holds together" interlock ledger verify
    echo 2 >"$state"; sync
    echo "BOOT reboots"; systemctl reboot
    ;;
2)
    until_so "it is started by the boot" 180 systemctl is-active --quiet interlock
    check "the daemon answers after the reboot" answers
    check "the ledger holds together after the reboot" interlock ledger verify
    check "nothing waits that cannot go on" waiting 0
    check "an administrator's change stays" sh -c 'echo "risk_budget = 90" >>/etc/interlock/config.toml && systemctl restart interlock'
    systemctl disable --quiet interlock
    check "an upgrade leaves a disabled service disabled" sh -c "dpkg --install $old && ! systemctl is-enabled --quiet interlock"
    check "the package is removed" dpkg --remove interlock
    check "no daemon is left" refuses systemctl is-active --quiet interlock
    check "nothing is enforced" absent /sys/fs/bpf/interlock
    check "the configuration survives the removal" grep -q 'risk_budget = 90' /etc/interlock/config.toml
    check "the record survives the removal" test -s /var/lib/interlock/ledger.jsonl
    check "the package is purged" dpkg --purge interlock
    check "nothing is left" absent /etc/interlock /var/lib/interlock /run/interlock /etc/logrotate.d/interlock /usr/bin/interlock
    echo "BOOT ENDS"; sync; systemctl poweroff
    ;;
esac
