//! The packaged alerts and dashboard against the real daemon, by the real Prometheus and Alertmanager.

mod faults;
mod packaged;

use std::{collections::BTreeSet, fs, time::Instant};

use interlock_tests::{
    agent::{Home, curl},
    daemon::{Daemon, Settings, text},
    is_root,
    prometheus::{Prometheus, program, scrape},
    server::Server,
    wait,
};

use self::{
    faults::{Faulty, PROMTOOL_ONLY},
    packaged::{Alert, Panel, alerts, metrics_in, panels, shortened},
};

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

/// Names of the metrics on a page, without what a histogram adds.
fn names(page: &str) -> BTreeSet<String> {
    let samples = page.lines().filter(|line| line.starts_with("interlock_"));
    samples.map(|line| line.split(['{', ' ']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_metric_of_an_alert_or_the_dashboard_is_on_the_page_before_anything_happens() {
    if !is_root() {
        return;
    }
    let tables =
        "[[notify]]\nname = \"team\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\n".to_owned();
    let daemon = Daemon::start(&Settings { more: tables, ..Settings::default() });
    let address = daemon.json(&["status"])["metrics"].as_str().unwrap().to_owned();
    // The first tick of the housekeeping names what the catalogue and the rules name.
    let page = wait::until("a page with the catalogue's agents", || match scrape(&address, "*/*") {
        page if page.contains("interlock_sessions{agent=\"claude-code\"} 0") => Ok(page),
        page => Err(page),
    });
    assert!(page.contains("text/plain; version=0.0.4"), "{page}");
    let there = names(&page);
    let texts = alerts().into_iter().map(|alert| (alert.alert, alert.expr));
    let texts = texts.chain(panels().into_iter().map(|Panel { title, query }| (title, query)));
    let wanted: Vec<(String, String)> = texts
        .flat_map(|(whose, text)| {
            metrics_in(&text).into_iter().map(move |metric| (whose.clone(), metric)).collect::<Vec<_>>()
        })
        .collect();
    assert!(wanted.len() > 60, "{wanted:#?}");
    let missing: Vec<_> = wanted.iter().filter(|(_, metric)| !there.contains(metric)).collect();
    assert!(missing.is_empty(), "{missing:#?}\n{page}");
    let zero = "interlock_rule_matches_total{action=\"freeze\",mode=\"enforce\",rule=\"secret-sweep\"} 0";
    for series in [zero, "interlock_sessions_unwatched_total{reason=\"too-many\"} 0"] {
        assert!(page.contains(series), "{series}: {page}");
    }
    let samples = |page: &str| page.lines().filter(|line| line.starts_with("interlock_")).count();
    let open = scrape(&address, OPEN_METRICS);
    assert!(open.contains("application/openmetrics-text; version=1.0.0") && open.ends_with("# EOF\n"));
    assert_eq!(samples(&open), samples(&page));

    let Some(promtool) = program("promtool") else { return };
    let body = page.split_once("\n\n").unwrap().1;
    fs::write(daemon.dir().join("page"), body).unwrap();
    let file = fs::File::open(daemon.dir().join("page")).unwrap();
    let checked = std::process::Command::new(promtool).args(["check", "metrics"]).stdin(file).output();
    let checked = checked.unwrap();
    assert!(checked.status.success() && text(&checked).is_empty(), "{}", text(&checked));
}

#[test]
fn promtool_sees_each_alert_fire_for_one_instance_and_resolve() {
    let Some(promtool) = program("promtool") else { return };
    let folder = interlock_tests::prometheus::packaging().join("prometheus");
    let run = |args: &[&str]| {
        let output = std::process::Command::new(&promtool).current_dir(&folder).args(args).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    };
    assert!(run(&["check", "rules", "alerts.yaml"]).contains(&format!("{} rules", alerts().len())));
    assert!(run(&["test", "rules", "tests.yaml"]).contains("SUCCESS"));
}

#[test]
fn the_real_prometheus_sees_the_alerts_fire_and_resolve_and_every_panel_has_data() {
    if !is_root() {
        return;
    }
    if program("prometheus").is_none() || program("prometheus-alertmanager").is_none() {
        return;
    }
    let healthy = Daemon::start(&Settings::default());
    let healthy_at = healthy.json(&["status"])["metrics"].as_str().unwrap().to_owned();
    let mut faulty = Faulty::start();
    let prometheus = Prometheus::start(&shortened(), &[&healthy_at, &faulty.address]).unwrap();
    wait::until("both are scraped", || match prometheus.query("sum(up)") {
        Ok(found) if found.first().is_some_and(|sum| sum["value"][1] == "2") => Ok(()),
        other => Err((other, prometheus.log())),
    });
    // Ordinary work on the healthy one, which nobody is to be told of.
    let (home, server) = (Home::new(), Server::start());
    let mut calm = home.run(&healthy, &curl(&server, "-o /dev/null"));
    let _ = calm.finish();

    let began = Instant::now();
    faulty.every_fault(&prometheus);

    let of_healthy: Vec<_> = prometheus
        .told()
        .into_iter()
        .filter(|told| told["labels"]["instance"] == healthy_at.as_str())
        .filter(|told| told["labels"]["alertname"] != "InterlockEnforcementDegraded")
        .collect();
    assert!(of_healthy.is_empty(), "{of_healthy:#?}");
    faulty.targets(&prometheus, &healthy_at);
    println!("{:.0} s for all faults", began.elapsed().as_secs_f64());
    let told: BTreeSet<String> = prometheus
        .told()
        .iter()
        .map(|told| told["labels"]["alertname"].as_str().unwrap_or_default().to_owned())
        .collect();
    let unseen: Vec<String> = alerts().into_iter().map(|Alert { alert, .. }| alert).collect();
    let unseen: Vec<&str> = unseen.iter().map(String::as_str).filter(|name| !told.contains(*name)).collect();
    assert_eq!(unseen, PROMTOOL_ONLY.iter().map(|(name, _)| *name).collect::<Vec<_>>());

    // The dashboard.
    let mut empty = Vec::new();
    for Panel { title, query } in panels() {
        match prometheus.query(&query) {
            Ok(found) if !found.is_empty() => {}
            other => empty.push((title, query, other)),
        }
    }
    assert!(empty.is_empty(), "{empty:#?}");
    let span = [("start", "2020-01-01T00:00:00Z"), ("end", "2100-01-01T00:00:00Z")];
    for (query, label) in
        [("interlock_hold_wait_seconds_bucket", "hold_id"), ("interlock_rule_matches_total", "session_id")]
    {
        let found = prometheus.ask("query_exemplars", &[("query", query), span[0], span[1]]).unwrap();
        let labels = &found[0]["exemplars"][0]["labels"];
        assert!(labels[label].is_string(), "{query}: {found}");
    }
    let metadata = prometheus.ask("metadata", &[("metric", "interlock_hold_wait_seconds")]).unwrap();
    let known = &metadata["interlock_hold_wait_seconds"][0];
    assert_eq!((&known["type"], &known["unit"]), (&"histogram".into(), &"seconds".into()), "{metadata}");
}
