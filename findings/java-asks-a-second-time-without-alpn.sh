#!/usr/bin/env bash
# Java's HttpClient answers a connection that was closed behind its greeting with a second one, whose greeting is another.
#
# Expected: one request, one connection, one error.
# Instead:  the first greeting offers h2 and http/1.1; when the server closes without an answer, the client connects again
#           at once and offers no ALPN. After a reset it does not.
# Versions: OpenJDK as installed (seen with 17.0.15 and 25).
# Source:   OpenJDK java.net.http, jdk.internal.net.http.Http2Connection and ExchangeImpl (fall back to HTTP/1.1).
# Matters:  a held and then refused request of a Java program is two flows and two questions where the refusal is a close;
#           counting attempts, or telling clients by their greeting, goes wrong with the second.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

command -v java > /dev/null || { echo 'needs a JDK, 11 or later'; exit 2; }
cat > Ask.java <<'END'
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

public class Ask {
  public static void main(String[] arguments) throws Exception {
    try {
      HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create(arguments[0])).build(), BodyHandlers.discarding());
    } catch (java.io.IOException expected) {
    }
  }
}
END
cat > count.py <<'END'
import socket, struct, subprocess, threading

def connections(reset):
    server = socket.create_server(("127.0.0.1", 0))
    seen = []

    def serve():
        while True:
            connection, _ = server.accept()
            hello = connection.recv(65536)
            seen.append("with ALPN" if b"http/1.1" in hello else "without")
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    subprocess.run(["java", "Ask.java", f"https://localhost:{server.getsockname()[1]}/"], check=True)
    return ", ".join(seen)

print("closed:", connections(reset=False))
print("reset:", connections(reset=True))
END
seen=$(python3 count.py)
expected='closed: with ALPN, without
reset: with ALPN'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
