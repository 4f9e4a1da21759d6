//! A summary on a page of 80 columns.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    hold::Decider,
    summary::Summary,
    tally::{HEADERS, Tally},
};
use crate::cli::{
    explain::page::Page,
    language::{date, plain, since},
};

const WIDTH: usize = 80;
/// Columns of a name, and of each count.
const NAME: usize = 26;
const COUNTS: [usize; 9] = [5, 4, 4, 8, 5, 8, 7, 7, 6];
/// Rows of a table; the others are summed up.
const ROWS: usize = 20;

pub fn page(summary: &Summary, zone: &TimeZone, user: impl Fn(&str) -> String) -> String {
    let mut page = Page::of(WIDTH);
    page.line(0, &format!("{} to {}", date(summary.since, zone), date(summary.until, zone)));
    match summary.first {
        None => page.line(0, "no event of that time is known"),
        Some(first) => page.line(0, &format!("the first event is of {}", date(first, zone))),
    }
    let others = [
        (summary.sessions, "sessions"),
        (summary.incomplete.len(), "of them incomplete"),
        (usize::try_from(summary.lost_records).unwrap_or(usize::MAX), "records lost"),
    ];
    page.line(0, &others.map(|(count, what)| format!("{count} {what}")).join(", "));
    let all = BTreeMap::from([("all".to_owned(), summary.total)]);
    page.section("in all", |page| table(page, &all, str::to_owned));
    page.section("by rule (what several matched counts for each)", |page| {
        table(page, &summary.by_rule, str::to_owned);
    });
    page.section("by agent", |page| table(page, &summary.by_agent, str::to_owned));
    page.section("by user", |page| table(page, &summary.by_user, user));
    page.section("by day", |page| table(page, &summary.by_day, str::to_owned));
    page.section("who decided, and how long it took them", |page| {
        for (who, decider) in &summary.deciders {
            page.line(2, &decided(who, decider));
        }
    });
    page.section("what to do next", |page| summary.next.iter().for_each(|line| page.line(2, line)));
    page.to_string()
}

/// Nothing where nothing is counted.
fn table(page: &mut Page, rows: &BTreeMap<String, Tally>, name: impl Fn(&str) -> String) {
    if rows.is_empty() {
        return;
    }
    let mut head = format!("{:<NAME$}", "");
    for (header, width) in HEADERS.iter().zip(COUNTS) {
        let _ = write!(head, "{header:>width$}");
    }
    page.verbatim(0, &head);
    let shown = rows.iter().take(ROWS).map(|(key, tally)| (name(key), *tally));
    let mut rest = Tally::default();
    rows.values().skip(ROWS).for_each(|tally| rest.add(*tally));
    let more = rows.len().saturating_sub(ROWS);
    let rest = (more > 0).then(|| (format!("{more} others"), rest));
    for (name, tally) in shown.chain(rest) {
        let mut line = format!("  {:<1$}", clipped(&plain(&name)), NAME - 2);
        for (count, width) in tally.columns().iter().zip(COUNTS) {
            let count = if *count == 0 { "-".to_owned() } else { count.to_string() };
            let _ = write!(line, "{count:>width$}");
        }
        page.verbatim(0, &line);
    }
}

fn clipped(name: &str) -> String {
    let most = NAME - 3;
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 1).chain(['…']).collect()
}

fn decided(who: &str, decider: &Decider) -> String {
    let span = |seconds: i64| {
        let then = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        since(Timestamp::UNIX_EPOCH, then)
    };
    let Decider { approved, denied, median_seconds, longest_seconds, .. } = decider;
    let took = match (median_seconds, longest_seconds) {
        (Some(median), Some(longest)) => {
            format!("; half within {}, all within {}", span(*median), span(*longest))
        }
        _ => String::new(),
    };
    format!("{who}: {approved} approved, {denied} denied{took}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::archive::{Found, Notes};

    fn event(second: u64, action: &str, more: Value) -> Value {
        let mut event = json!({ "@timestamp": format!("2026-11-{:02}T10:00:{:02}Z", 20 + second / 60, second % 60),
            "event.id": format!("e{second}"), "event.action": action, "event.kind": "event", "interlock.session.id": "4711-0a1b2",
            "interlock.session.agent": "claude-code", "user.id": "1000" });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    }

    fn week() -> Vec<Value> {
        let rule = json!(["infra-after-foreign-secret"]);
        let hold = |id: &str| json!({ "interlock.hold.id": id, "rule.id": rule });
        let by = |id: &str, who: &str| json!({ "interlock.hold.id": id, "rule.id": rule, "interlock.hold.decided_by": who });
        vec![
            event(
                1,
                "secret-read",
                json!({ "event.kind": "alert", "rule.id": ["foreign-secret-read"], "interlock.count": 3 }),
            ),
            event(2, "flow-held", hold("h1")),
            event(3, "flow-held", hold("h1")), // another command line under the same hold
            event(12, "flow-released", by("h1", "uid 1000")),
            event(13, "flow-held", hold("h2")),
            event(43, "flow-denied", by("h2", "uid 0")),
            event(70, "flow-held", hold("h3")),
            event(80, "hold-expired", by("h3", "deadline")),
            event(81, "session-frozen", json!({ "rule.id": rule })),
            event(82, "flow-held", hold("h4")),
            event(83, "hold-gone", hold("h4")),
            event(84, "flow-held", hold("h5")),
            event(
                85,
                "connect-refused",
                json!({ "rule.id": ["a-rule-with-a-name-that-is-longer-than-its-column"] }),
            ),
            event(86, "records-lost", json!({ "interlock.lost": 4 })),
            event(87, "records-lost", json!({ "interlock.lost": 9 })),
            event(
                88,
                "would-hold",
                json!({ "rule.id": rule, "interlock.session.id": "9-00000", "user.id": "1001\u{1b}[2J" }),
            ),
        ]
    }

    fn summary(events: Vec<Value>) -> Summary {
        let at = |text: &str| text.parse().unwrap();
        let found = Found { events, notes: Notes::default() };
        Summary::of(&found, (at("2026-11-15T00:00:00Z"), at("2026-11-22T00:00:00Z")), &TimeZone::UTC)
    }

    #[test]
    fn a_week_is_summed_up_on_80_columns() {
        let text = page(&summary(week()), &TimeZone::UTC, |uid| format!("user {uid}"));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_quiet_week_says_so() {
        let text = page(&summary(Vec::new()), &TimeZone::UTC, str::to_owned);
        assert!(
            text.contains("no event of that time is known") && text.contains("no rule had to ask"),
            "{text}"
        );
    }

    #[test]
    fn many_rows_are_summed_up() {
        let one = Tally { alerts: 2, ..Tally::default() };
        let rows = (0..30).map(|number| (format!("rule-{number:02}"), one)).collect();
        let mut page = Page::of(WIDTH);
        table(&mut page, &rows, str::to_owned);
        let text = page.to_string();
        assert_eq!(text.lines().count(), 1 + ROWS + 1);
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("  10 others") && last.contains(" 20 "), "{text}");
    }
}
