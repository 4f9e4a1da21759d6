//! Acts that wait for an answer before they happen: what the program sees of it.

use interlock_tests::{
    agent::{Home, Running},
    backend::{Backend, not_here},
    daemon::{Daemon, Settings},
    is_root,
};

/// Holds `act` of a session; returns the session's script once it is held, `None` where this kernel cannot hold.
fn held(on: &str, matching: &str, act: &str) -> Option<(Daemon, Home, Running, String)> {
    if !is_root() {
        return None;
    }
    let rules = format!(
        "version: 1\nbuiltin: replace\nrules:\n  - id: hold-it\n    summary: It is about to happen.\n    on: {on}\n    match: {matching}\n    \
         action: hold\n    timeout: {{ after: 600s, then: deny }}\n"
    );
    let daemon = Daemon::start(&Settings { rules: Some(rules), ..Settings::default() });
    if daemon.backend("open") != Backend::Lsm {
        not_here("an act is seen after it began");
        return None;
    }
    let home = Home::new();
    let agent = home.run(&daemon, &format!("echo before; {act}; echo exit $?"));
    let hold = daemon.the_hold();
    assert!(agent.output().ends_with("\nbefore\n"), "{}", agent.output());
    Some((daemon, home, agent, hold))
}

fn an_open() -> Option<(Daemon, Home, Running, String)> {
    held("open", "{ secret: { grade: A, foreign: true } }", "cat ~/.railway/config.json")
}

fn an_exec() -> Option<(Daemon, Home, Running, String)> {
    held("exec", "{ process: { executable: \"**/seq\", argv: \"seq 7 7\" } }", "seq 6 6 > readme; seq 7 7")
}

#[test]
fn an_approved_open_reads_all_and_the_program_notices_only_time() {
    let Some((daemon, _home, mut agent, hold)) = an_open() else { return };
    daemon.expect(&["approve", &hold]);
    let output = agent.finish();
    assert!(output.ends_with("\nbefore\n{\"token\":\"not-real\"}exit 0\n"), "{output}");
}

#[test]
fn a_denied_open_fails_and_reads_nothing() {
    let Some((daemon, _home, mut agent, hold)) = an_open() else { return };
    daemon.expect(&["deny", &hold]);
    let output = agent.finish();
    assert!(output.contains("exit 1") && !output.contains("token"), "{output}");
}

#[test]
fn an_approved_exec_runs() {
    let Some((daemon, _home, mut agent, hold)) = an_exec() else { return };
    daemon.expect(&["approve", &hold]);
    let output = agent.finish();
    assert!(output.ends_with("\nbefore\n7\nexit 0\n"), "{output}");
}

/// The kernel asks about a script, then about its interpreter, and then about both again.
#[test]
fn an_approved_script_runs_and_is_one_question() {
    let script = "printf '#!/bin/sh\\necho counted $1\\n' > count; chmod +x count; ./count 7";
    let Some((daemon, _home, mut agent, hold)) =
        held("exec", "{ process: { executable: \"**/count\" } }", script)
    else {
        return;
    };
    daemon.expect(&["approve", &hold]);
    let output = agent.finish();
    assert!(output.ends_with("\nbefore\ncounted 7\nexit 0\n"), "{output}");
    assert!(daemon.events("session-frozen").is_empty());
}

#[test]
fn a_denied_exec_does_not_run() {
    let Some((daemon, _home, mut agent, hold)) = an_exec() else { return };
    daemon.expect(&["deny", &hold]);
    let output = agent.finish();
    assert!(output.contains("exit 126") && !output.contains("\n7\n"), "{output}");
}
