#!/usr/bin/env bash
# A classic `docker build` of FROM scratch asks the credential helper for every login it has and sends all to the daemon.
#
# Expected: a build asks for the login of the registry that it pulls from; this one pulls from none.
# Instead:  the helper is asked for its list and then for each secret; the header X-Registry-Config of the build request
#           carries them all, to whatever DOCKER_HOST names. `docker pull` asks for one.
# Versions: docker.io 20.10.24 (Debian 12), where classic is the default; docker 28.2.2 does so with DOCKER_BUILDKIT=0.
# Source:   docker/cli cli/command/image/build.go (GetAllCredentials); cli/config/credentials, GetAll.
# Matters:  the helper's run for a cloud's registry is no sign that something for that cloud happens, and a build on another
#           machine's daemon is where every registry login of a person leaves this one.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

mkdir deb && cd deb
apt-get download -qq 'docker.io=20.10.24*' 2> /dev/null
dpkg -x docker.io*.deb .
cd "$work"
cat > daemon.py <<'END'
import base64, http.server, json

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        header = self.headers.get("X-Registry-Config")
        if header:
            logins = json.loads(base64.urlsafe_b64decode(header + "=="))
            print("sent:", *sorted(f"{host}={login['password']}" for host, login in logins.items()), flush=True)
        self.send_response(200)
        self.send_header("API-Version", "1.41")
        self.send_header("OSType", "linux")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"{}")

    do_HEAD = do_POST = do_GET

    def log_message(self, *ignored):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open("port", "w").write(str(server.server_port))
server.serve_forever()
END
python3 daemon.py >> log 2> /dev/null &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until [ -s port ]; do sleep 0.1; done
mkdir -p home/.docker bin context
echo 'FROM scratch' > context/Dockerfile
echo '{"credsStore": "example"}' > home/.docker/config.json
cat > bin/docker-credential-example <<'END'
#!/bin/sh
host=$(cat)
case $1 in
  list) echo '{"one.example.test": "u", "two.example.test": "u"}' ;;
  get)
    echo "$host" >> "$HOME/asked"
    printf '{"ServerURL": "%s", "Username": "u", "Secret": "fake-%s"}' "$host" "${host%%.*}"
    ;;
esac
END
chmod +x bin/docker-credential-example
run() {
  rm -f home/asked
  env -i HOME="$work/home" PATH="$work/bin:/usr/bin:/bin" DOCKER_BUILDKIT=0 DOCKER_HOST="tcp://127.0.0.1:$(cat port)" \
    timeout 60 deb/usr/bin/docker "$@" > out 2>&1 || true
  echo "docker $1: helper asked for $(sort home/asked | xargs)"
}
seen=$(
  run build context
  cat log
  run pull one.example.test/image
)
expected='docker build: helper asked for one.example.test two.example.test
sent: one.example.test=fake-one two.example.test=fake-two
docker pull: helper asked for one.example.test'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
