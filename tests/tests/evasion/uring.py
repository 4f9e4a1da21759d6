"""The least of io_uring: one ring of eight entries, one request at a time. Numbers: x86-64, include/uapi/linux/io_uring.h."""
import ctypes, mmap, os, struct

libc = ctypes.CDLL(None, use_errno=True)
SETUP, ENTER = 425, 426
CONNECT, OPENAT, SEND, OPENAT2 = 16, 18, 26, 28
GETEVENTS = 1


def _called(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "io_uring")
    return result


class Ring:
    def __init__(self):
        parameters = bytearray(120)
        buffer = (ctypes.c_char * 120).from_buffer(parameters)
        self.fd = _called(libc.syscall(SETUP, 8, buffer))
        submission = struct.unpack_from("10I", parameters, 40)  # head, tail, mask, entries, flags, dropped, array …
        completion = struct.unpack_from("10I", parameters, 80)  # head, tail, mask, entries, overflow, cqes …
        self.sq_tail, self.sq_array = submission[1], submission[6]
        self.cq_head, self.cq_tail, self.cqes = completion[0], completion[1], completion[5]
        entries, completions = struct.unpack_from("2I", parameters, 0)
        self.sq = mmap.mmap(self.fd, self.sq_array + entries * 4, offset=0)
        self.cq = mmap.mmap(self.fd, self.cqes + completions * 16, offset=0x8000000)
        self.sqes = mmap.mmap(self.fd, entries * 64, offset=0x10000000)
        self.entries, self.completions = entries, completions

    def ask(self, opcode, fd, address=0, length=0, offset=0, flags=0):
        """Submits one request and waits for it; gives its result, raises where that is an error."""
        tail = struct.unpack_from("I", self.sq, self.sq_tail)[0]
        slot = tail % self.entries
        entry = struct.pack("<BBHiQQIIQHHIQQ", opcode, 0, 0, fd, offset, address, length, flags, 0, 0, 0, 0, 0, 0)
        self.sqes[slot * 64:slot * 64 + 64] = entry
        struct.pack_into("I", self.sq, self.sq_array + slot * 4, slot)
        struct.pack_into("I", self.sq, self.sq_tail, tail + 1)
        _called(libc.syscall(ENTER, self.fd, 1, 1, GETEVENTS, None, 0))
        head = struct.unpack_from("I", self.cq, self.cq_head)[0]
        result = struct.unpack_from("i", self.cq, self.cqes + (head % self.completions) * 16 + 8)[0]
        struct.pack_into("I", self.cq, self.cq_head, head + 1)
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result


def address_of(content):
    """Keeps `content` in memory; gives the buffer and where it is."""
    buffer = ctypes.create_string_buffer(content, len(content) + 1)
    return buffer, ctypes.addressof(buffer)
