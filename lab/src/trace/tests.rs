use super::*;

const TEXT: &str = r#"100 execve("/usr/bin/sh", ["sh", "-c", "x \"ls\""], 0x7ffd /* 9 vars */) = 0
100 openat(AT_FDCWD</home/lab/shop>, ".neon", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)
100 clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}, 88 <unfinished ...>
101 execve("/opt/x/bin/node", ["node", "/opt/x/lib/x.js", "ls"], 0x7ffd /* 9 vars */) = 0
100 <... clone3 resumed>)               = 101
101 clone3({flags=CLONE_VM|CLONE_THREAD, exit_signal=0}, 88) = 102
102 prctl(PR_SET_NAME, "libuv-worker") = 0
101 prctl(PR_SET_NAME, "x ls") = 0
102 openat(AT_FDCWD</home/lab/shop>, "/home/lab/.npmrc", O_RDONLY|O_CLOEXEC <unfinished ...>
101 statx(AT_FDCWD</home/lab/shop>, "/home/lab/./.netrc", AT_STATX_SYNC_AS_STAT, STATX_ALL, {stx_mask=STATX_ALL, stx_mode=S_IFREG|0600}) = 0
102 <... openat resumed>) = 17</home/lab/.npmrc>
101 open("../h\303\266m", O_WRONLY|O_CREAT, 0600) = 18</home/lab/höm>
101 openat(AT_FDCWD</home/lab/shop>, "/home/lab", O_RDONLY|O_DIRECTORY) = 19</home/lab>
101 open("/home/lab/x.db", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 18</home/lab/x.db>
101 connect(20<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("198.18.0.2")}, 16) = -1 EINPROGRESS (Operation now in progress)
101 connect(20<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("198.18.0.2")}, 16) = 0
101 --- SIGCHLD {si_signo=SIGCHLD} ---
101 chdir("/tmp") = 0
101 access("a", R_OK) = -1 ENOENT (No such file or directory)
101 +++ exited with 0 +++
"#;

fn looks(trace: &Trace) -> Vec<(&str, How, &str)> {
    trace.looks.iter().map(|look| (look.path.as_str(), look.how, look.program.comm.as_str())).collect()
}

#[test]
fn files_have_whole_paths_and_the_program_that_wanted_them() {
    let trace = read(TEXT, "/home/lab/shop");
    let expected = [
        ("/home/lab/shop/.neon", How::Missing, "sh"),
        ("/home/lab/.netrc", How::Present, "x ls"),
        ("/home/lab/.npmrc", How::Opened, "x ls"),
        ("/home/lab/höm", How::Written, "x ls"),
        ("/home/lab/x.db", How::Opened, "x ls"),
        ("/tmp/a", How::Missing, "x ls"),
    ];
    assert_eq!(looks(&trace), expected);
    assert_eq!(trace.looks[2].program.argv, ["node", "/opt/x/lib/x.js", "ls"]);
    assert_eq!(trace.programs[0].argv, ["sh", "-c", "x \"ls\""]);
}

#[test]
fn a_connection_is_told_once() {
    assert_eq!(read(TEXT, "/").connections, [(Ipv4Addr::new(198, 18, 0, 2), 443)]);
}

#[test]
fn an_escape_is_undone() {
    let text = r#"7 open("a\"b\\c\tn\1x", O_RDONLY) = 3"#;
    assert_eq!(line::calls(text)[0].strings, ["a\"b\\c\tn\u{1}x"]);
}

#[test]
fn nonsense_is_left_out() {
    assert_eq!(read("\nstrace: what\n12 x(\n13 open(\"a\n", "/"), Trace::default());
}
