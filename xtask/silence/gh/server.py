"""Answers as GitHub Enterprise does, over TLS, and logs the token."""
import http.server, json, ssl

ANSWERS = {
    "/api/v3/user": {"login": "ann"},
    "/api/v3/repos/ann/shop/issues": [{"number": 1, "title": "Prices are wrong"}],
    "/api/graphql": {"data": {"viewer": {"login": "ann"}}},
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        print(self.headers.get("Authorization"), flush=True)
        answer = ANSWERS.get(self.path.partition("?")[0])
        text = json.dumps(answer or {"message": "Not Found"}).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate", "key")
server.socket = context.wrap_socket(server.socket, server_side=True)
open("port", "w").write(str(server.server_port))
server.serve_forever()
