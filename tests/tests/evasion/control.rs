//! Around the decision: waking what is frozen, steering what is held, deciding for oneself.

use std::fs;

use interlock_host::enforcement::freezer::Hierarchy;
use interlock_tests::{
    agent::{READ_SECRET, Running},
    backend::{Backend, not_here},
    daemon::{Settings, binary},
    wait,
};
use rustix::process::{Pid, Signal, kill_process};

use super::fixture::{A_WHILE, Fixture, TOKEN, python};

/// One letter: `T` is stopped.
fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// In the freezer, where one sleeps as far as the letter says.
fn is_frozen(pid: i32) -> bool {
    let group = Hierarchy::of_this_machine().unwrap().directory_of(pid.unsigned_abs()).unwrap();
    let events = fs::read_to_string(group.join("cgroup.events")).unwrap_or_default();
    group.to_string_lossy().ends_with(".freeze") && events.contains("frozen 1")
}

fn stands_frozen(pid: i32) {
    wait::until("it stands still", || if is_frozen(pid) { Ok(()) } else { Err(state(pid)) });
}

#[test]
fn ten_continues_by_somebody_else_do_not_wake_what_is_frozen() {
    let Some(fixture) = Fixture::new() else { return };
    // Without a fork: opens, connects and sends, for ever.
    let script = format!(
        "echo root $$; while :; do : > tick; exec 3<>/dev/tcp/127.0.0.1/{} && printf x >&3; exec 3>&-; done",
        fixture.server.port()
    );
    let agent = fixture.run(&script);
    wait::until("it sends", || if fixture.server.seen().bytes > 3 { Ok(()) } else { Err(agent.output()) });
    let session = fixture.daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned();
    let root: i32 = session.split('-').next().unwrap().parse().unwrap();
    fixture.daemon.expect(&["freeze", &session]);
    stands_frozen(root);
    let settled = wait::until("what was under way has arrived", || {
        let before = fixture.server.seen().bytes;
        wait::throughout("", A_WHILE, || Ok::<(), ()>(()));
        let after = fixture.server.seen().bytes;
        if before == after { Ok(after) } else { Err((before, after)) }
    });
    for _ in 0..10 {
        kill_process(Pid::from_raw(root).unwrap(), Signal::CONT).unwrap();
        stands_frozen(root);
    }
    wait::throughout("it stands", A_WHILE, || if is_frozen(root) { Ok(()) } else { Err(state(root)) });
    // One letter may have been between its connect and its send.
    assert!(fixture.server.seen().bytes <= settled + 1, "{settled} {:?}", fixture.server.seen());
    fixture.daemon.expect(&["thaw", &session]);
    wait::until("it runs", || {
        if fixture.server.seen().bytes > settled + 3 { Ok(()) } else { Err(fixture.server.seen()) }
    });
}

#[test]
fn continuing_and_steering_a_held_connections_program_lets_nothing_out() {
    let Some(fixture) = Fixture::new() else { return };
    let script = format!(
        "mkfifo fifo; {READ_SECRET}; {} & held=$!; read -r go < fifo; {} || true; \
         for i in 1 2 3 4 5 6 7 8 9 10; do kill -CONT $held; done; echo steered; wait",
        fixture.request(),
        python("attach $held")
    );
    let agent = fixture.run(&script);
    fixture.is_held(&agent);
    fs::write(fixture.home.path().join("work/fifo"), "go\n").unwrap();
    agent.says("steered");
    assert!(agent.output().contains("attached"), "it may debug its own: {}", agent.output());
    wait::throughout("held", A_WHILE, || fixture.server.silent());
    assert_eq!(fixture.daemon.holds().len(), 1);
    assert!(fixture.daemon.events("inspect").is_empty(), "its own tree is the agent's to debug");
}

#[test]
fn continuing_and_steering_a_held_open_reads_nothing() {
    let rules = "version: 1\nbuiltin: replace\nrules:\n  - id: hold-open\n    summary: A credential is about to be opened.\n    on: open\n    \
                 match: { secret: { grade: A, foreign: true } }\n    action: hold\n    timeout: { after: 60s, then: deny }\n";
    let Some(fixture) = Fixture::with(|_| Settings { rules: Some(rules.into()), ..Settings::default() })
    else {
        return;
    };
    let script = format!(
        "mkfifo fifo; cat ~/.railway/config.json & held=$!; read -r go < fifo; \
         for i in 1 2 3 4 5 6 7 8 9 10; do kill -CONT $held; done; {} || true; echo steered; wait",
        python("attach $held")
    );
    let agent = fixture.run(&script);
    if fixture.backend() != Backend::Lsm {
        not_here("an open is seen after it happened");
        let event = fixture.daemon.the_event("secret-read");
        assert_eq!(event["interlock.degraded"], "hold", "{event}");
        return;
    }
    let hold = fixture.daemon.the_hold();
    fs::write(fixture.home.path().join("work/fifo"), "go\n").unwrap();
    agent.says("steered");
    wait::throughout("nothing is read", A_WHILE, || match agent.output() {
        output if output.contains(TOKEN) => Err(output),
        _ => Ok(()),
    });
    fixture.daemon.expect(&["approve", &hold]);
    agent.says(TOKEN);
}

#[test]
fn nobody_of_the_tree_decides_about_it() {
    let Some(fixture) = Fixture::new() else { return };
    let (interlock, socket) = (binary(), fixture.daemon.socket());
    let (interlock, socket) = (interlock.display(), socket.display());
    let script = format!(
        "mkfifo fifo; {READ_SECRET}; {} & read -r hold session < fifo
         {interlock} --socket {socket} approve $hold; echo approve $?
         setsid env -i {interlock} --socket {socket} approve $hold; echo detached $?
         (exec -a sshd {interlock} --socket {socket} thaw $session); echo thaw $?
         curl -sS -X POST -H 'content-type: application/json' -d '{{}}' -o /dev/null -w 'raw %{{http_code}}\\n' \
           --unix-socket {socket} http://localhost/v1/holds/$hold/approve
         echo tried; wait",
        fixture.request()
    );
    let agent = fixture.run(&script);
    let hold = fixture.is_held(&agent);
    let session = fixture.daemon.json(&["ps"])[0]["id"].as_str().unwrap().to_owned();
    fs::write(fixture.home.path().join("work/fifo"), format!("{hold} {session}\n")).unwrap();
    agent.says("tried");
    let output = agent.output();
    for refused in ["approve 4", "detached 4", "thaw 4", "raw 403"] {
        assert!(output.contains(refused), "{refused}: {output}");
    }
    wait::throughout("held", A_WHILE, || fixture.server.silent());
    assert_eq!(fixture.daemon.the_hold(), hold);
}

#[test]
fn a_dying_child_decides_nothing_for_its_parent() {
    let Some(fixture) = Fixture::new() else { return };
    let ask = python(&format!("ask_as_the_dying {} $hold", fixture.daemon.socket().display()));
    let script = format!(
        "mkfifo fifo; {READ_SECRET}; {} & read -r hold < fifo; {ask}; echo asked; wait",
        fixture.request()
    );
    let agent = fixture.run(&script);
    let hold = fixture.is_held(&agent);
    fs::write(fixture.home.path().join("work/fifo"), format!("{hold}\n")).unwrap();
    agent.says("asked");
    assert!(agent.output().contains("HTTP/1.1 403"), "{}", agent.output());
    assert!(!agent.output().contains("HTTP/1.1 200"), "{}", agent.output());
    // Before Linux 6.16 a label stays until the memory is gone, so there it is what refuses.
    assert!(agent.output().contains("met the gap"), "{}", agent.output());
    wait::throughout("held", A_WHILE, || fixture.server.silent());
    assert_eq!(fixture.daemon.the_hold(), hold);
}

/// A fixture that holds `seq`, and an agent that plays `act`; `None` where this kernel cannot hold it.
fn counting(act: &str) -> Option<(Fixture, Running)> {
    let rules = "version: 1\nbuiltin: replace\nrules:\n  - id: hold-exec\n    summary: A number is about to be counted to.\n    on: exec\n    \
                 match: { process: { executable: \"**/seq\" } }\n    action: hold\n    timeout: { after: 60s, then: deny }\n";
    let fixture = Fixture::with(|_| Settings { rules: Some(rules.into()), ..Settings::default() })?;
    if fixture.backend() != Backend::Lsm {
        not_here("an exec is seen after it happened");
        return None;
    }
    let agent = fixture.run(&format!("{} & wait; echo went on; sleep 60", python(act)));
    Some((fixture, agent))
}

fn tell_to_go(fixture: &Fixture) {
    fs::write(fixture.home.path().join("work/go"), "").unwrap();
}

/// It ran `seq 7`, which was not judged before, and its tree is frozen.
fn is_frozen_for_counting_to_seven(fixture: &Fixture) {
    let ran =
        fixture.reported("exec", |event| event["process.args"] == serde_json::json!(["/usr/bin/seq", "7"]));
    assert_eq!(ran["interlock.degraded"], "hold", "{ran}");
    let frozen = fixture.daemon.the_event("session-frozen");
    assert!(frozen["message"].as_str().unwrap().contains("not what was judged"), "{frozen}");
}

#[test]
fn the_arguments_of_a_held_exec_changed_from_beside() {
    let Some((fixture, agent)) = counting("runs_what_is_changed /usr/bin/seq 4 7") else { return };
    let hold = fixture.daemon.the_hold(); // its arguments have been read
    tell_to_go(&fixture);
    agent.says("changed");
    fixture.daemon.expect(&["approve", &hold]);
    is_frozen_for_counting_to_seven(&fixture);
}

#[test]
fn an_exec_by_the_approval_that_another_process_got() {
    let Some((fixture, agent)) = counting("runs_by_anothers_approval /usr/bin/seq 4 7") else { return };
    let hold = fixture.daemon.the_hold();
    agent.says("stands");
    fixture.daemon.expect(&["approve", &hold]);
    tell_to_go(&fixture);
    let second = fixture.daemon.the_hold();
    assert_ne!(second, hold, "it is asked about by itself");
    fixture.daemon.expect(&["deny", &second]);
    agent.says("refused 1");
}
