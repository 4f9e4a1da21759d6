"""What no shell can do: ways to the control socket for `oneself.rs`. Each prints what was answered."""
import ctypes, mmap, os, socket, sys, time

SOCKET, HOLD = os.environ["SOCKET"], os.environ["HOLD"]
APPROVE = f"POST /v1/holds/{HOLD}/approve HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}".encode()


def connected(path=SOCKET):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def asks(connection, what=APPROVE):
    connection.settimeout(15)
    answer = b""
    try:
        if what:
            connection.sendall(what)
        while piece := connection.recv(65536):
            answer += piece
    except OSError as error:
        answer += repr(error).encode()
    print(*(line for line in answer.decode().splitlines() if line.startswith("HTTP/")), answer.decode()[-300:], flush=True)


def raw():
    asks(connected())


def pipelined():
    """Behind a request that anybody may make."""
    asks(connected(), b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n" + APPROVE)


def in_pieces():
    connection = connected()
    for at in range(0, len(APPROVE) - 1, 20):
        connection.sendall(APPROVE[at:min(at + 20, len(APPROVE) - 1)])
        time.sleep(0.01)
    asks(connection, APPROVE[-1:])


def double_fork():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(0.2)  # by then both above are over
            raw()
        os._exit(0)
    os.wait()
    time.sleep(1)


def thread():
    import threading
    asking = threading.Thread(target=raw)
    asking.start()
    asking.join()


def first_thread_ended():
    """Its first thread is over, and another one asks."""
    import threading
    threading.Thread(target=lambda: (time.sleep(0.2), raw(), os._exit(0))).start()
    ctypes.CDLL(None).syscall(60, 0)  # exit(2), of this thread alone


def path_descriptor():
    place = os.open(SOCKET, os.O_PATH)
    asks(connected(f"/proc/self/fd/{place}"))


def relative():
    os.chdir(os.path.dirname(SOCKET))
    asks(connected(os.path.basename(SOCKET)))


def own_credentials():
    """With credentials of its own choosing: those of the process 1."""
    connection = connected()
    credentials = ctypes.string_at(ctypes.byref((ctypes.c_int * 3)(os.getpid(), 0, 0)), 12)
    connection.sendmsg([APPROVE], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials)])
    asks(connection, b"")


def with_descriptors():
    """With descriptors along, so that there is no room for who wrote."""
    connection = connected()
    socket.send_fds(connection, [APPROVE], [0, 1, 2])
    asks(connection, b"")


def from_memory():
    """A program that lies nowhere."""
    memory = os.memfd_create("curl")
    os.write(memory, open("/usr/bin/curl", "rb").read())
    os.execv(f"/proc/self/fd/{memory}", ["sshd", "-s", "-X", "POST", "-w", "HTTP/1.1 %{http_code}", "--unix-socket", SOCKET,
                                         f"http://x/v1/holds/{HOLD}/approve"])


def person():
    """Somebody outside of every session: keeps a connection open, gives one to whoever asks, writes on one that is sent to it."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.path.expanduser("~/person.sock"))
    os.chmod(os.path.expanduser("~/person.sock"), 0o777)
    server.listen()
    open(os.path.expanduser("~/person"), "w").write(f"{os.getpid()}")
    print("ready", flush=True)
    while True:
        asking, _ = server.accept()
        said, sent, _, _ = socket.recv_fds(asking, 1, 1)
        if said == b"g":
            given = connected()
            socket.send_fds(asking, [b"x"], [given.fileno()])
        elif said == b"k":
            kept = connected()
            asking.send(str(kept.fileno()).encode())
        else:
            socket.socket(fileno=sent[0]).send(APPROVE)
        asking.send(b"x")


def to_person(said, sent):
    asking = connected(os.path.expanduser("~/person.sock"))
    socket.send_fds(asking, [said], sent)
    return asking


def given_by_another():
    """A connection that somebody outside has opened, by SCM_RIGHTS."""
    asking = to_person(b"g", [0])
    _, sent, _, _ = socket.recv_fds(asking, 1, 1)
    asks(socket.socket(fileno=sent[0]))


def given_by_another_in_part():
    """The same, and a child writes a part of it."""
    asking = to_person(b"g", [0])
    _, sent, _, _ = socket.recv_fds(asking, 1, 1)
    if os.fork() == 0:
        os.write(sent[0], APPROVE[:30])
        os._exit(0)
    os.wait()
    asks(socket.socket(fileno=sent[0]), APPROVE[30:])


def taken():
    """A connection out of somebody's hands, by pidfd_getfd."""
    pid, number = int(os.environ["PERSON"]), int(to_person(b"k", [0]).recv(9).rstrip(b"x"))
    taken = ctypes.CDLL(None, use_errno=True).syscall(438, os.pidfd_open(pid), number, 0)
    asks(socket.socket(fileno=taken))


def written_by_another():
    """A connection of its own, which somebody outside writes on."""
    connection = connected()
    to_person(b"w", [connection.fileno()]).recv(1)
    asks(connection, b"")


def inherits(*command):
    """Somebody outside opens a connection, keeps it, and starts a session with it as descriptor 9."""
    kept = connected()
    os.dup2(kept.fileno(), 9, inheritable=True)
    child = os.spawnvp(os.P_NOWAIT, command[0], command)
    os.waitpid(child, 0)


def becomes(*command):
    """Who opened the connection becomes a session, with it as descriptor 9."""
    kept = connected()
    os.dup2(kept.fileno(), 9, inheritable=True)
    os.execvp(command[0], command)


def on_nine():
    asks(socket.socket(fileno=9))


def dying():
    """A large child connects, hands the connection on and ends: its label goes first, its memory takes longer."""
    here, there = socket.socketpair()
    child = os.fork()
    if child == 0:
        memory = mmap.mmap(-1, 200 << 20)
        for page in range(0, len(memory), 4096):
            memory[page] = 1
        connection = connected()
        socket.send_fds(there, [b"x"], [connection.fileno()])
        there.recv(1)
        os._exit(0)
    connection = socket.socket(fileno=socket.recv_fds(here, 1, 1)[1][0])
    here.send(b"e")
    time.sleep(0.002)
    asks(connection)
    os.waitpid(child, 0)


def dead():
    """A child connects, hands the connection on, and is over."""
    here, there = socket.socketpair()
    child = os.fork()
    if child == 0:
        connection = connected()
        socket.send_fds(there, [b"x"], [connection.fileno()])
        os._exit(0)
    connection = socket.socket(fileno=socket.recv_fds(here, 1, 1)[1][0])
    os.waitpid(child, 0)
    asks(connection)


globals()[sys.argv[1]](*sys.argv[2:])
