"""Twenty servers that write down what arrives."""
import os, selectors, socket

selector = selectors.DefaultSelector()
for port in range(7001, 7021):
    server = socket.create_server(("127.0.0.1", port))
    selector.register(server, selectors.EVENT_READ, port)
open("/tmp/boot/listening", "w").close()
while True:
    for key, _ in selector.select():
        if isinstance(key.data, int):
            connection, _ = key.fileobj.accept()
            selector.register(connection, selectors.EVENT_READ, str(key.data))
            continue
        data = key.fileobj.recv(65536)
        if data:
            with open(f"/tmp/boot/arrived-{key.data}", "ab") as file:
                file.write(data)
        else:
            selector.unregister(key.fileobj)
            key.fileobj.close()
