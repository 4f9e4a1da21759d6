use super::*;
use crate::{
    cli::sample,
    drill::{act::Held, sandbox},
};

fn seen(tcp_connections: u64, application_bytes: u64, volume_deleted: bool) -> Seen {
    Seen { tcp_connections, application_bytes, requests: Vec::new(), volume_deleted }
}

fn held(bytes: u64) -> Held {
    Held { view: sample::hold(), seen: seen(1, bytes, false) }
}

fn evidence(variant: Variant, held: Option<Held>, frozen: bool, server: Seen) -> Evidence {
    let agent = sandbox::Agent { pid: 7, ended: true, curl_exit: Some(35), curl_output: "curl: (35)".into() };
    let last = sandbox::Report { server, moments: Vec::new(), agent: Some(agent) };
    Evidence { variant, held, frozen, last, events: Vec::new(), moments: Vec::new() }
}

#[test]
fn one_byte_is_too_many() {
    let judge =
        |bytes| stopped(&evidence(Variant::Hold, Some(held(0)), false, seen(1, bytes, false))).unwrap();
    assert!(judge(0));
    assert!(!judge(1));
}

#[test]
fn a_drill_in_which_nothing_was_tried_proves_nothing() {
    for variant in [Variant::Hold, Variant::Approve, Variant::Observe] {
        let why = stopped(&evidence(variant, None, false, seen(0, 0, false))).unwrap_err().to_string();
        assert!(why.contains("proves nothing") && why.contains("curl: (35)"), "{why}");
    }
}

#[test]
fn an_approval_counts_only_when_nothing_left_before_and_something_after() {
    assert!(stopped(&evidence(Variant::Approve, Some(held(0)), false, seen(1, 900, true))).unwrap());
    assert!(!stopped(&evidence(Variant::Approve, Some(held(3)), false, seen(1, 900, true))).unwrap());
    assert!(stopped(&evidence(Variant::Approve, Some(held(0)), false, seen(1, 0, false))).is_err());
}

#[test]
fn a_sweep_is_stopped_by_a_freeze_before_any_connection() {
    assert!(stopped(&evidence(Variant::Sweep, None, true, seen(0, 0, false))).unwrap());
    assert!(!stopped(&evidence(Variant::Sweep, None, true, seen(1, 0, false))).unwrap());
    assert!(!stopped(&evidence(Variant::Sweep, Some(held(0)), false, seen(0, 0, false))).unwrap());
}

#[test]
fn sentences_say_what_the_server_saw() {
    let stopped = sentence(&evidence(Variant::Hold, Some(held(0)), false, seen(1, 0, false)), true);
    assert!(
        stopped.starts_with("STOPPED. The request never left: the server saw 1 TCP connection and 0 bytes.")
    );
    let gone = sentence(&evidence(Variant::Observe, None, false, seen(1, 900, true)), false);
    assert!(gone.starts_with("NOT STOPPED. The volume vol-prod-7 is gone."));
}

#[test]
fn the_json_has_every_key_and_no_other() {
    let value = json(&evidence(Variant::Hold, Some(held(0)), false, seen(1, 0, false)), true, &[]).unwrap();
    let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["stopped", "variant", "approved", "server", "time_to_stop_us", "stages", "hold", "agent"]
    );
    assert_eq!((&value["variant"], &value["approved"]), (&"hold".into(), &false.into()));
    assert_eq!(value["hold"]["server"]["application_bytes"], 0);
}
