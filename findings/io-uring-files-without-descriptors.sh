#!/usr/bin/env bash
# A file and a TCP connection opened into io_uring's own table are in no /proc/PID/fd, and `ss -p` names nobody.
#
# Expected: what a process holds open is listed in /proc/PID/fd; a connected socket has an owner in `ss -tp`.
# Instead:  "direct descriptors" exist only in the ring's file table. They are listed, with path or socket number, in the
#           ring's own /proc/PID/fdinfo/N under UserFiles.
# Versions: Linux 5.19 and later for sockets (seen on 6.18); iproute2's ss as installed.
# Source:   Linux io_uring/openclose.c, io_uring/net.c (file_index), io_uring/fdinfo.c; io_uring_prep_openat_direct(3).
# Matters:  a monitor that adopts a running agent by walking its descriptors misses these connections: read fdinfo of
#           every anon_inode:[io_uring] as well.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

[ "$(cat /proc/sys/kernel/io_uring_disabled 2> /dev/null || echo 0)" = 0 ] || { echo 'io_uring is disabled here'; exit 2; }
cat > direct.c <<'END'
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct io_uring_params params;
static struct io_uring_sqe *entries;
static char *submissions, *completions;
static int ring;

static unsigned *word(char *base, unsigned offset) { return (unsigned *)(base + offset); }

static int run(struct io_uring_sqe entry)
{
	unsigned *tail = word(submissions, params.sq_off.tail);
	unsigned *head = word(completions, params.cq_off.head);
	unsigned at = *tail & *word(submissions, params.sq_off.ring_mask);
	struct io_uring_cqe *results = (void *)(completions + params.cq_off.cqes);

	entries[at] = entry;
	word(submissions, params.sq_off.array)[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	int result = results[*head & *word(completions, params.cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

int main(int count, char **arguments)
{
	int table[2] = {-1, -1};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[2])),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	ring = syscall(SYS_io_uring_setup, 4, &params);
	if (ring < 0)
		return 1;
	submissions = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	completions = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	entries = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, table, 2);
	int opened = run((struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD,
					       .addr = (unsigned long)arguments[1], .file_index = 1});
	int made = run((struct io_uring_sqe){.opcode = IORING_OP_SOCKET, .fd = AF_INET, .off = SOCK_STREAM, .file_index = 2});
	int connected = run((struct io_uring_sqe){.opcode = IORING_OP_CONNECT, .fd = 1, .flags = IOSQE_FIXED_FILE,
						  .addr = (unsigned long)&address, .off = sizeof address});
	printf("open %d socket %d connect %d\n", opened, made, connected);
	fflush(stdout);
	return sleep(60);
}
END
gcc -o direct direct.c
echo fake > secret
python3 -c '
import socket, time
server = socket.create_server(("127.0.0.1", 0))
open("port", "w").write(str(server.getsockname()[1]))
connection = server.accept()
time.sleep(60)' &
server=$!
until [ -s port ]; do sleep 0.1; done
./direct "$work/secret" "$(cat port)" > results &
client=$!
trap 'kill $server $client; rm -rf "$work"' EXIT
until [ -s results ]; do sleep 0.1; done
ring=$(find /proc/$client/fd -lname '*io_uring*' -printf '%f')
seen=$(
  cat results
  found=$(find /proc/$client/fd -lname "$work/secret" -o -lname 'socket:*' | wc -l)
  echo "descriptors of the file or of a socket: $found"
  echo "owner in ss: $(ss -Htnp "dport = :$(cat port)" | grep -c "pid=$client,")"
  sed -n '/^UserFiles/,/^UserBufs/p' "/proc/$client/fdinfo/$ring" | grep -v '^UserBufs' |
    sed -E "s#$work#DIR#; s/[0-9]{3,}/NUMBER/"
)
expected='open 0 socket 0 connect 0
descriptors of the file or of a socket: 0
owner in ss: 0
UserFiles:	2
    0: DIR/secret
    1: socket:[NUMBER]'
diff <(echo "$expected") <(echo "$seen") || { echo 'changed: < expected, > seen'; exit 1; }
echo "$seen"
