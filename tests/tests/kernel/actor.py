"""The agent's side of the kernel tests: does one act per line of stdin, and answers each with a line of JSON.

An act is Python text, as JSON; its answer is what it leaves in `answer`, or the error number it failed with.
"""
import ctypes, fcntl, json, os, signal, socket, struct, sys, threading

libc = ctypes.CDLL(None, use_errno=True)

# Descendants live until the actor ends or calls `release`: they wait for the end of this pipe.
awaited, kept = os.pipe()


def syscall(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result < 0:
        raise OSError(ctypes.get_errno(), "syscall")
    return result


def linger():
    """What a descendant does: nothing, until it is released."""
    try:
        os.close(kept)
    except OSError:
        pass
    os.read(awaited, 1)
    os._exit(0)


def release():
    global awaited, kept
    os.close(kept)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    awaited, kept = os.pipe()


def told(body):
    """Runs `body(tell)` in a fork; gives the integer that it, or a descendant of its, tells."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        body(lambda number: os.write(writer, struct.pack("i", number)))
        os._exit(0)
    os.close(writer)
    number = struct.unpack("i", os.read(reader, 4))[0]
    os.close(reader)
    return number


def fork():
    child = os.fork()
    if child == 0:
        linger()
    return child


def spawn_vfork():
    """posix_spawn: CLONE_VFORK | CLONE_VM."""
    # The shell's `read` waits for the end of the pipe, as `linger` does.
    actions = [(os.POSIX_SPAWN_DUP2, awaited, 0), (os.POSIX_SPAWN_CLOSE, kept)]
    return os.posix_spawn("/bin/sh", ["sh", "-c", "read line"], os.environ, file_actions=actions)


def clone3(flags=0):
    arguments = struct.pack("8Q", flags, 0, 0, 0, 0 if flags else signal.SIGCHLD, 0, 0, 0)
    child = syscall(435, ctypes.c_char_p(arguments), len(arguments))
    if child == 0:
        linger()
    return child


def clone_parent():
    """A child's child whose parent is the actor from the start."""
    CLONE_PARENT = 0x8000
    return told(lambda tell: tell(clone3(CLONE_PARENT)))


def fork_in_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(fork()))
    thread.start()
    thread.join()
    return found[0]


def daemonize():
    def first(tell):
        os.setsid()
        if os.fork() == 0:
            tell(os.getpid())
            linger()
    child = told(first)
    os.wait()
    return child


def chain(depth):
    """Generations that each wait; gives the last one's pid."""
    def descend(tell):
        for _ in range(depth - 1):
            if os.fork() != 0:
                linger()
        tell(os.getpid())
        linger()
    return told(descend)


def orphan_of_an_orphan():
    """The middle one is dead before the last one is born."""
    def first(tell):
        if os.fork() == 0:
            middle = os.getpid()
            if os.fork() == 0:
                while os.getppid() == middle:
                    os.sched_yield()
                if os.fork() == 0:
                    tell(os.getpid())
                linger()
            os._exit(0)
        linger()
    return told(first)


def exec_in_thread():
    """A thread that is not the leader executes: the kernel gives it the leader's pid."""
    child = os.fork()
    if child == 0:
        os.dup2(awaited, 0)
        os.close(kept)
        thread = threading.Thread(target=lambda: os.execv("/bin/sh", ["sh", "-c", "read line"]))
        thread.start()
        thread.join()
    return child


def read(path, flags=os.O_RDONLY, directory=None):
    descriptor = os.open(path, flags, 0o600, dir_fd=directory)
    os.close(descriptor)
    return True


def openat2(path, flags=os.O_RDONLY):
    how = struct.pack("3Q", flags, 0, 0)
    os.close(syscall(437, -100, ctypes.c_char_p(path.encode()), ctypes.c_char_p(how), len(how)))
    return True


def as_nobody(act):
    os.seteuid(65534)
    try:
        return act()
    finally:
        os.seteuid(0)


def own_network():
    """A network with nothing but loopback."""
    if libc.unshare(0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))


def join_network(pid):
    descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    if libc.setns(descriptor, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(descriptor)


scope = globals()
print(json.dumps({"answer": os.getpid()}), flush=True)
for line in sys.stdin:
    scope["answer"] = None
    try:
        exec(json.loads(line), scope)
        reply = {"answer": scope["answer"]}
    except OSError as error:
        reply = {"errno": error.errno}
    except Exception as error:
        reply = {"failed": repr(error)}
    print(json.dumps(reply), flush=True)
