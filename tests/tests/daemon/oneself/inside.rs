//! The ways from inside a session, as data: its name in words, what is tried, and what of it shows that it was tried and refused.
//!
//! Each is played as root, so that nothing but its lineage stands against it, by a session of its own. `$HOLD` waits, `$FROZEN` is frozen,
//! `$SESSION` is the one that waits, `$OWN` the number of the very session.

/// A request was answered so that its caller learns that it belongs to a session.
const REFUSED: &str = "403";
/// The same of the command line: exit code 4.
const NO: &str = "code 4";

/// One way.
pub struct Way {
    pub name: &'static str,
    /// A bash script.
    pub tries: &'static str,
    /// What it prints when it was refused.
    pub says: &'static str,
}

const fn way(name: &'static str, tries: &'static str, says: &'static str) -> Way {
    Way { name, tries, says }
}

pub const WAYS: &[Way] = &[
    // By Interlock's own command line.
    way("approves", "ask approve $HOLD", NO),
    way(
        "approves what the channel's message names, with its evidence",
        "ask approve $HOLD --evidence $EVIDENCE",
        NO,
    ),
    way("approves with the evidence of another hold", "ask approve $HOLD --evidence 0123456789abcdef", NO),
    way("approves for the session, and all of the class", "ask approve $HOLD --session --class", NO),
    way(
        "approves with a code",
        "echo 123456 | \"$INTERLOCK\" --socket $SOCKET approve $HOLD --code > /dev/null 2>&1; echo code $?",
        NO,
    ),
    way("asks for the text that a key would sign", "ask approve $HOLD --statement", NO),
    way("thaws", "ask thaw $FROZEN", NO),
    way("breaks the glass for the one that waits", "ask break-glass $SESSION --for 1m --reason x", NO),
    way("breaks the glass for itself", "ask break-glass $$ --for 1m --reason x", NO),
    way("pauses every session of its user", "ask pause --for 1m --reason x", NO),
    way("pauses the one that waits", "ask pause $SESSION --for 1m --reason x", NO),
    way("marks what waits as shown to somebody", "ask explain $HOLD", NO),
    way("reads what people are told", "ask events --limit 5", NO),
    way("has looser rules read", "ask rules reload", NO),
    way(
        "enrols a factor of its own",
        "ask factor list; post factors '{\"secret\":\"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\",\"code\":\"000000\"}'",
        REFUSED,
    ),
    way("takes the person's factor away", "ask factor remove f1", NO),
    way("becomes the root of a session of its own, and is none before", "ask run -- true", "code 125"),
    way(
        "runs the screen, and presses keys",
        "printf 'a\\ny\\n' | TERM=xterm timeout 3 script -qec \"$INTERLOCK --socket $SOCKET watch\" /dev/null > /dev/null 2>&1; post $APPROVE",
        REFUSED,
    ),
    way(
        "runs a desktop helper of its own, on a bus of its own",
        "timeout 3 dbus-run-session -- \"$INTERLOCK\" --socket $SOCKET notify > /dev/null 2>&1; echo tried",
        "tried",
    ),
    // By the socket.
    way("asks by curl", "post $APPROVE", REFUSED),
    way("thaws by curl", "post sessions/$FROZEN/thaw", REFUSED),
    way(
        "breaks the glass by curl",
        "post suspensions '{\"way\":\"break-glass\",\"session\":\"'$SESSION'\",\"for_seconds\":60,\"reason\":\"x\"}'",
        REFUSED,
    ),
    way("says in the body that a person clicked", "post $APPROVE '{\"desktop\":'$PERSON'}'", REFUSED),
    way(
        "says in the headers to be root, with a token",
        "curl -s -X POST -H 'Authorization: Bearer root' -H 'X-Remote-User: root' -H 'X-Forwarded-For: 127.0.0.1' -w '%{http_code}' --unix-socket $SOCKET http://x/v1/$APPROVE",
        REFUSED,
    ),
    way("spells the path in another way", "post holds/%68${HOLD#h}/approve", REFUSED),
    way("sends the bytes itself", "act raw", REFUSED),
    way("sends them one piece after the other", "act in_pieces", REFUSED),
    way("sends it behind a request that anybody may make", "act pipelined", REFUSED),
    way("says who it is by credentials in the message", "act own_credentials", REFUSED),
    way("sends descriptors along, so that there is no room for who wrote", "act with_descriptors", REFUSED),
    // By another way to the socket.
    way("by a symbolic link", "ln -s $SOCKET link.$$; post $APPROVE '' link.$$", REFUSED),
    way("by a hard link", "ln $SOCKET ${SOCKET}.$$; post $APPROVE '' ${SOCKET}.$$", REFUSED),
    way(
        "by a bind mount in a mount namespace of its own",
        "export -f post; touch bound.$$; unshare -m bash -c \"mount --bind $SOCKET bound.$$; post $APPROVE '' bound.$$\"",
        REFUSED,
    ),
    way("by the daemon's root in /proc", "post $APPROVE '' /proc/$DAEMON/root$SOCKET", REFUSED),
    way("by its own root in /proc", "post $APPROVE '' /proc/self/root$SOCKET", REFUSED),
    way("by the working directory", "act relative", REFUSED),
    way("by a descriptor of the path alone", "act path_descriptor", REFUSED),
    way(
        "from another root",
        "chroot / curl -s -X POST -w '%{http_code}' --unix-socket $SOCKET http://x/v1/$APPROVE",
        REFUSED,
    ),
    way(
        "from a network namespace of its own",
        "export -f post; unshare -n bash -c \"post $APPROVE\"",
        REFUSED,
    ),
    // As somebody else.
    way("in a process session of its own", "export -f post; setsid -w bash -c \"post $APPROVE\"", REFUSED),
    way("forked twice, its parents over", "act double_fork", REFUSED),
    way(
        "from the background, when the session's first process is over",
        "(sleep 0.3; post $APPROVE) & disown; exit",
        REFUSED,
    ),
    way("from another thread", "act thread", REFUSED),
    way("when its first thread is over", "act first_thread_ended; sleep 0.5", REFUSED),
    way(
        "under another program's name",
        "(exec -a sshd curl -s -X POST -w '%{http_code}' --unix-socket $SOCKET http://x/v1/$APPROVE)",
        REFUSED,
    ),
    way("by a program in memory", "act from_memory", REFUSED),
    way(
        "by the dynamic loader",
        "$(ls /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* 2> /dev/null | head -1) /usr/bin/curl -s -X POST -w '%{http_code}' --unix-socket $SOCKET http://x/v1/$APPROVE",
        REFUSED,
    ),
    way(
        "by an interpreter",
        "perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => $ENV{SOCKET}); print $s \"POST /v1/holds/$ENV{HOLD}/approve HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n\"; print <$s>'",
        REFUSED,
    ),
    way(
        "without any variable",
        "env -i \"$INTERLOCK\" --socket $SOCKET approve $HOLD > /dev/null 2>&1; echo code $?",
        NO,
    ),
    way(
        "with the variables of a person's shell",
        "env -i HOME=/root USER=root LOGNAME=root SUDO_UID=1000 SUDO_USER=ann SSH_TTY=/dev/pts/0 XDG_SESSION_TYPE=tty INTERLOCK_SESSION= \"$INTERLOCK\" --socket $SOCKET approve $HOLD > /dev/null 2>&1; echo code $?",
        NO,
    ),
    way("with a login of its own choosing", "echo 4242 > /proc/self/loginuid; post $APPROVE", REFUSED),
    way(
        "as another user, by su",
        "su -s /bin/bash nobody -c \"curl -s -X POST -w '%{http_code}' --unix-socket $SOCKET http://x/v1/$APPROVE\"",
        REFUSED,
    ),
    way(
        "as another user, by the system call",
        "setpriv --reuid 12003 --regid 12003 --clear-groups curl -s -X POST -w '%{http_code}' --unix-socket $SOCKET http://x/v1/$APPROVE",
        REFUSED,
    ),
    way(
        "as an ordinary user who becomes root by a setuid program",
        "cp /usr/bin/curl root.$$; chmod 4755 root.$$ ~ ~/work; setpriv --reuid 12003 --regid 12003 --clear-groups ./root.$$ -s -X POST -w '%{http_code}' --unix-socket $SOCKET http://x/v1/$APPROVE",
        REFUSED,
    ),
    way(
        "as root of a user namespace of its own",
        "unshare -Ur curl -s -X POST -w '%{http_code}' --unix-socket $SOCKET http://x/v1/$APPROVE",
        REFUSED,
    ),
    way(
        "as the first process of a pid namespace of its own",
        "export -f post; unshare -pf --mount-proc bash -c \"post $APPROVE\"",
        REFUSED,
    ),
    way(
        "in the terminal of another program",
        "export -f post; SHELL=$BASH script -qec \"bash -c 'post $APPROVE'\" /dev/null",
        REFUSED,
    ),
    way(
        "in a multiplexer that it started",
        "T=\"tmux -L own.$$ -f /dev/null\"; $T new-session -d \"curl -s -X POST -o tmux.$$ -w '%{http_code}' --unix-socket $SOCKET http://x/v1/$APPROVE >> tmux.$$; sleep 5\"; sleep 1; cat tmux.$$; $T kill-server",
        REFUSED,
    ),
    way(
        "by the ssh agent's shell",
        "ssh-agent bash -c \"curl -s -X POST -w '%{http_code}' --unix-socket $SOCKET http://x/v1/$APPROVE\"",
        REFUSED,
    ),
    // On connections that change hands.
    way("on a connection that somebody outside has opened and sent", "act given_by_another", REFUSED),
    way("on such a one, half of it by a child that is over", "act given_by_another_in_part", REFUSED),
    way("on a connection taken out of the person's own program", "act taken", REFUSED),
    way("has somebody outside write on a connection of its own", "act written_by_another", REFUSED),
];

/// Ways that begin outside: what comes before `interlock run`, and its session's script.
pub const BEGUN_OUTSIDE: &[Way] = &[
    way("on a connection that it inherited from who started it", "inherits", REFUSED),
    way("on a connection that it opened before it was a session", "becomes", REFUSED),
];

/// Ways by which nobody knows who asks: told as attempts of the user.
pub const BY_THE_DEAD: &[Way] = &[
    way("has a child connect that is over when it asks", "act dead", REFUSED),
    way("has a large child connect that is about to be over", "act dying", REFUSED),
];
