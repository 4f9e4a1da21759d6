//! Descendants that hide who made them, and pids that are used twice.

use interlock_tests::{
    agent::{Running, curl},
    wait,
};

use super::fixture::{A_WHILE, ENTRY, Fixture, python};

/// A descendant made in this way (see `acts.py`, which checks that it is what it claims) reads the secret and sends.
fn is_followed(way: &str) {
    let Some(fixture) = Fixture::new() else { return };
    let script = format!("cat ~/.railway/config.json; exec {}", fixture.request());
    let agent =
        fixture.run(&python(&format!("descend {way} \"{}\"; echo descended", script.replace('"', "\\\""))));
    fixture.is_held(&agent);
    let read = fixture.was_read(ENTRY);
    assert_eq!(read["interlock.session.id"], fixture.daemon.json(&["ps"])[0]["id"], "{read}");
    fixture.daemon.expect(&["deny", &fixture.daemon.the_hold()]);
    agent.says("descended");
    fixture.server.silent().unwrap();
}

#[test]
fn vfork() {
    is_followed("vfork");
}

#[test]
fn clone3() {
    is_followed("clone3");
}

#[test]
fn clone_parent() {
    is_followed("clone_parent");
}

#[test]
fn double_fork() {
    is_followed("double_fork");
}

#[test]
fn setsid() {
    is_followed("setsid");
}

#[test]
fn pid_namespace() {
    is_followed("pid_namespace");
}

#[test]
fn a_thread_reads_and_another_sends() {
    let Some(fixture) = Fixture::new() else { return };
    let agent = fixture.run(&python(&format!("by_threads {}", fixture.server.port())));
    fixture.is_held(&agent);
    fixture.was_read(ENTRY);
}

/// The number that a script prints after `pid`, once the process of that number is gone.
fn pid_of_the_dead(running: &Running) -> String {
    running.says("gone");
    let output = running.output();
    output.lines().find_map(|line| line.strip_prefix("pid ")).unwrap().to_owned()
}

/// A process that is no one's any more when its pid is told.
const SHORT_LIFE: &str = "bash -c 'echo pid $$'; echo gone";

#[test]
fn a_person_with_a_pid_that_was_an_agents() {
    let Some(fixture) = Fixture::new() else { return };
    // The session lives on, and is gated: its label on a stranger would stop him.
    let agent = fixture.run(&format!("cat ~/.railway/config.json; echo; {SHORT_LIFE}; exec sleep 120"));
    let pid = pid_of_the_dead(&agent);
    fixture.was_read(ENTRY);
    let script =
        format!("cat ~/.railway/config.json; echo; echo pid $$; exec {}", curl(&fixture.server, "-m 20"));
    let mut person = fixture.home.run_unwatched(&format!(
        "{}; echo exit $?",
        python(&format!("reborn {pid} \"{script}\"").replace("$$", "\\$\\$"))
    ));
    let output = person.finish();
    assert!(output.contains(&format!("pid {pid}\n")), "another pid: {output}");
    assert!(output.contains("ok\nexit 0"), "{output}");
    assert!(fixture.daemon.holds().is_empty(), "{:?}", fixture.daemon.holds());
    let reads = fixture.daemon.events("secret-read");
    assert!(reads.iter().all(|read| read["process.pid"].as_u64() != pid.parse().ok()), "{reads:?}");
}

#[test]
fn an_agent_with_a_pid_that_was_a_persons() {
    let Some(fixture) = Fixture::new() else { return };
    let mut person = fixture.home.run_unwatched(SHORT_LIFE);
    let _ = person.finish();
    let pid = pid_of_the_dead(&person);
    let script = format!("cat ~/.railway/config.json; exec {}", fixture.request());
    let agent = fixture.run(&python(&format!("reborn {pid} \"{script}\"")));
    fixture.is_held(&agent);
    assert_eq!(fixture.daemon.holds()[0]["pid"].to_string(), pid, "the reborn process is who is held");
    fixture.was_read(ENTRY);
}

#[test]
fn an_agent_with_a_pid_that_was_an_agents_of_another_session() {
    let Some(fixture) = Fixture::new() else { return };
    let first = fixture.run(&format!("{SHORT_LIFE}; exec sleep 120"));
    let pid = pid_of_the_dead(&first);
    let script = format!("cat ~/.railway/config.json; exec {}", fixture.request());
    let second = fixture.run(&format!("echo root $$; {}", python(&format!("reborn {pid} \"{script}\""))));
    fixture.is_held(&second);
    let read = fixture.was_read(ENTRY);
    let output = second.output();
    let root = output.lines().find_map(|line| line.strip_prefix("root ")).unwrap();
    assert!(read["interlock.session.id"].as_str().unwrap().starts_with(&format!("{root}-")), "{read}");
    wait::throughout("held", A_WHILE, || fixture.server.silent());
}
