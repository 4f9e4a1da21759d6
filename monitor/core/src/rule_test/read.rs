//! Reads files of cases, or every problem in them.

mod act;
mod pod;
pub mod values;

use std::{path::PathBuf, time::Duration};

use serde_saphyr::Location;

use super::{
    case::{Act, Answer, Case, Decision, Decisions, Event, Expected, Setting},
    grammar,
};
use crate::{
    breaker::risk,
    facts::InPod,
    problem::{Problems, nearest},
    rules::RuleSet,
    words::Word as _,
    yaml::{Citation, Node, Report, Section, Value, each, flag, name, number, read_tree, text},
};

/// Reads the cases of files in their order.
///
/// # Errors
/// Every problem of every file.
pub fn read(files: &[(PathBuf, String)], rules: &RuleSet) -> Result<Vec<Case>, Problems> {
    let (mut cases, mut problems) = (Vec::new(), Vec::new());
    for (path, content) in files {
        let file = path.display().to_string();
        let mut report = Report::new(&file, content);
        if let Some(tree) = read_tree(content, &mut report) {
            cases.extend(read_file(&tree, &mut report));
        }
        check_rules(&mut report, rules);
        problems.extend(report.finish());
    }
    if problems.is_empty() { Ok(cases) } else { Err(Problems(problems)) }
}

fn read_file(tree: &Node, report: &mut Report<'_>) -> Vec<Case> {
    let Some(section) = Section::open(tree, "", grammar::FILE, report) else { return Vec::new() };
    section.need("version", report, number::<1, 1>);
    if !section.has("cases") {
        report.add(section.at(), "cases", "the field is missing").expected("a list of cases");
    }
    let common = setting(&section, &Setting::default(), report);
    let raw = section.get("cases").map(|node| each(node, "cases", report, raw_case));
    let mut cases: Vec<Case> = Vec::new();
    for raw in raw.into_iter().flatten() {
        let setting = raw.session.map_or_else(|| common.clone(), |part| part.over(&common));
        let (at, name) = (raw.at, raw.name);
        if let Some(same) = cases.iter().find(|case| case.name == name) {
            let message = format!("the name {name:?} is taken by line {}", same.line);
            report.add(at, raw.path, message).expected("a name of its own for every case");
        }
        let line = at.line();
        cases.push(Case {
            name,
            file: report.file().to_owned(),
            line,
            setting,
            events: raw.events,
            expect: raw.expect,
        });
    }
    cases
}

struct RawCase {
    at: Location,
    /// Of its name.
    path: String,
    name: String,
    session: Option<Partial>,
    events: Vec<Event>,
    expect: Option<Expected>,
}

fn raw_case(node: &Node, path: &str, report: &mut Report<'_>) -> Option<RawCase> {
    let section = Section::open(node, path, grammar::CASE, report)?;
    let name = section.need("name", report, text);
    if !section.has("events") {
        report
            .add(section.at(), section.field("events"), "the field is missing")
            .expected("a list of events");
    }
    let session = section.read("session", report, partial);
    let mut events = section.each("events", report, event);
    settle_times(&mut events, &section, report);
    let expect = section.read("expect", report, expected);
    if expect.is_none() && !section.has("expect") && events.iter().all(|event| event.event.expect.is_none()) {
        let problem = report.add(section.at(), section.field("expect"), "nothing is expected of the case");
        problem.expected("expect, of the case or of one of its events");
    }
    let events = events.into_iter().map(|raw| raw.event).collect();
    Some(RawCase { at: section.at(), path: section.field("name"), name: name?, session, events, expect })
}

struct RawEvent {
    at: Option<(Location, Duration)>,
    event: Event,
}

/// An event without a time happens together with the one before it; time never goes back.
fn settle_times(events: &mut [RawEvent], case: &Section<'_>, report: &mut Report<'_>) {
    let mut now = Duration::ZERO;
    for raw in events {
        if let Some((place, at)) = raw.at {
            if at < now {
                let message = format!("found {at:?}, after an event at {now:?}");
                report
                    .add(place, case.field("events.at"), message)
                    .expected("events in the order of their times");
            }
            now = now.max(at);
        }
        raw.event.at = now;
        raw.event.text = format!("{} {}", values::moment_text(now), raw.event.text);
    }
}

fn event(node: &Node, path: &str, report: &mut Report<'_>) -> Option<RawEvent> {
    let section = Section::open(node, path, grammar::EVENT, report)?;
    let at = section.read("at", report, values::moment);
    let process = section.read("process", report, values::actor);
    let parent = section.read("parent", report, values::actor);
    if section.has("parent") && !section.has("exec") {
        section.refuse("parent", report, "only what is executed has one", "say who acts with process");
    }
    let expect = section.read("expect", report, expected);
    let act = act::act(&section, report)?;
    if matches!(act, Act::Answer { .. }) && section.has("process") {
        section.refuse("process", report, "a person does it, or nobody", "leave it out");
    }
    let text = act::describe(&act);
    let at = section.get("at").map(|node| node.referenced).zip(at);
    let event = Event { at: Duration::ZERO, act, process, parent, expect, line: section.at().line(), text };
    Some(RawEvent { at, event })
}

/// A session's fields as far as they are written.
struct Partial {
    agent: Option<String>,
    home: Option<String>,
    workspace: Option<String>,
    incomplete: Option<bool>,
    pod: Option<InPod>,
}

impl Partial {
    fn over(self, base: &Setting) -> Setting {
        let workspace = match self.workspace {
            None => base.workspace.clone(),
            Some(none) if none == "none" => None,
            Some(workspace) => Some(workspace),
        };
        let home = self.home.unwrap_or_else(|| base.home.clone());
        Setting {
            agent: self.agent.unwrap_or_else(|| base.agent.clone()),
            workspace: workspace.map(|path| values::in_home(&path, &home)),
            home,
            incomplete: self.incomplete.unwrap_or(base.incomplete),
            pod: self.pod.unwrap_or_else(|| base.pod.clone()),
        }
    }
}

fn setting(file: &Section<'_>, base: &Setting, report: &mut Report<'_>) -> Setting {
    file.read("session", report, partial).map_or_else(|| base.clone(), |part| part.over(base))
}

fn partial(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Partial> {
    let section = Section::open(node, path, grammar::SESSION, report)?;
    Some(Partial {
        agent: section.read("agent", report, name),
        home: section.read("home", report, values::absolute),
        workspace: section.read("workspace", report, text),
        incomplete: section.read("incomplete", report, flag),
        pod: section.read("pod", report, pod::in_pod),
    })
}

fn expected(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Expected> {
    if let Value::Text(word) = &node.value {
        match word.as_str() {
            grammar::SILENT => return Some(Expected::Silent),
            grammar::UNSTOPPED => return Some(Expected::Unstopped),
            _ => {
                let problem = report.add(node.referenced, path, format!("found {}", node.value));
                problem.near(word, grammar::outcomes());
                problem.expected("silent, unstopped, or a mapping such as { hold: RULE }");
                return None;
            }
        }
    }
    let section = Section::open(node, path, grammar::EXPECT, report)?;
    let mut decisions = Decisions::new();
    for (word, answer) in Answer::WORDS {
        let rules = section.list(word, report, values::rule);
        decisions.extend(rules.into_iter().map(|rule| Decision { answer: *answer, rule }));
    }
    if section.len() == 0 {
        report.add(node.referenced, path, "found an empty mapping").expected("{ hold: RULE }, or silent");
    }
    Some(Expected::Exactly(decisions))
}

/// An expectation of a rule that is not there would never be met.
fn check_rules(report: &mut Report<'_>, rules: &RuleSet) {
    let cited = std::mem::take(&mut report.citations);
    for Citation { name, place: mut problem, .. } in cited {
        if name == risk::RULE || rules.get(&name).is_some() {
            continue;
        }
        problem.message = format!("there is no rule {name:?}");
        problem.expected("the id of a rule, or risk-budget");
        let near = nearest(&name, rules.iter().map(|rule| rule.id.as_str()));
        let hint = near.map_or_else(
            || "the rules are those of --rules, else the configured ones".to_owned(),
            |near| format!("did you mean {near:?}?"),
        );
        problem.hint(hint);
        report.push(problem);
    }
}
