"""Somebody else's network, in a namespace of its own: a resolver that gives one address for every name, and a server there that
notes what arrives. Prints its pid once both answer."""
import os, socket, subprocess, threading

SERVER, RESOLVER = "203.0.113.10", "203.0.113.53"
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for address in (SERVER, RESOLVER):
    subprocess.run(["ip", "addr", "add", address + "/32", "dev", "lo"], check=True)


def serve(connection):
    while data := connection.recv(65536):
        with open(os.path.expanduser("~/arrived"), "ab") as arrived:
            arrived.write(data)
        connection.sendall(b"ok")


def accept(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


for place in ((SERVER, 443), (SERVER, 80), ("127.0.0.1", 3128)):
    threading.Thread(target=accept, args=(socket.create_server(place),), daemon=True).start()
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind((RESOLVER, 53))
print("pid", os.getpid(), flush=True)
while True:
    query, who = names.recvfrom(512)
    answer = b"\xc0\x0c\0\1\0\1\0\0\1,\0\4" + socket.inet_aton(SERVER)
    names.sendto(query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] + answer, who)
