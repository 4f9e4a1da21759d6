"""A package index of one wheel, for whoever knows the password."""
import base64, http.server, io, sys, zipfile

WANTED = "Basic " + base64.b64encode(b"ann:not-real-here").decode()
NAME = "shop_prices-1.0-py3-none-any.whl"


def wheel():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("shop_prices.py", "PRICE = 12\n")
        info = "shop_prices-1.0.dist-info/"
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: shop-prices\nVersion: 1.0\n")
        archive.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        files = ["shop_prices.py", info + "METADATA", info + "WHEEL", info + "RECORD"]
        archive.writestr(info + "RECORD", "".join(f"{name},,\n" for name in files))
    return buffer.getvalue()


PAGES = {
    "/simple/shop-prices/": ("text/html", f'<a href="/files/{NAME}">{NAME}</a>'.encode()),
    f"/files/{NAME}": ("application/octet-stream", wheel()),
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("Authorization") != WANTED:
            self.answer(401, "text/plain", b"", {"WWW-Authenticate": 'Basic realm="index"'})
        elif self.path in PAGES:
            self.answer(200, *PAGES[self.path], {})
        else:
            self.answer(404, "text/plain", b"", {})

    def answer(self, status, kind, body, more):
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | more).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
