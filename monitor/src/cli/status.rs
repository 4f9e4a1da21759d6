//! `interlock status`.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    exit::{Exit, Failure},
    language::{date, since, word},
    printer::Printer,
    wait::wait,
};
use crate::{
    control::{
        api::{Enforcement, RegistriesView, RulesView, Status},
        client::Client,
    },
    policy::shipped::Origin,
};
use interlock_core::problem::Problem;

/// Mistakes of a refused reload that are shown.
const REFUSED_MAX: usize = 5;

pub fn show(client: &Client, printer: &Printer) -> Result<Exit, Failure> {
    let status: Status = wait(async { Ok(client.get("/v1/status").await?) })?;
    printer.record(&status, lines(&status, Timestamp::now(), &TimeZone::system()))?;
    Ok(Exit::Success)
}

fn lines(status: &Status, now: Timestamp, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let started = format!("{} ({})", date(status.started, zone), since(status.started, now));
    let short = status.rules.sha256.get(..12).unwrap_or(&status.rules.sha256);
    let RulesView { count, builtin, .. } = &status.rules;
    let rules =
        format!("{count}, {builtin} built in, sha256 {short}, loaded {}", date(status.rules.loaded, zone));
    let mut lines = vec![
        ("daemon", format!("{}, pid {}, since {started}", status.version, status.pid)),
        ("mode", word(status.mode)),
        ("rules", rules),
    ];
    lines.extend(status.rules.bundle.iter().map(|bundle| {
        let Origin { name, serial, signed_by } = bundle;
        ("bundle", format!("{name} {serial}, signed by {signed_by}"))
    }));
    lines.extend(status.rules.replaced.iter().map(|place| ("replaced", replaced(place))));
    lines.extend(refused(&status.rules));
    if !status.rules.packs_off.is_empty() {
        lines.push(("packs off", status.rules.packs_off.join(", ")));
    }
    lines.extend(status.rules.weaker.iter().map(|weaker| ("weaker here", weaker.clone())));
    lines.extend([
        ("sessions", format!("{}, {} frozen{}", status.sessions, status.frozen, suspended(status))),
        ("holds", format!("{} waiting", status.holds_waiting)),
        ("events", status.events.to_string()),
        ("lost", counts(&status.lost)),
        ("dismissed", counts(&status.dismissed)),
        ("proven", proven(&status.enforcement)),
        ("registries", registries(&status.registries)),
        ("metrics", status.metrics.clone().unwrap_or_else(|| "off".into())),
        ("socket", status.socket.clone()),
    ]);
    lines
}

/// Loudly: in these, no rule stops anything.
fn suspended(status: &Status) -> String {
    match status.suspended {
        0 => String::new(),
        count => format!(", {count} WHERE EVERYTHING IS ALLOWED (interlock ps)"),
    }
}

/// Loudly: what everybody expects is not there.
fn replaced(place: &str) -> String {
    format!("NONE OF THE BUILT-IN RULES IS IN FORCE: {place} says builtin: replace")
}

/// Why the last reload was refused, one mistake a line. A daemon of an earlier version has only the whole text.
fn refused(rules: &RulesView) -> Vec<(&'static str, String)> {
    let Some(problem) = &rules.problem else { return Vec::new() };
    let whole = || problem.lines().next().unwrap_or_default().to_owned();
    let all: Vec<String> = rules.problems.iter().map(Problem::headline).collect();
    let mut lines = if all.is_empty() { vec![whole()] } else { all };
    let more = lines.len().saturating_sub(REFUSED_MAX);
    lines.truncate(REFUSED_MAX);
    if more > 0 {
        lines.push(format!("and {more} more; interlock rules check shows them all"));
    }
    let said = |(place, line): (usize, String)| match place {
        0 => ("last reload", format!("refused, the rules above still apply: {line}")),
        _ => ("", line),
    };
    lines.into_iter().enumerate().map(said).collect()
}

/// `access/open 3, access/probe 1`
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    if counts.is_empty() { "nothing".into() } else { counts.join(", ") }
}

/// `9 known, the package managers have not answered yet`
fn registries(view: &RegistriesView) -> String {
    let known = format!("{} known", view.known);
    match view.failures.as_slice() {
        [] if view.asked > 0 => known,
        [] if view.never_asks => format!("{known}, the package managers are not asked (package_managers)"),
        [] => format!("{known}, the package managers have not answered yet"),
        failures => format!("{known}; {}", failures.join("; ")),
    }
}

/// `12 of 13; not: open (lsm)`
fn proven(enforcement: &[Enforcement]) -> String {
    let unproven: Vec<String> = enforcement
        .iter()
        .filter(|entry| !entry.proven)
        .map(|entry| format!("{} ({})", entry.action, entry.backend))
        .collect();
    let count = format!("{} of {}", enforcement.len() - unproven.len(), enforcement.len());
    if unproven.is_empty() { count } else { format!("{count}; not: {}", unproven.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{printer::table, tests::sample};

    #[test]
    fn each_mistake_of_a_refused_reload_has_a_line() {
        let mut rules = sample::status().rules;
        let problem = |line| Problem { line, column: 1, ..Problem::of_file("a.yaml", "no such action") };
        rules.problems = (1..=7).map(problem).collect();
        let lines = refused(&rules);
        assert_eq!(lines.len(), 6);
        let first = "refused, the rules above still apply: a.yaml:1:1: no such action";
        assert_eq!(lines[0], ("last reload", first.to_owned()));
        assert_eq!(lines[4], ("", "a.yaml:5:1: no such action".to_owned()));
        assert_eq!(lines[5], ("", "and 2 more; interlock rules check shows them all".to_owned()));
    }

    #[test]
    fn every_number_is_shown() {
        let now = Timestamp::from_second(7500).unwrap();
        let lines = lines(&sample::status(), now, &TimeZone::UTC);
        let rows = lines.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
        insta::assert_snapshot!(table(&[], rows, None), @"
        daemon       0.1.0, pid 812, since 1970-01-01 00:00:00 (2h05m)
        mode         enforce
        rules        14, 0 built in, sha256 3fa9c10de2b3, loaded 1970-01-01 00:01:00
        replaced     NONE OF THE BUILT-IN RULES IS IN FORCE: a.yaml:2 says builtin: replace
        last reload  refused, the rules above still apply: a.yaml:3: no such action
        packs off    aws, gcp
        weaker here  a.yaml:7:13: rules[0].action: no more than an alert here
        sessions     2, 0 frozen
        holds        1 waiting
        events       1234
        lost         access/open 3
        dismissed    open/no-secret 40
        proven       1 of 2; not: open (lsm)
        registries   9 known; npm did not say which registry it uses: it took longer than 10 s
        metrics      127.0.0.1:9464
        socket       /run/interlock/control.sock
        ");
    }
}
