"""An npm registry that takes everything from whoever has the token, and logs it."""
import http.server, json, sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        print(self.command, self.path, self.headers.get("Authorization"), flush=True)
        if self.headers.get("Authorization") != "Bearer not-real-here":
            return self.answer(401, {"error": "who are you?"})
        if self.path == "/-/whoami":
            return self.answer(200, {"username": "ann"})
        return self.answer(404 if self.command == "GET" else 201, {"ok": True})

    do_GET = do_PUT

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
