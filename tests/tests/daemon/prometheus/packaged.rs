//! What is packaged: the alerts and the dashboard, as they are read.

use std::fs;

use interlock_tests::prometheus::packaging;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
pub struct Alert {
    pub alert: String,
    pub expr: String,
}

fn file() -> String {
    fs::read_to_string(packaging().join("prometheus/alerts.yaml")).unwrap()
}

pub fn alerts() -> Vec<Alert> {
    let rules: Rules = serde_saphyr::from_str(&file()).unwrap();
    rules.groups.into_iter().flat_map(|group| group.rules).collect()
}

/// What takes minutes and days, and what a test waits instead.
const SHORTER: [(&str, &str); 5] = [
    ("[10m]", "[12s]"),
    ("[1h]", "[12s]"),
    ("[8d:1h]", "[12s:1s]"),
    ("[1d:1h]", "[12s:1s]"),
    ("offset 8d", "offset 12s"),
];

/// The same rules for a test that cannot wait: `for` is two seconds, and a range of minutes or days is twelve.
pub fn shortened() -> String {
    let short = |line: &str| match line.split_once("for: ") {
        Some((before, _)) if before.trim().is_empty() => format!("{before}for: 2s"),
        _ => SHORTER.iter().fold(line.to_owned(), |line, (range, short)| line.replace(range, short)),
    };
    file().lines().map(short).collect::<Vec<_>>().join("\n")
}

/// A query of the dashboard, with its panel's title.
#[derive(Debug)]
pub struct Panel {
    pub title: String,
    pub query: String,
}

/// With what Grafana puts in for its variables.
pub fn panels() -> Vec<Panel> {
    let text = fs::read_to_string(packaging().join("grafana/interlock.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let query = target["expr"].as_str().unwrap();
            let query = query.replace("$__rate_interval", "5m").replace("$__range", "5m");
            let query = query.replace("$job", ".*").replace("$instance", ".*");
            assert!(!query.contains('$'), "{title}: {query}");
            found.push(Panel { title: title.to_owned(), query });
        }
    }
    assert!(found.len() > 15, "{found:#?}");
    found
}

/// The metrics of Interlock that a query names.
pub fn metrics_in(query: &str) -> Vec<String> {
    let words = query.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("interlock_")).map(str::to_owned).collect()
}
