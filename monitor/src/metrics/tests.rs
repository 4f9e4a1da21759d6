use std::time::Duration;

use interlock_core::facts::{Action, HoldState, Kind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use super::{registry::DISTINCT, *};

fn line<'p>(page: &'p str, start: &str) -> Option<&'p str> {
    page.lines().find(|line| line.starts_with(start))
}

#[test]
fn what_was_counted_is_on_the_page() {
    let metrics = Metrics::new().unwrap();
    metrics.event(kind_name(Kind::Open));
    metrics.rule_matched("secret-sweep", Action::Freeze);
    metrics.holds(HoldState::Waiting, 2);
    metrics.decided(Duration::from_micros(20));
    metrics.hold_waited(Duration::from_secs(90));
    metrics.freezes.inc();
    metrics.lost("control", "event", 3);
    metrics.file_changed("ledger", "removed");
    metrics.search_cut_short("reset");
    assert!(metrics.file_changed_total("events", "renamed", 2));
    assert!(!metrics.file_changed_total("events", "renamed", 2));
    let page = metrics.encode();
    for expected in [
        "interlock_events_total{kind=\"open\"} 1",
        "interlock_rule_matches_total{action=\"freeze\",rule=\"secret-sweep\"} 1",
        "interlock_holds{state=\"waiting\"} 2",
        "interlock_decision_seconds_bucket{le=\"0.00001\"} 0",
        "interlock_decision_seconds_bucket{le=\"0.000025\"} 1",
        "interlock_hold_wait_seconds_bucket{le=\"60\"} 0",
        "interlock_freezes_total 1",
        "interlock_kills_total 0",
        "interlock_events_lost_total{kind=\"event\",ring=\"control\"} 3",
        "interlock_descriptor_searches_cut_short_total{purpose=\"reset\"} 1",
        "interlock_file_changes_total{change=\"removed\",file=\"ledger\"} 1",
        "interlock_file_changes_total{change=\"renamed\",file=\"events\"} 2",
        "interlock_build_info{revision=",
    ] {
        assert!(line(&page, expected).is_some(), "{expected} is missing in\n{page}");
    }
}

#[test]
fn a_kernel_total_never_counts_twice() {
    let metrics = Metrics::new().unwrap();
    metrics.lost_total("access", "open", 5);
    metrics.lost_total("access", "open", 7);
    metrics.lost_total("access", "open", 7);
    metrics.program_total("connect4", Duration::from_millis(1500));
    metrics.program_total("connect4", Duration::from_millis(2500));
    metrics.misses_total("openat", 2);
    metrics.misses_total("openat", 5);
    metrics.dismissed("open", "no-secret");
    let page = metrics.encode();
    assert!(
        line(&page, "interlock_program_recursion_misses_total{program=\"openat\"} 5").is_some(),
        "{page}"
    );
    let dismissed = "interlock_records_dismissed_total{kind=\"open\",reason=\"no-secret\"} 1";
    assert!(line(&page, dismissed).is_some(), "{page}");
    assert!(line(&page, "interlock_events_lost_total{kind=\"open\",ring=\"access\"} 7").is_some(), "{page}");
    assert!(line(&page, "interlock_program_seconds_total{program=\"connect4\"} 2.5").is_some(), "{page}");
}

#[test]
fn an_info_metric_has_one_value_and_ended_sessions_vanish() {
    let metrics = Metrics::new().unwrap();
    metrics.rules("aa");
    metrics.rules("bb");
    metrics.packs([("aws", true), ("gone", true)]);
    metrics.packs([("aws", false)]);
    metrics.sessions([("claude-code", 2), ("codex", 1)]);
    metrics.sessions([("codex", 1)]);
    let page = metrics.encode();
    assert_eq!(line(&page, "interlock_rules_info"), Some("interlock_rules_info{sha256=\"bb\"} 1"));
    assert_eq!(
        line(&page, "interlock_rule_pack_enabled"),
        Some("interlock_rule_pack_enabled{pack=\"aws\"} 0")
    );
    assert!(!page.contains("gone"), "{page}");
    assert_eq!(line(&page, "interlock_sessions"), Some("interlock_sessions{agent=\"codex\"} 1"));
}

#[test]
fn names_beyond_the_limit_share_one_label() {
    let metrics = Metrics::new().unwrap();
    for rule in 0..=DISTINCT {
        metrics.rule_matched(&format!("rule-{rule}"), Action::Alert);
    }
    let page = metrics.encode();
    let labels = page.lines().filter(|line| line.starts_with("interlock_rule_matches_total")).count();
    assert_eq!(labels, DISTINCT + 1);
    assert!(page.contains("rule=\"other\"} 1"));
}

async fn fetch(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_page_is_served_and_health_follows_the_phase() {
    let exporter = Exporter::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = exporter.address();
    let taken = Exporter::bind(address).await.unwrap_err();
    assert!(taken.to_string().contains("set the key metrics"), "{taken}");
    let (phase, phases) = watch::channel(Phase::Starting);
    let stop = CancellationToken::new();
    let heartbeat = Heartbeat::with_timeout(std::time::Duration::from_millis(500));
    let metrics = Metrics::new().unwrap().into();
    let serving = tokio::spawn(exporter.serve(metrics, phases, heartbeat.clone(), stop.clone()));
    let starting = fetch(address, "/healthz").await;
    assert!(
        starting.starts_with("HTTP/1.1 503") && starting.ends_with("{\"phase\":\"starting\"}"),
        "{starting}"
    );
    phase.send_replace(Phase::Running);
    heartbeat.beat();
    let running = fetch(address, "/healthz").await;
    assert!(running.starts_with("HTTP/1.1 200") && running.ends_with("{\"phase\":\"running\"}"), "{running}");
    let page = fetch(address, "/metrics").await;
    assert!(page.contains("interlock_ledger_records_total 0"), "{page}");
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let stuck = fetch(address, "/healthz").await;
    assert!(stuck.starts_with("HTTP/1.1 503") && stuck.ends_with("{\"phase\":\"stuck\"}"), "{stuck}");
    stop.cancel();
    serving.await.unwrap().unwrap();
}
