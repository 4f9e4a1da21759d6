//! Descriptors that come into an agent's hands without an open or a connect of its own.

use std::{fs, path::Path};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running},
    backend::not_here,
    daemon::binary,
};

use super::fixture::{ENTRY, Fixture, TOKEN};

/// A process of the same user that no session knows. It has the secret open as descriptor 10, and a connection as 11.
const OTHER: &str = r#"
import array, ctypes, os, socket, sys, time
ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(2 ** 64 - 1), 0, 0, 0)  # PR_SET_PTRACER_ANY, where Yama asks for it
os.dup2(os.open(os.path.expanduser("~/.railway/config.json"), os.O_RDONLY), 10)
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
os.dup2(connection.fileno(), 11)
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.path.expanduser("~/other.sock"))
listener.listen()
print("pid", os.getpid(), flush=True)
while True:
    client = listener.accept()[0]
    wanted = int(client.recv(9))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    client.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [abs(wanted)]))])
    if wanted < 0:  # gives it away
        os.close(-wanted)
        connection.close()
"#;

/// Gets a descriptor of the other process, by force or by asking.
const GET: &str = r#"
import array, ctypes, mmap, os, socket, struct, sys
def take(pid, number):
    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall(438, libc.syscall(434, pid, 0), number, 0)
    if found < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return found
def ask(number):
    client = socket.socket(socket.AF_UNIX)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    client.connect(os.path.expanduser("~/other.sock"))
    client.send(b"%d" % number)
    if sys.argv[1] == "ask":
        for level, kind, data in client.recvmsg(1, 256)[1]:
            if kind == socket.SCM_RIGHTS:
                return array.array("i", data)[0]
    # What Python has no words for: recvmmsg, and a receive by io_uring.
    data, control = ctypes.create_string_buffer(1), ctypes.create_string_buffer(256)
    vector = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(data), 1))
    header = struct.pack("QQQQQQQQ", 0, 0, ctypes.addressof(vector), 1, ctypes.addressof(control), 256, 0, 0)
    empty = struct.pack("QQQQQQQQ", 0, 0, 0, 0, 0, 0, 0, 0)
    messages = ctypes.create_string_buffer(header + empty)
    if sys.argv[1] == "over the header":  # what is received overwrites where its control data went
        where = ctypes.addressof(messages) + 32
        vector.raw = struct.pack("QQ", where, 1) + vector.raw[16:]
        assert ctypes.CDLL(None).syscall(47, client.fileno(), messages, 0) == 1
        assert struct.unpack_from("Q", messages, 32)[0] != ctypes.addressof(control)
    elif sys.argv[1] == "read-only":  # the header can't be written back, when the descriptor has come
        page = mmap.mmap(-1, 4096)
        page[:56] = bytes(messages[:56])
        where = ctypes.addressof(ctypes.c_char.from_buffer(page))
        assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(where), 4096, 1) == 0
        assert ctypes.CDLL(None).syscall(47, client.fileno(), ctypes.c_void_p(where), 0) == -1
    elif sys.argv[1] == "recvmmsg":
        assert ctypes.CDLL(None).syscall(299, client.fileno(), messages, 1, 0, 0) == 1
    else:
        sys.path.append(os.path.expanduser("~"))
        import uring
        uring.Ring().ask(10, client.fileno(), ctypes.addressof(messages), 1)
    at = 0
    while True:
        length, level, kind = struct.unpack_from("QII", control, at)
        if kind == socket.SCM_RIGHTS:
            return struct.unpack_from("i", control, at + 16)[0]
        at += (length + 7) & ~7
found = take(int(sys.argv[2]), int(sys.argv[3])) if sys.argv[1] == "take" else ask(int(sys.argv[3]))
if sys.argv[3] in ("10", "-10"):
    print(os.pread(found, 99, 0).decode(), flush=True)
else:
    connection = socket.socket(fileno=found)
    connection.sendall(b"POST / HTTP/1.1\r\nHost: backboard.railway.app\r\nContent-Length: 0\r\n\r\n")
    print("answered", connection.recv(9), flush=True)
"#;

fn other(fixture: &Fixture) -> (Running, String) {
    fs::write(fixture.home.path().join("other.py"), OTHER).unwrap();
    fs::write(fixture.home.path().join("get.py"), GET).unwrap();
    let other = fixture.home.run_unwatched(&format!("exec python3 ../other.py {}", fixture.server.port()));
    other.says("pid ");
    let pid = other.output().split_whitespace().nth(1).unwrap().to_owned();
    (other, pid)
}

fn secret_is_seen(how: &str) {
    let Some(fixture) = Fixture::new() else { return };
    let (_other, pid) = other(&fixture);
    fixture.is_held_after(&format!("python3 ../get.py {how} {pid} 10"));
}

#[test]
fn a_secret_taken_out_of_another_process() {
    secret_is_seen("take");
}

#[test]
fn a_secret_sent_by_another_process() {
    secret_is_seen("ask");
}

#[test]
fn a_secret_among_several_messages() {
    secret_is_seen("recvmmsg");
}

/// The header says afterwards that it went elsewhere.
#[test]
fn a_secret_whose_message_overwrites_its_header() {
    secret_is_seen("'over the header'");
}

/// The call fails, and the descriptor is there: what it was cannot be told.
#[test]
fn a_secret_whose_message_fails() {
    let Some(fixture) = Fixture::new() else { return };
    let (_other, pid) = other(&fixture);
    let agent =
        fixture.run(&format!("python3 ../get.py read-only {pid} 10; {}; echo ended", fixture.request()));
    fixture.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "{}", agent.output());
}

/// What it brings no hook has seen: it counts as everything touched.
#[test]
fn a_secret_that_an_io_uring_receives() {
    let Some(fixture) = Fixture::new() else { return };
    if !fixture.anybody_can("uring_open openat") {
        not_here("the kernel gives no io_uring");
        return;
    }
    let (_other, pid) = other(&fixture);
    let agent =
        fixture.run(&format!("python3 ../get.py io_uring {pid} 10; {}; echo ended", fixture.request()));
    if !tells_requests(&agent, &fixture) {
        not_here("the kernel tells nothing of io_uring's requests (before Linux 6.4)");
        return;
    }
    fixture.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "{}", agent.output());
}

/// Whether there is a tracepoint at which a request is seen.
fn tells_requests(agent: &Running, fixture: &Fixture) -> bool {
    agent.says(TOKEN);
    let seen = Path::new("/sys/kernel/tracing/events/io_uring/io_uring_submit_req").exists();
    if seen {
        let _ = fixture.daemon.the_event("unseen-open");
    }
    seen
}

#[test]
fn a_connection_taken_out_of_another_process() {
    let Some(fixture) = Fixture::new() else { return };
    let (_other, pid) = other(&fixture);
    let agent = fixture.run(&format!("{READ_SECRET}; python3 ../get.py take {pid} 11"));
    fixture.is_held(&agent);
    fixture.reported("flow-received", |event| event["destination.port"] == fixture.server.port());
}

/// Somebody sends it, and keeps none of it: it is the session's alone.
#[test]
fn a_connection_given_away_by_another_process() {
    let Some(fixture) = Fixture::new() else { return };
    let (_other, pid) = other(&fixture);
    let agent = fixture.run(&format!("{READ_SECRET}; python3 ../get.py ask {pid} -11"));
    fixture.is_held(&agent);
    fixture.reported("flow-received", |event| event["destination.port"] == fixture.server.port());
}

/// Whoever has it still must not be stopped by what the session does.
#[test]
fn a_connection_that_another_process_has_too_is_theirs() {
    let Some(fixture) = Fixture::new() else { return };
    let (_other, pid) = other(&fixture);
    let mut agent = fixture.run(&format!("{READ_SECRET}; python3 ../get.py ask {pid} 11"));
    fixture.reported("flow-shared", |event| event["destination.port"] == fixture.server.port());
    let _ = agent.finish();
    assert!(fixture.daemon.holds().is_empty());
}

/// What an open returned can be put elsewhere, and something else in its place, before the hook at the syscall's exit looks: then
/// the copy is looked at.
#[test]
fn a_descriptor_that_is_copied() {
    let Some(fixture) = Fixture::new() else { return };
    if fixture.backend().sees_everything() {
        not_here("opens are looked at before there is a descriptor; one that was inherited is not looked at");
        return;
    }
    let (socket, home) = (fixture.daemon.socket(), Home::path(&fixture.home).display());
    let script = format!(
        "exec 9< {home}/.railway/config.json; exec {} --socket {} run -- bash -c 'exec 3<&9; cat <&3; {}'",
        binary().display(),
        socket.display(),
        fixture.request().replace('\'', "\"")
    );
    let agent = fixture.home.run_unwatched(&script);
    fixture.is_held(&agent);
    fixture.was_read(ENTRY);
}

#[test]
fn a_secret_that_was_open_before_the_session() {
    let Some(fixture) = Fixture::new() else { return };
    let (socket, home) = (fixture.daemon.socket(), Home::path(&fixture.home).display());
    let script = format!(
        "exec < {home}/.railway/config.json; exec {} --socket {} run -- python3 -c 'import os, time; print(os.read(0, 99)); \
         os.execvp(\"bash\", [\"bash\", \"-c\", os.environ[\"REQUEST\"]])'",
        binary().display(),
        socket.display(),
    );
    let agent = fixture
        .home
        .run_unwatched(&format!("export REQUEST='{}'; {script}", fixture.request().replace('\'', "\"")));
    fixture.is_held(&agent);
    fixture.was_read(ENTRY);
}
