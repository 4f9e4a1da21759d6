"""What agents do to get around the breaker: one function an act, called by its name. x86-64 syscall numbers.

    python3 acts.py NAME ARGUMENT…

An act that works prints what it got; one that is refused prints `refused ERRNO` and ends with 1.
"""
import ctypes, mmap, os, select, shutil, signal, socket, struct, subprocess, sys, threading, time

HOME = os.path.expanduser("~")
SECRET = HOME + "/.railway/config.json"
HOST = "127.0.0.1"
REQUEST = b"GET / HTTP/1.1\r\nHost: backboard.railway.app\r\n\r\n"
libc = ctypes.CDLL(None, use_errno=True)

NEWNS, NEWUSER, NEWPID, PARENT = 0x20000, 0x10000000, 0x20000000, 0x8000
MS_BIND, MS_PRIVATE_ALL = 0x1000, 0x4000 | 0x40000


def called(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def syscall(number, *arguments):
    return called(libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]))


def show(descriptor):
    print(os.read(descriptor, 4096).decode(), flush=True)


def read_secret():
    show(os.open(SECRET, os.O_RDONLY))


def request(port, connection=None):
    connection = connection or socket.create_connection((HOST, int(port)))
    connection.sendall(REQUEST)
    print(connection.recv(4096), flush=True)


# --- paths ---

def own_mounts():
    called(libc.unshare(NEWNS))
    called(libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_PRIVATE_ALL), None))


def bind(what, where):
    called(libc.mount(what.encode(), where.encode(), None, ctypes.c_ulong(MS_BIND), None))


def in_own_mounts(how):
    own_mounts()
    if how == "bind-directory":
        os.mkdir("innocent")
        bind(HOME + "/.railway", os.path.abspath("innocent"))
        show(os.open("innocent/config.json", os.O_RDONLY))
    else:
        open("innocent", "w").close()
        bind(SECRET, os.path.abspath("innocent"))
        show(os.open("innocent", os.O_RDONLY))


def in_user_namespace(*command):
    called(libc.unshare(NEWUSER | NEWNS))
    os.execvp(command[0], command)


def chrooted():
    os.chroot(HOME)
    os.chdir("/")
    show(os.open("/.railway/config.json", os.O_RDONLY))


def openat2(way):
    BENEATH, IN_ROOT, NO_LINKS = 0x08, 0x10, 0x04 | 0x02
    resolve, path = {"beneath": (BENEATH, b".railway/config.json"), "in-root": (IN_ROOT, b"/../.railway/config.json"),
                     "no-links": (NO_LINKS, b".railway/config.json")}[way]
    how = struct.pack("3Q", os.O_RDONLY, 0, resolve)
    show(syscall(437, os.open(HOME, os.O_PATH), ctypes.c_char_p(path), ctypes.c_char_p(how), len(how)))


def reopened():
    path = os.open(SECRET, os.O_PATH)
    show(os.open(f"/proc/self/fd/{path}", os.O_RDONLY))


def by_handle():
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    syscall(303, -100, ctypes.c_char_p(SECRET.encode()), handle, ctypes.byref(mount), 0)
    show(syscall(304, os.open(HOME, os.O_RDONLY), handle, os.O_RDONLY))


def by_long_path():
    show(os.open(HOME + "/." * 1900 + "/.railway/config.json", os.O_RDONLY))


def make_deep_place():
    os.chdir(HOME + "/other")
    for _ in range(30):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    with open(".env", "w") as file:
        file.write("TOKEN=not-real\n")


def in_deep_place():
    os.chdir(HOME + "/other")
    for _ in range(30):
        os.chdir("d" * 200)
    show(os.open(".env", os.O_RDONLY))


def opens_many(count):
    os.mkdir("many")
    for number in range(int(count)):
        os.close(os.open(f"many/{number}", os.O_RDWR | os.O_CREAT))
    print("opened", count, flush=True)


# --- programs ---

def real(program):
    """The program itself, where the name is a wrapper's (pyenv)."""
    return sys.executable if program == "python3" else os.path.realpath(shutil.which(program))


def from_memory(program, *arguments):
    memory = os.memfd_create("innocent")
    with open(real(program), "rb") as file:
        os.write(memory, file.read())
    os.execve(memory, [program, *arguments], os.environ)


def by_loader(program, *arguments):
    with open("/proc/self/maps") as maps:
        loader = next(line.split()[-1] for line in maps if "ld-linux" in line)
    os.execv(loader, [loader, real(program), *arguments])


def under_another_name(port):
    called(libc.prctl(15, b"kworker/0:0", 0, 0, 0))  # PR_SET_NAME
    with open("/proc/self/comm") as name:
        print(name.read(), flush=True)
    read_secret()
    request(port)


# --- lineage ---

def clone3(flags=0, pid=None):
    wanted = (ctypes.c_int * 1)(pid or 0)
    arguments = struct.pack("11Q", flags, 0, 0, 0, 0 if flags & PARENT else signal.SIGCHLD, 0, 0, 0,
                            ctypes.addressof(wanted) if pid else 0, 1 if pid else 0, 0)
    return syscall(435, ctypes.c_char_p(arguments), len(arguments))


def descend(way, script):
    """A descendant made in this way runs `script`; this waits for its end, whoever's child it is."""
    ended, alive = os.pipe()
    os.set_inheritable(alive, True)
    ancestor = os.getpid()

    def go():
        os.execvp("bash", ["bash", "-c", script])

    def orphan_goes():
        if os.fork() != 0:
            os._exit(0)
        while os.getppid() == middle[0]:
            os.sched_yield()
        go()

    middle = [0]
    if way == "vfork":
        os.posix_spawnp("bash", ["bash", "-c", script], os.environ)
    elif way == "clone3":
        clone3() or go()
    elif way == "clone_parent":
        if clone3(PARENT) == 0:
            assert os.getppid() != ancestor, "not a sibling"
            go()
    elif way in ("double_fork", "setsid"):
        if os.fork() == 0:
            if way == "setsid":
                os.setsid()
            middle[0] = os.getpid()
            orphan_goes()
        os.wait()
    elif way == "pid_namespace":
        called(libc.unshare(NEWPID))
        if os.fork() == 0:
            assert os.getpid() == 1, "not in a namespace of its own"
            go()
    else:
        raise ValueError(way)
    os.close(alive)
    os.read(ended, 1)


def by_threads(port):
    for act in (read_secret, lambda: request(port)):
        thread = threading.Thread(target=act)
        thread.start()
        thread.join()


def reborn(pid, script):
    """Makes a process of this very pid, as soon as the number is free."""
    deadline = time.monotonic() + 15
    while True:
        try:
            child = clone3(pid=int(pid))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise
            os.sched_yield()
    if child == 0:
        os.execvp("bash", ["bash", "-c", script])
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


# --- network ---

def v4_mapped(port):
    connection = socket.socket(socket.AF_INET6)
    connection.connect(("::ffff:" + HOST, int(port)))
    request(port, connection)


def non_blocking(port):
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex((HOST, int(port)))
    select.select([], [connection], [], 10)
    connection.sendall(REQUEST)
    print("sent", flush=True)
    select.select([connection], [], [], 40)


def in_pieces(port):
    """Asks a proxy; the name is not in the first segment."""
    connection = socket.create_connection((HOST, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in (b"GET / HTTP/1.1\r\n", b"Host: backboard.", b"railway.app\r\n\r\n"):
        connection.sendall(piece)
        time.sleep(0.05)
    print(connection.recv(4096), flush=True)


def socks(port):
    """Greets a proxy, which would be told the name only later."""
    connection = socket.create_connection((HOST, int(port)))
    connection.sendall(b"\x05\x01\x00")
    print(connection.recv(4096), flush=True)


def datagrams(port):
    """Without a connection, again and again: the first may only have asked."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(20):
        try:
            sender.sendto(b"secret", (HOST, int(port)))
        except OSError as error:
            print("refused", error.errno, flush=True)
        time.sleep(0.05)
    print("sent", flush=True)


def mptcp(port):
    """As a program does that prefers MPTCP: falls back where there is none."""
    try:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    except OSError as error:
        print("refused", error.errno, flush=True)
        connection = socket.socket()
    connection.connect((HOST, int(port)))
    request(port, connection)


def makes_socket(family, kind, protocol):
    socket.socket(int(family), int(kind), int(protocol)).close()
    print("made", flush=True)


def from_before(port):
    connection = socket.create_connection((HOST, int(port)))
    request(port, connection)
    subprocess.run(["cat", SECRET])
    request(port, connection)


def by_sendfile(port, way):
    with open("request", "wb") as file:
        file.write(REQUEST)
    connection = socket.create_connection((HOST, int(port)))
    file = os.open("request", os.O_RDONLY)
    if way == "sendfile":
        os.sendfile(connection.fileno(), file, 0, len(REQUEST))
    else:
        reader, writer = os.pipe()
        os.splice(file, writer, len(REQUEST))
        os.splice(reader, connection.fileno(), len(REQUEST))
    print(connection.recv(4096), flush=True)


def by_ktls(port):
    """The kernel encrypts, and a file goes out of the page cache."""
    connection = socket.create_connection((HOST, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, 31, b"tls")  # TCP_ULP
    keys = struct.pack("HH", 0x0303, 51) + bytes(8 + 16 + 4 + 8)  # TLS 1.2, AES-GCM-128
    connection.setsockopt(282, 1, keys)  # SOL_TLS, TLS_TX
    with open("request", "wb") as file:
        file.write(REQUEST)
    os.sendfile(connection.fileno(), os.open("request", os.O_RDONLY), 0, len(REQUEST))
    print("sent", flush=True)
    select.select([connection], [], [], 40)


UDP_LITE = 136


def raw_send(mark):
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)
    send_five(lambda data: sender.sendto(data, (HOST, 0)), mark)


def lite_send(port, mark):
    """By a connected socket: its connect has no hook of its own."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, UDP_LITE)
    sender.connect((HOST, int(port)))
    send_five(sender.send, mark)


def send_five(send, mark):
    for _ in range(5):
        try:
            send(mark.encode())
        except OSError as error:
            print("refused", error.errno, flush=True)
        time.sleep(0.05)
    print("sent", mark, flush=True)


def raw_receive(*marks):
    receive(socket.socket(socket.AF_INET, socket.SOCK_RAW, 253), marks)


def lite_receive(port, *marks):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, UDP_LITE)
    receiver.bind((HOST, int(port)))
    receive(receiver, marks)


def receive(receiver, marks):
    """Prints which of the marks arrive, until it is killed or two minutes are over."""
    receiver.settimeout(120)
    print("listening", flush=True)
    while True:
        data = receiver.recv(4096)
        for mark in marks:
            if data.endswith(mark.encode()):
                print("arrived", mark, flush=True)


# --- io_uring ---

def uring_open(operation):
    import uring
    ring = uring.Ring()
    path, address = uring.address_of(SECRET.encode())
    if operation == "openat":
        show(ring.ask(uring.OPENAT, -100, address))
    else:
        how, where = uring.address_of(struct.pack("3Q", os.O_RDONLY, 0, 0))
        show(ring.ask(uring.OPENAT2, -100, address, 24, where))


def uring_connect(port):
    import uring
    ring = uring.Ring()
    connection = socket.socket()
    name, address = uring.address_of(struct.pack("!2sH4s8x", struct.pack("=H", 2), int(port), socket.inet_aton(HOST)))
    ring.ask(uring.CONNECT, connection.fileno(), address, offset=16)
    data, where = uring.address_of(REQUEST)
    ring.ask(uring.SEND, connection.fileno(), where, len(REQUEST))
    print(connection.recv(4096), flush=True)


# --- delegation, control ---

def unix_connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    connection.sendall(b"POST /containers/create HTTP/1.1\r\n\r\n")
    print("connected", flush=True)


def ask_as_the_dying(path, hold):
    """Until an answer came before the child had ended: a busy machine may take longer for it than for the memory."""
    for _ in range(5):
        if ask_as_one_that_dies(path, hold) != "Z":
            print("met the gap", flush=True)
            break


def ask_as_one_that_dies(path, hold):
    """A large child connects, hands the connection on and ends: its label goes first, its memory takes longer."""
    here, there = socket.socketpair()
    child = os.fork()
    if child == 0:
        memory = mmap.mmap(-1, 800 << 20)
        for page in range(0, len(memory), 4096):
            memory[page] = 1
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        socket.send_fds(there, [b"x"], [connection.fileno()])
        there.recv(1)
        os._exit(0)
    connection = socket.socket(fileno=socket.recv_fds(here, 1, 1)[1][0])
    stat = lambda: open(f"/proc/{child}/stat").read().rsplit(") ")[1].split()
    here.send(b"e")
    while not int(stat()[6]) & 4:  # PF_EXITING
        pass
    time.sleep(0.01)
    connection.sendall(f"POST /v1/holds/{hold}/approve HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    answer, state = connection.recv(65536).decode(), stat()[0]
    print(answer, "the child was", state, flush=True)
    os.waitpid(child, 0)
    return state


def told_to_go():
    """Until the test has made the file `go` in the workspace."""
    while not os.path.exists("go"):
        time.sleep(0.01)


def runs_what_is_changed(program, said, meant):
    """Executes `program said`, by arguments in memory that a child shares, which puts `meant` there once it is told to."""
    memory = mmap.mmap(-1, 4096)
    memory[:len(said) + 1] = said.encode() + b"\0"
    place = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if os.fork() == 0:
        told_to_go()
        memory[:len(meant) + 1] = meant.encode() + b"\0"
        print("changed", flush=True)
        time.sleep(60)
    words = (ctypes.c_void_p * 3)(ctypes.cast(program.encode(), ctypes.c_void_p), place, None)
    called(libc.execve(program.encode(), words, None))


def runs_by_anothers_approval(program, said, meant):
    """A child that it traces asks for `program said`, and stands also when it is continued; then it runs `program meant`."""
    child = os.fork()
    if child == 0:
        called(libc.ptrace(ctypes.c_long(0), None, None, None))  # PTRACE_TRACEME
        os.execv(program, [program, said])
    _, status = os.waitpid(child, 0)
    print("stands" if os.WIFSTOPPED(status) else "does not stand", flush=True)
    told_to_go()
    os.execv(program, [program, meant])


def attach(pid):
    """Attaches, lets it go on, lets it go."""
    pid = int(pid)
    called(libc.ptrace(ctypes.c_long(16), ctypes.c_long(pid), None, None))
    os.waitpid(pid, 0x40000000)  # __WALL
    called(libc.ptrace(ctypes.c_long(17), ctypes.c_long(pid), None, None))
    print("attached", flush=True)


def read_memory(pid):
    with open(f"/proc/{pid}/maps") as maps:
        start = next(int(line.split("-")[0], 16) for line in maps if " r" in line)
    here = ctypes.create_string_buffer(16)
    local, remote = struct.pack("2Q", ctypes.addressof(here), 16), struct.pack("2Q", start, 16)
    print("read", syscall(310, int(pid), ctypes.c_char_p(local), 1, ctypes.c_char_p(remote), 1, 0), flush=True)


def bpf_call():
    """BPF_PROG_GET_NEXT_ID: the first step of whoever looks for our programs."""
    attributes = ctypes.create_string_buffer(struct.pack("4I", 0, 0, 0, 0))
    syscall(321, 11, attributes, 16)
    print("called", flush=True)


def unmount(path):
    own_mounts()
    called(libc.umount2(path.encode(), 2))  # MNT_DETACH
    print("unmounted", flush=True)


def mount_over(path):
    own_mounts()
    called(libc.mount(b"none", path.encode(), b"tmpfs", ctypes.c_ulong(0), None))
    print("mounted", flush=True)


def send_signal(pid, number):
    os.kill(int(pid), int(number))
    print("delivered", flush=True)


def as_nobody(act, *arguments):
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    globals()[act](*arguments)


def remove(path):
    os.unlink(path)
    print("removed", flush=True)


def rewrite(path):
    with open(path, "r+b") as file:
        file.write(b"#")
    print("rewritten", flush=True)


def replace(path):
    with open("replacement", "w") as file:
        file.write("version: 1\nrules: []\n")
    os.rename("replacement", path)
    print("replaced", flush=True)


def cut(path):
    os.truncate(path, 0)
    print("cut", flush=True)


if __name__ == "__main__":
    try:
        globals()[sys.argv[1]](*sys.argv[2:])
    except OSError as error:
        print("refused", error.errno, error, flush=True)
        sys.exit(1)
