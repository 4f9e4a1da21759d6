#!/usr/bin/env bash
# A recvmsg(2) that fails with EFAULT has received the message, and the descriptors that came with it are open.
#
# Expected: a call that returns -1 has received nothing, and opened nothing.
# Instead:  the kernel copies the data and installs the descriptors first, and writes the header's msg_flags and
#           msg_controllen last. Where the header lies in memory that cannot be written, the call fails, the message is gone
#           from the queue, and the descriptor works. recvmmsg(2) with such a header as its second one returns 1 and leaves
#           the error to the next call; its descriptor is there as well.
# Versions: Linux 6.18.
# Source:   net/socket.c, ____sys_recvmsg and do_recvmmsg.
# Matters:  a probe at the exit of the syscall that ignores failures does not see what arrived.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/receive.py" << 'PY'
import array, ctypes, mmap, os, socket, struct, sys

libc = ctypes.CDLL(None, use_errno=True)
RECVMSG, RECVMMSG = 47, 299
name = os.path.join(sys.argv[1], "file")
open(name, "w").write("content\n")


def header(control):
    data = ctypes.create_string_buffer(1)
    vector = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(data), 1))
    kept.extend((data, vector))
    return struct.pack("QQQQQQQ", 0, 0, ctypes.addressof(vector), 1, ctypes.addressof(control), len(control), 0)


def pair(messages):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for _ in range(messages):
        sent = os.open(name, os.O_RDONLY)
        ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sent]))])
        os.close(sent)
    theirs.setblocking(False)
    return theirs


def content(control):
    descriptor = struct.unpack_from("i", control, 16)[0]
    return os.pread(descriptor, 99, 0).decode().strip() if descriptor else "nothing"


def queue(sock):
    try:
        sock.recv(1)
        return "still queued"
    except BlockingIOError:
        return "gone from the queue"
    except OSError as error:
        return f"the next call says {error.strerror}, and the message is " + queue(sock)


kept = []
page = mmap.mmap(-1, 8192)
where = ctypes.addressof(ctypes.c_char.from_buffer(page))

sock, control = pair(1), ctypes.create_string_buffer(64)
page[4096:4096 + 56] = header(control)
assert libc.mprotect(ctypes.c_void_p(where + 4096), 4096, mmap.PROT_READ) == 0
result = libc.syscall(RECVMSG, sock.fileno(), ctypes.c_void_p(where + 4096), 0)
print("recvmsg:", result, os.strerror(ctypes.get_errno()) + ";", queue(sock) + "; the descriptor reads", content(control))

sock, one, other = pair(2), ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
assert libc.mprotect(ctypes.c_void_p(where + 4096), 4096, mmap.PROT_READ | mmap.PROT_WRITE) == 0
page[4096 - 64:4096 - 8] = header(one)
page[4096:4096 + 56] = header(other)
assert libc.mprotect(ctypes.c_void_p(where + 4096), 4096, mmap.PROT_READ) == 0
result = libc.syscall(RECVMMSG, sock.fileno(), ctypes.c_void_p(where + 4096 - 64), 2, 0, 0)
print("recvmmsg:", result, "of 2;", queue(sock) + "; the descriptors read", content(one), "and", content(other))
PY
seen=$(python3 "$work/receive.py" "$work")
expected='recvmsg: -1 Bad address; gone from the queue; the descriptor reads content
recvmmsg: 1 of 2; the next call says Bad address, and the message is gone from the queue; the descriptors read content and content'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
