"""Asks a language server as an editor does: ask.py FILE LANGUAGE LINE COLUMN -- COMMAND …

Prints what it can and what it says of the place. LINE and COLUMN count from 0.
"""

import json, os, pathlib, subprocess, sys, time

file, language, line, column = sys.argv[1:5]
server = subprocess.Popen(sys.argv[6:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
uri = pathlib.Path(file).resolve().as_uri()
root = pathlib.Path.cwd().as_uri()


def send(message):
    body = json.dumps({"jsonrpc": "2.0"} | message).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    server.stdin.flush()


def receive():
    length = 0
    while head := server.stdout.readline().strip():
        name, _, value = head.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(server.stdout.read(length))


def ask(number, method, parameters):
    """Its answer; what the server asks meanwhile is answered with nothing."""
    send({"id": number, "method": method, "params": parameters})
    while True:
        message = receive()
        if message.get("id") == number and "method" not in message:
            return message
        if "id" in message:
            items = message.get("params", {}).get("items", []) if isinstance(message.get("params"), dict) else []
            send({"id": message["id"], "result": [None] * len(items) if items else None})


print(json.dumps(ask(1, "initialize", {
    "processId": os.getpid(), "rootUri": root, "workspaceFolders": [{"uri": root, "name": "shop"}],
    "capabilities": {"textDocument": {"hover": {"contentFormat": ["plaintext"]}}, "workspace": {"configuration": True}}})))
send({"method": "initialized", "params": {}})
send({"method": "textDocument/didOpen", "params": {"textDocument": {
    "uri": uri, "languageId": language, "version": 1, "text": pathlib.Path(file).read_text()}}})
where = {"textDocument": {"uri": uri}, "position": {"line": int(line), "character": int(column)}}
# A server that is still reading the project has nothing to say yet.
for attempt in range(60):
    answer = ask(2 + attempt, "textDocument/hover", where)
    if answer.get("result") or attempt >= 5 and "rust" not in language:
        break
    time.sleep(0.5)
print(json.dumps(answer))
ask(99, "shutdown", None)
send({"method": "exit"})
server.wait(20)
