//! The ledger of a daemon, as somebody else meets it: signed, with what decided and who carried the authority.

use std::{
    fs,
    path::{Path, PathBuf},
};

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, text},
    is_root,
    server::Server,
    wait,
};
use serde_json::Value;

fn state(daemon: &Daemon) -> PathBuf {
    daemon.dir().join("state")
}

fn ledger(daemon: &Daemon, args: &[&str]) -> std::process::Output {
    let state = state(daemon);
    daemon.cli(&[&["ledger"], args, &[state.to_str().unwrap()]].concat())
}

fn records(daemon: &Daemon, kind: &str) -> Vec<Value> {
    let output = ledger(daemon, &["show", "--output", "json", "--kind", kind]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)))
}

#[test]
fn the_ledger_says_what_decided_who_carried_the_authority_and_is_signed() {
    if !is_root() {
        return;
    }
    let (mut daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let mut agent = home.run(&daemon, "echo done");
    assert!(agent.finish().contains("done"), "{}", agent.output());
    let _ = daemon.the_event("session-ended");
    let start = &records(&daemon, "start")[0]["detail"];
    for field in ["version", "mode", "rules_sha256", "catalog_sha256", "host", "boot_id", "key"] {
        assert!(start[field].is_string(), "{field}: {start}");
    }
    let session = &records(&daemon, "session")[0];
    assert_eq!(session["detail"]["agent"], "command", "{session}");
    assert!(session["detail"]["parents"][0]["pid"].is_number() && session["boot"].is_string(), "{session}");
    let enroll = &records(&daemon, "enroll")[0]["who"]["caller"];
    assert_eq!((&enroll["from"]["by"], &enroll["from"]["labelled"]), (&"control socket".into(), &0.into()));
    let doctor = daemon.json(&["doctor"]);
    let row = doctor.as_array().unwrap().iter().find(|row| row["subject"] == "ledger").unwrap();
    assert!(row["state"] == "good" && row["found"].as_str().unwrap().contains("/interlock/"), "{row}");

    daemon.stop();
    let said = ledger(&daemon, &["verify"]);
    assert!(said.status.success() && text(&said).contains("signed them"), "{}", text(&said));
    let signed = fs::read_to_string(state(&daemon).join("checkpoint")).unwrap();
    let last = &records(&daemon, "stop")[0]["seq"];
    assert_eq!(signed.lines().nth(1), Some(&*last.to_string()), "everything is signed at the end");
    let proof = ledger(&daemon, &["prove", "1"]);
    assert!(proof.status.success(), "{}", text(&proof));
}

#[test]
fn a_tail_that_was_cut_between_two_daemons_is_an_alert() {
    if !is_root() {
        return;
    }
    let mut daemon = Daemon::start(&Settings::default());
    daemon.expect(&["rules", "reload"]);
    daemon.stop();
    let file = state(&daemon).join("ledger.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    let cut: String = whole.split_inclusive('\n').take(1).collect();
    fs::write(&file, cut).unwrap();
    daemon.start_again();
    is_alert_of(&daemon, "truncated");
    let record = &records(&daemon, "rotate")[0];
    assert_eq!(record["seq"].as_u64(), Some(whole.lines().count() as u64 + 1), "the numbers go on");
    let said = ledger(&daemon, &["verify"]);
    assert_eq!(said.status.code(), Some(1));
    assert!(text(&said).contains("records were cut out"), "{}", text(&said));
}

/// The next daemon, or this one, tells people that the ledger was changed.
fn is_alert_of(daemon: &Daemon, change: &str) {
    let told = daemon.the_event("ledger-rotated");
    assert_eq!(
        (&told["event.kind"], &told["interlock.ledger.change"]),
        (&"alert".into(), &change.into()),
        "{told}"
    );
}

/// As long as it was, so that no room comes of it.
fn write_in_place(file: &Path, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().write(true).open(file).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
}

/// A state directory with room for little, which is then full.
fn full(on_full: &'static str) -> Option<(Daemon, Home)> {
    if !is_root() {
        return None;
    }
    let daemon = Daemon::start(&Settings {
        state_room: Some("512k"),
        more: format!("on_full = \"{on_full}\"\n"),
        ..Settings::default()
    });
    Some((daemon, Home::new()))
}

fn hold_session(daemon: &Daemon) -> String {
    let holds = daemon.json(&["holds"]);
    holds[0]["session"].as_str().unwrap_or_else(|| panic!("{holds}")).to_owned()
}

fn fill(daemon: &Daemon) {
    let mut size = 1 << 19;
    let filler = state(daemon).join("filler");
    let mut file = fs::OpenOptions::new().create(true).append(true).open(filler).unwrap();
    while size > 0 {
        if std::io::Write::write_all(&mut file, &vec![b'x'; size]).is_err() {
            size /= 2;
        }
    }
    // The ledger's last page has room for some records still.
    wait::until("the ledger cannot be written", || {
        let _ = daemon.cli(&["rules", "reload"]);
        if daemon.events("ledger-failing").is_empty() { Err(daemon.log()) } else { Ok(()) }
    });
}

#[test]
fn where_the_ledger_cannot_be_written_nothing_is_approved_and_it_is_told_when_it_can_again() {
    let Some((daemon, home)) = full("hold") else { return };
    let server = Server::start();
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}", curl(&server, "")));
    let hold = daemon.the_hold();
    fill(&daemon);
    let said = daemon.cli(&["approve", &hold]);
    assert_eq!(said.status.code(), Some(1), "{}", text(&said));
    assert!(text(&said).contains("the ledger cannot be written"), "{}", text(&said));
    assert!(text(&said).contains("ledger.jsonl: No space left"), "{}", text(&said));
    let session = hold_session(&daemon);
    daemon.expect(&["freeze", &session]);
    let thaw = daemon.cli(&["thaw", &session]);
    assert_eq!(thaw.status.code(), Some(1), "{}", text(&thaw));
    assert!(text(&thaw).contains("nothing is thawed"), "{}", text(&thaw));
    let doctor = daemon.json(&["doctor"]);
    let row = doctor.as_array().unwrap().iter().find(|row| row["subject"] == "ledger").unwrap();
    assert!(row["state"] == "missing" && row["found"].as_str().unwrap().contains("No space left"), "{row}");
    let failing = daemon.the_event("ledger-failing");
    assert_eq!(failing["event.kind"], "alert", "{failing}");
    fs::remove_file(state(&daemon).join("filler")).unwrap();
    let _ = daemon.the_event("ledger-back");
    daemon.expect(&["thaw", &session]);
    assert_eq!(records(&daemon, "thaw").len(), 1, "recorded once, by the person alone");
    daemon.expect(&["approve", &hold]);
    assert!(agent.finish().contains("ok"), "{}", agent.output());
    let lost = &records(&daemon, "lost")[0]["detail"];
    assert!(lost["records"].as_u64() >= Some(1) && lost["kinds"]["approve"] == 1, "{lost}");
    wait::until("the ledger holds", || {
        let said = ledger(&daemon, &["verify"]);
        if said.status.success() { Ok(()) } else { Err(text(&said)) }
    });
}

#[test]
fn what_is_rewritten_on_a_full_disk_is_an_alert_and_no_rotation() {
    let Some((daemon, _home)) = full("hold") else { return };
    fill(&daemon);
    let file = state(&daemon).join("ledger.jsonl");
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.len() - 10;
    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
    write_in_place(&file, &bytes);
    wait::until("it has another name", || {
        let _ = daemon.cli(&["rules", "reload"]);
        let names = fs::read_dir(state(&daemon)).unwrap().map(|entry| entry.unwrap().file_name());
        let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        if names.iter().any(|name| name.starts_with("ledger.cut-")) { Ok(()) } else { Err(names.join(" ")) }
    });
    let _ = daemon.cli(&["rules", "reload"]);
    assert_eq!(daemon.events("ledger-rotated").len(), 0, "there is no room yet: {}", daemon.log());
    fs::remove_file(state(&daemon).join("filler")).unwrap();
    is_alert_of(&daemon, "rewritten");
}

#[test]
fn a_daemon_starts_on_a_full_disk_with_a_last_record_that_was_edited() {
    let Some((mut daemon, _home)) = full("hold") else { return };
    fill(&daemon);
    daemon.stop();
    let file = state(&daemon).join("ledger.jsonl");
    let mut text = fs::read_to_string(&file).unwrap();
    let at = text.rfind("\"prev\"").unwrap() + 10;
    let other = if &text[at..=at] == "0" { "1" } else { "0" };
    text.replace_range(at..=at, other);
    write_in_place(&file, text.as_bytes());
    daemon.start_again();
    // Not removed: the daemon found it in its state directory, and holds on to what lies there.
    fs::OpenOptions::new().write(true).truncate(true).open(state(&daemon).join("filler")).unwrap();
    is_alert_of(&daemon, "rewritten");
}

#[test]
fn with_degrade_an_approval_counts_without_its_record() {
    let Some((daemon, home)) = full("degrade") else { return };
    let server = Server::start();
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}", curl(&server, "")));
    let hold = daemon.the_hold();
    fill(&daemon);
    daemon.expect(&["approve", &hold]);
    assert!(agent.finish().contains("ok"), "{}", agent.output());
    fs::remove_file(state(&daemon).join("filler")).unwrap();
    let _ = daemon.the_event("ledger-back");
    assert_eq!(records(&daemon, "lost")[0]["detail"]["kinds"]["approve"], 1);
}
