"""A storm: writers that open files as fast as they can, and a tree that forks meanwhile.

writers.py SECONDS SECRETS... -- ORDINARY...: says `ready`, waits for the fifo `begin`, storms, tells what it did in one
line of JSON, and waits for the fifo `leave`. One open in eight is a secret's; one grandchild in ten lives on until the end.
"""
import json, os, struct, sys, time

WRITERS, TREES = 8, 4
seconds = float(sys.argv[1])
middle = sys.argv.index("--")
secrets, ordinary = sys.argv[2:middle], sys.argv[middle + 1:]
awaited, kept = os.pipe()
reader, writer = os.pipe()


def tell(kind, *numbers):
    os.write(writer, struct.pack("4Q", kind, *numbers))


def write(number, until):
    secret, plain = secrets[number % len(secrets)], ordinary[number % len(ordinary)]
    opened, close, read, now = os.open, os.close, os.O_RDONLY, time.monotonic
    rounds = 0
    while now() < until:
        for _ in range(100):
            close(opened(secret, read))
            close(opened(plain, read)); close(opened(plain, read)); close(opened(plain, read))
            close(opened(plain, read)); close(opened(plain, read)); close(opened(plain, read))
            close(opened(plain, read))
        rounds += 100
    tell(0, rounds, rounds * 7, 0)


def stay():
    """Lives until the storm's keeper leaves."""
    os.close(kept)
    os.read(awaited, 1)
    os._exit(0)


def fork_on(until):
    """Children that have children; of the second generation one in ten stays."""
    forks = stayed = 0
    while time.monotonic() < until:
        child = os.fork()
        if child == 0:
            if os.fork() == 0 and forks % 10 == 0:
                stay()
            os._exit(0)
        os.waitpid(child, 0)
        stayed += forks % 10 == 0
        forks += 1
    tell(1, 0, forks * 2, stayed)


def start(act):
    child = os.fork()
    if child == 0:
        os.close(kept)
        act()
        os._exit(0)
    return child


print("ready", flush=True)
open("begin").read()
began = time.monotonic()
until = began + seconds
children = [start(lambda i=i: write(i, until)) for i in range(WRITERS)]
for _ in range(TREES):
    # They keep `kept` for their children to close.
    tree = os.fork()
    if tree == 0:
        fork_on(until)
        os._exit(0)
    children.append(tree)
for child in children:
    os.waitpid(child, 0)
told = [struct.unpack("4Q", os.read(reader, 32)) for _ in children]
print(json.dumps({
    "seconds": time.monotonic() - began,
    "secret": sum(one[1] for one in told if one[0] == 0),
    "ordinary": sum(one[2] for one in told if one[0] == 0),
    "forks": sum(one[2] for one in told if one[0] == 1),
    "stayed": sum(one[3] for one in told if one[0] == 1),
}), flush=True)
open("leave").read()
os.close(kept)
print("left", flush=True)
open("end").read()
