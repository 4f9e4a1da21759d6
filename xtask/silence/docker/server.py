"""Answers as dockerd does, pulls nothing, and logs the credential it was sent."""
import base64, http.server, json, sys

VERSION = {"Version": "28.0.0", "ApiVersion": "1.48", "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64"}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        if path.endswith("/images/create"):
            given = json.loads(base64.urlsafe_b64decode(self.headers["X-Registry-Auth"] + "=="))
            print(given.get("username"), given.get("password"), flush=True)
        answers = {"version": VERSION, "create": {"status": "Image is up to date"}, "json": [], "info": {}}
        text = b"OK" if path.endswith("/_ping") else json.dumps(answers.get(path.rsplit("/", 1)[1], {})).encode()
        self.send_response(200)
        self.send_header("Api-Version", "1.48")
        self.send_header("Ostype", "linux")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_POST = do_HEAD = do_GET


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
