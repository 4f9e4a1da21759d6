use std::time::Duration;

use interlock_core::{
    facts::{Action, HoldState, Kind},
    words::Word as _,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use super::{maker::Described, registry::DISTINCT, *};

fn line<'p>(page: &'p str, start: &str) -> Option<&'p str> {
    page.lines().find(|line| line.starts_with(start))
}

#[test]
fn what_was_counted_is_on_the_page() {
    let metrics = Metrics::new().unwrap();
    metrics.event(Kind::Open.word());
    metrics.rule_matched("secret-sweep", Action::Freeze, "enforce", "7-a");
    metrics.holds(HoldState::Waiting, 2);
    metrics.decided("7-a", Duration::from_micros(20));
    metrics.hold_waited("h1", Duration::from_secs(90));
    metrics.freezes.inc();
    metrics.lost("control", "event", 3);
    metrics.file_changed("ledger", "removed");
    metrics.search_cut_short("reset");
    assert!(metrics.file_changed_total("events", "renamed", 2));
    assert!(!metrics.file_changed_total("events", "renamed", 2));
    let page = metrics.encode();
    for expected in [
        "interlock_events_total{kind=\"open\"} 1",
        "interlock_rule_matches_total{action=\"freeze\",mode=\"enforce\",rule=\"secret-sweep\"} 1",
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
    assert!(!page.contains("pack=\"gone\""), "{page}");
    assert_eq!(line(&page, "interlock_sessions"), Some("interlock_sessions{agent=\"codex\"} 1"));
}

#[test]
fn names_beyond_the_limit_share_one_label() {
    let metrics = Metrics::new().unwrap();
    for rule in 0..=DISTINCT {
        metrics.rule_matched(&format!("rule-{rule}"), Action::Alert, "enforce", "7-a");
    }
    let page = metrics.encode();
    let labels = page.lines().filter(|line| line.starts_with("interlock_rule_matches_total")).count();
    assert_eq!(labels, DISTINCT + 1);
    assert!(page.contains("rule=\"other\"} 1"));
}

/// The samples of a page: each series with its labels, and its value.
fn series(page: &str) -> Vec<&str> {
    page.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn what_has_only_words_for_labels_is_there_at_0_from_the_start() {
    let metrics = Metrics::new().unwrap();
    let page = metrics.encode();
    let known = metrics.described();
    assert!(known.len() > 50, "{}", known.len());
    let count = |one: &Described| {
        let starts = ["{", " ", "_bucket", "_sum", "_count"].map(|end| format!("{PREFIX}{}{end}", one.name));
        series(&page).iter().filter(|line| starts.iter().any(|start| line.starts_with(start))).count()
    };
    let short: Vec<_> = known.iter().filter(|one| one.whole && count(one) != one.series).collect();
    assert!(short.is_empty(), "{short:#?}");
    // What a configuration names is there as soon as it is known.
    metrics.notifier_target("team");
    metrics.rule_is_in_force("secret-sweep", Action::Freeze, "enforce");
    let page = metrics.encode();
    for expected in [
        "interlock_notifications_total{outcome=\"refused\",target=\"team\"} 0",
        "interlock_notifier_failing{target=\"team\"} 0",
        "interlock_rule_matches_total{action=\"freeze\",mode=\"enforce\",rule=\"secret-sweep\"} 0",
        "interlock_rule_matches_total{action=\"freeze\",mode=\"suspended\",rule=\"secret-sweep\"} 0",
        "interlock_guard_faults_total{rule=\"secret-sweep\"} 0",
    ] {
        assert!(line(&page, expected).is_some(), "{expected}");
    }
}

#[test]
fn open_metrics_says_the_same_with_units_and_exemplars() {
    let metrics = Metrics::new().unwrap();
    metrics.rule_matched("a\"b\\", Action::Hold, "observe", "7-a");
    metrics.hold_waited("h3", Duration::from_secs(90));
    metrics.decided("7-a", Duration::from_secs(9));
    let page = metrics.encode_open_metrics();
    assert!(page.ends_with("# EOF\n") && page.matches("# EOF").count() == 1);
    for expected in [
        "# TYPE interlock_rule_matches counter",
        "interlock_rule_matches_total{action=\"hold\",mode=\"observe\",rule=\"a\\\"b\\\\\"} 1 # {session_id=\"7-a\"} 1 ",
        "# UNIT interlock_hold_wait_seconds seconds",
        "interlock_hold_wait_seconds_bucket{le=\"60.0\"} 0",
        "interlock_hold_wait_seconds_bucket{le=\"300.0\"} 1 # {hold_id=\"h3\"} 90 ",
        "interlock_hold_wait_seconds_bucket{le=\"900.0\"} 1",
        "interlock_hold_wait_seconds_sum 90",
        "interlock_decision_seconds_bucket{le=\"1e-5\"} 0",
        "interlock_decision_seconds_bucket{le=\"+Inf\"} 1 # {session_id=\"7-a\"} 9 ",
        "interlock_kills_total 0",
        "# TYPE interlock_holds gauge",
    ] {
        assert!(line(&page, expected).is_some(), "{expected}\n{page}");
    }
    assert!(!page.contains("# UNIT interlock_holds"));
    assert_eq!(series(&page).len(), series(&metrics.encode()).len());
}

/// `docs/metrics.md`.
fn reference(metrics: &Metrics) -> String {
    let mut known: Vec<&Described> = metrics.described().iter().collect();
    known.sort_by(|one, other| one.name.cmp(&other.name));
    let units = [("_seconds", "seconds"), ("_bytes", "bytes"), ("_seconds_total", "seconds")];
    let unit = |name: &str| units.iter().find(|(end, _)| name.ends_with(end)).map_or("", |(_, unit)| *unit);
    let row = |one: &&Described| {
        let labels: Vec<String> = one.labels.iter().map(|label| format!("`{}`", label.name)).collect();
        let start = if one.whole { "all at 0" } else { "as they become known" };
        format!(
            "| `{PREFIX}{}` | {} | {} | {} | {} | {start} | {} |\n",
            one.name,
            one.kind,
            unit(&one.name),
            labels.join(", "),
            one.series,
            one.help
        )
    };
    let mut text = "# Metrics\n\nMade from the code by `INTERLOCK_WRITE_METRICS=1 cargo test -q -p interlock --lib metrics`; a test compares.\n\n\
        Prometheus's text format 0.0.4, or OpenMetrics 1.0.0 for whoever accepts it: there `rule_matches_total` and `decision_seconds` have a\n\
        session's id as an exemplar, `hold_wait_seconds` a hold's. MOST is how many series one daemon can have of it, START which of them are there\n\
        before anything has happened. What to alert on: [runbooks](runbooks/), `packaging/prometheus/alerts.yaml`.\n\n\
        | metric | type | unit | labels | most | start | |\n| --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    text.extend(known.iter().map(row));
    text += "\n## Labels\n\n| label | of | values |\n| --- | --- | --- |\n";
    let mut labels: std::collections::BTreeMap<(&str, String), Vec<String>> = Default::default();
    for one in known {
        for label in &one.labels {
            let values = match &label.values {
                Values::Words(words) => {
                    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ")
                }
                Values::Names(most, whose) => format!("at most {most}, {whose}"),
            };
            labels.entry((label.name, values)).or_default().push(format!("`{}`", one.name));
        }
    }
    for ((label, values), metrics) in labels {
        text += &format!("| `{label}` | {} | {values} |\n", metrics.join(", "));
    }
    text
}

#[test]
fn the_reference_is_what_the_code_says() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let now = reference(&Metrics::new().unwrap());
    if std::env::var_os("INTERLOCK_WRITE_METRICS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == now,
        "docs/metrics.md is old: INTERLOCK_WRITE_METRICS=1 cargo test -p interlock --lib metrics"
    );
}

/// By the conventions of Prometheus: a counter ends in `_total`, a time is in seconds, and nothing else says so.
#[test]
fn names_are_as_prometheus_has_them() {
    for one in Metrics::new().unwrap().described() {
        assert_eq!(one.kind == "counter", one.name.ends_with("_total"), "{}", one.name);
        assert!(!["_ms", "_nanos", "_count", "_bucket", "_sum"].iter().any(|end| one.name.ends_with(end)));
        assert!(one.name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'), "{}", one.name);
        assert!(one.help.ends_with('.'), "{}: {}", one.name, one.help);
        assert!(one.series <= 30_000, "{}: {}", one.name, one.series);
    }
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
    assert!(page.contains("content-type: text/plain; version=0.0.4"), "{page}");
    assert!(page.contains("interlock_ledger_records_total 0"), "{page}");
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let stuck = fetch(address, "/healthz").await;
    assert!(stuck.starts_with("HTTP/1.1 503") && stuck.ends_with("{\"phase\":\"stuck\"}"), "{stuck}");
    stop.cancel();
    serving.await.unwrap().unwrap();
}
