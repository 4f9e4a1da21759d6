"""Settings come from .env; a page comes from a server."""
import http.server, os, threading

import dotenv, requests


def test_settings():
    dotenv.load_dotenv()
    assert os.environ["DATABASE_URL"] == "postgres://localhost/shop"
    assert dotenv.dotenv_values(".env")["STRIPE_SECRET_KEY"]


def test_page():
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # requests looks for a password in ~/.netrc before every request.
    assert requests.get(f"http://127.0.0.1:{server.server_port}/test_shop.py").status_code == 200
    server.shutdown()
