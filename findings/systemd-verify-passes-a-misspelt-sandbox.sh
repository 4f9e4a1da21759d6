#!/usr/bin/env bash
# `systemd-analyze verify` exits 0 for a unit whose hardening is misspelt, and so is not in force.
#
# Expected: a checker fails on keys that it does not know.
# Instead:  "Unknown key …, ignoring" is a warning. Only --recursive-errors=yes makes the exit code 1.
# Versions: systemd 252 (Debian 12).
# Source:   systemd src/analyze/analyze-verify-util.c, verify_units; systemd-analyze(1), --recursive-errors=.
# Matters:  a CI step over the units of agents' runners passes while ProtectHome is off; the word to look for is in stderr.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

mkdir deb && cd deb
apt-get download -qq 'systemd=252*' 'libsystemd-shared=252*' 2> /dev/null
for package in *.deb; do dpkg -x "$package" .; done
cd "$work"
printf '[Service]\nExecStart=/bin/true\nProtectHomes=yes\n' > example.service
library=$(find deb -name 'libsystemd-shared-252.so')
verify() {
  code=0
  LD_LIBRARY_PATH=$(dirname "$library") deb/usr/bin/systemd-analyze verify --man=no "$@" ./example.service 2> out || code=$?
  echo "${1:-without options}: exit $code, $(grep -o "Unknown key 'ProtectHomes'" out)"
}
seen=$(
  verify
  verify --recursive-errors=yes
)
expected="without options: exit 0, Unknown key 'ProtectHomes'
--recursive-errors=yes: exit 1, Unknown key 'ProtectHomes'"
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
