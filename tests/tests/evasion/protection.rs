//! Against Interlock itself, and into the processes of others.

use std::{fs, path::Path};

use interlock_tests::{
    agent::READ_SECRET,
    backend::{Backend, not_here},
    daemon::Settings,
};

use super::fixture::{Fixture, python};

/// Rules in a file, enforcement that is pinned: everything that there is to take away.
fn everything() -> Settings {
    let rules = include_str!("../../../rules/default.yaml").to_owned();
    Settings { rules: Some(rules), pinned: true, ..Settings::default() }
}

/// The shell line that tries an act and tells its end.
fn tries(act: &str, path: &Path) -> String {
    format!("{}; echo {act} $?\n", python(&format!("{act} {}", path.display())))
}

/// The breaker works after all that was tried.
fn still_holds(fixture: &Fixture) {
    let agent = fixture.run(&format!("{READ_SECRET}; {}", fixture.request()));
    fixture.is_held(&agent);
}

#[test]
fn where_one_duty_has_the_lsm_backend_all_have_it() {
    let Some(fixture) = Fixture::new() else { return };
    let open = fixture.backend();
    for feature in ["connect", "inspect", "protect"] {
        let backend = fixture.daemon.backend(feature);
        println!("{feature}: {backend:?}; open: {open:?}");
        assert!(
            (open == Backend::Lsm) == (backend == Backend::Lsm),
            "{feature}: {backend:?}, but open: {open:?}"
        );
    }
}

#[test]
fn signals_to_the_daemon() {
    let Some(fixture) = Fixture::new() else { return };
    let pid = fixture.daemon.pid();
    if fixture.backend() == Backend::Lsm {
        let mut agent = fixture.run(&format!("kill -9 {pid}; echo kill $?; kill -STOP {pid}; echo stop $?"));
        let output = agent.finish();
        assert!(output.contains("kill 1") && output.contains("stop 1"), "{output}");
    } else {
        not_here("an agent that runs as root can kill the daemon; as anybody else it cannot");
        let mut agent = fixture.run(&python(&format!("as_nobody send_signal {pid} 9")));
        assert!(agent.finish().contains("refused 1 "), "{}", agent.output());
        // SIGWINCH does nothing to it.
        let mut agent = fixture.run(&python(&format!("send_signal {pid} 28")));
        assert!(agent.finish().contains("delivered"), "{}", agent.output());
    }
    let _ = fixture.daemon.the_event("tamper");
    still_holds(&fixture);
}

#[test]
fn files_of_the_daemon() {
    let Some(fixture) = Fixture::with(|_| everything()) else { return };
    let (rules, ledger) =
        (fixture.daemon.dir().join("rules/test.yaml"), fixture.daemon.dir().join("state/ledger.jsonl"));
    let before = fs::read(&rules).unwrap();
    let acts = [("remove", &rules), ("rewrite", &rules), ("replace", &rules), ("cut", &rules)];
    let ledger_acts = [("remove", &ledger), ("rewrite", &ledger), ("cut", &ledger)];
    let socket = fixture.daemon.socket();
    let pins = fixture.daemon.pins().unwrap().to_owned();
    let pin = first_file(&pins);
    let all: Vec<_> =
        acts.into_iter().chain(ledger_acts).chain([("remove", &socket), ("remove", &pin)]).collect();
    assert!(ledger.exists() && pin.exists(), "{} {}", ledger.display(), pin.display());
    if fixture.backend() == Backend::Lsm {
        let script: String = all.iter().map(|(act, path)| tries(act, path)).collect();
        let mut agent = fixture.run(&script);
        let output = agent.finish();
        assert_eq!(output.matches("refused 1 ").count(), all.len(), "{output}");
        let _ = fixture.daemon.the_event("tamper");
    } else {
        not_here("an agent that runs as root can change the daemon's files; as anybody else it cannot");
        let nobody = |(act, path): &(&str, &std::path::PathBuf)| tries(&format!("as_nobody {act}"), path);
        let mut agent = fixture.run(&all.iter().map(nobody).collect::<String>());
        let output = agent.finish();
        assert_eq!(output.matches("refused 13 ").count(), all.len(), "{output}");
    }
    assert_eq!(fs::read(&rules).unwrap(), before);
    assert!(all.iter().all(|(_, path)| path.exists()));
    still_holds(&fixture);
}

/// Some pin.
fn first_file(directory: &Path) -> std::path::PathBuf {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let first = entries.swap_remove(0);
    if first.is_dir() { first_file(&first) } else { first }
}

#[test]
fn bpf() {
    let Some(fixture) = Fixture::new() else { return };
    let mut agent = fixture.run(&python("bpf_call"));
    let output = agent.finish();
    match fixture.backend() {
        Backend::Lsm => assert!(output.contains("refused 1 "), "{output}"),
        Backend::Tracing => not_here("a call of bpf is seen, not refused"),
        Backend::Portable | Backend::Nothing => {
            not_here("bpf has no hook; who is not root cannot call it");
            let mut agent = fixture.run(&python("as_nobody bpf_call"));
            assert!(agent.finish().contains("refused 1 "), "{}", agent.output());
            return;
        }
    }
    let _ = fixture.daemon.the_event("tamper");
}

#[test]
fn mounts_over_and_away_in_a_namespace_of_its_own() {
    let Some(fixture) = Fixture::with(|_| everything()) else { return };
    let daemon = &fixture.daemon;
    let script = [
        tries("unmount", Path::new("/sys/fs/bpf")),
        tries("mount_over", daemon.pins().unwrap()),
        tries("mount_over", &daemon.dir().join("state")),
        tries("mount_over", &daemon.dir().join("rules")),
    ];
    let mut agent = fixture.run(&script.concat());
    let output = agent.finish();
    match fixture.backend() {
        Backend::Lsm => {
            assert_eq!(output.matches("refused 1 ").count(), script.len(), "{output}");
            let _ = daemon.the_event("mount");
        }
        Backend::Tracing => {
            not_here("mounts are seen, not refused; they change nothing for the daemon");
            let _ = daemon.the_event("mount");
        }
        Backend::Portable | Backend::Nothing => {
            not_here("mounts have no hook; they change nothing for the daemon")
        }
    }
    still_holds(&fixture);
}

#[test]
fn another_process_by_ptrace_and_by_its_memory() {
    for act in ["attach", "read_memory"] {
        let Some(fixture) = Fixture::new() else { return };
        let stranger = fixture.home.run_unwatched("echo pid $$; exec sleep 120");
        stranger.says("pid");
        let pid = stranger.output().trim().trim_start_matches("pid ").to_owned();
        let mut agent = fixture.run(&python(&format!("{act} {pid}")));
        let output = agent.finish();
        let event =
            fixture.reported("inspect", |event| event["interlock.inspect.pid"].as_u64() == pid.parse().ok());
        assert_eq!(event["interlock.inspect.own"], false, "{event} {output}");
    }
}

#[test]
fn the_daemon_by_ptrace_and_by_its_memory() {
    for act in ["attach", "read_memory"] {
        let Some(fixture) = Fixture::new() else { return };
        let pid = fixture.daemon.pid();
        if fixture.backend() == Backend::Lsm {
            let mut agent = fixture.run(&python(&format!("{act} {pid}")));
            assert!(agent.finish().contains("refused"), "{}", agent.output());
            let _ = fixture.reported("syscall-denied", |event| event["interlock.inspect.pid"] == pid);
        } else {
            not_here("an agent that runs as root can reach into the daemon; as anybody else it cannot");
            let mut agent = fixture.run(&python(&format!("as_nobody {act} {pid}")));
            assert!(agent.finish().contains("refused"), "{}", agent.output());
        }
        still_holds(&fixture);
    }
}

#[test]
fn the_environment_and_the_memory_of_another_process() {
    for file in ["environ", "mem"] {
        let Some(fixture) = Fixture::new() else { return };
        let stranger = fixture.home.run_unwatched("echo pid $$; exec sleep 120");
        stranger.says("pid");
        let pid = stranger.output().trim().trim_start_matches("pid ").to_owned();
        let mut agent = fixture.run(&format!("head -c 16 /proc/{pid}/{file} | tr '\\0' ' '; true"));
        let output = agent.finish();
        let event = fixture.reported("environment-read", |event| {
            event["interlock.environment.pid"].as_u64() == pid.parse().ok()
        });
        assert_eq!(event["interlock.environment.own"], false, "{event} {output}");
    }
}
