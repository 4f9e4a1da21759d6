"""Answers as STS, S3 and DynamoDB do, and logs the key id that signed."""
import http.server, json, sys

STS = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/ann</Arn><UserId>ANN</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
S3 = """<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>ann</ID></Owner><Buckets>
<Bucket><Name>shop-backups</Name><CreationDate>2026-01-01T00:00:00.000Z</CreationDate></Bucket>
</Buckets></ListAllMyBucketsResult>"""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        print(self.headers.get("Authorization"), flush=True)
        if "DynamoDB" in self.headers.get("X-Amz-Target", ""):
            self.answer("application/x-amz-json-1.0", json.dumps({"TableNames": ["orders"]}))
        else:
            self.answer("text/xml", S3 if self.command == "GET" else STS)

    do_GET = do_POST

    def answer(self, kind, text):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
