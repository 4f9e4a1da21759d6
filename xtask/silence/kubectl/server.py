"""Answers as a Kubernetes API server with one pod does, itself and as a proxy."""
import http.server, json, sys, urllib.parse

META = {"name": "web-1", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"}
POD = {
    "apiVersion": "v1", "kind": "Pod", "metadata": META,
    "spec": {"containers": [{"name": "web", "image": "shop:1"}]},
    "status": {"phase": "Running", "containerStatuses": [
        {"name": "web", "ready": True, "restartCount": 0, "image": "shop:1", "imageID": "", "state": {"running": {}}}]},
}
RESOURCE = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"],
            "shortNames": ["po"]}
ANSWERS = {
    "/version": {"major": "1", "minor": "32", "gitVersion": "v1.32.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [RESOURCE]},
    "/api/v1/namespaces/default/pods": {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [POD]},
    "/api/v1/namespaces/default/pods/web-1": POD,
    "/api/v1/namespaces/default/pods/web-1/log": "listening\n",
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = ANSWERS.get(urllib.parse.urlsplit(self.path).path)
        plain = isinstance(answer, str)
        text = answer if plain else json.dumps(answer or {"kind": "Status", "status": "Failure", "code": 404})
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "text/plain" if plain else "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
