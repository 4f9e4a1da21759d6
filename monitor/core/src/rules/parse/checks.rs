//! What the fields of a rule must say together.

use crate::{
    facts::{Action, DestinationClass, Kind, Lifecycle},
    rules::{
        conditions::Conditions,
        grammar::MATCH,
        model::{Distinct, Threshold},
    },
    words::Word,
    yaml::{Node, Report, Section, Value},
};

/// Reports every combination that could never do what it says.
pub fn check(
    rule: &Section<'_>,
    on: Kind,
    action: Action,
    conditions: Option<&Conditions>,
    threshold: Option<&Threshold>,
    report: &mut Report<'_>,
) {
    check_action(rule, on, action, report);
    if let Some(threshold) = threshold {
        check_threshold(rule, on, action, threshold, report);
    }
    if let Some(conditions) = conditions {
        check_unstoppable(rule, action, conditions, report);
        check_over(rule, on, action, conditions, report);
    }
}

fn check_action(rule: &Section<'_>, on: Kind, action: Action, report: &mut Report<'_>) {
    match action {
        Action::Hold | Action::Deny if !can_stop(on) => {
            let message = "this is only seen once it has happened";
            rule.refuse("action", report, message, "use alert, freeze or kill");
        }
        Action::Allow if rule.has("risk") => {
            rule.refuse("risk", report, "an exception adds no risk", "remove the field");
        }
        _ => {}
    }
    if action != Action::Allow && rule.has("excuses") {
        rule.refuse("excuses", report, "only an exception excuses", "remove it, or use action: allow");
    }
    if rule.has("before") && (on != Kind::Connect || action < Action::Hold) {
        let message = "only a connection that is stopped waits with something";
        rule.refuse(
            "before",
            report,
            message,
            "remove it, or use on: connect with hold, deny, freeze or kill",
        );
    }
    if action != Action::Hold && rule.has("timeout") {
        rule.refuse("timeout", report, "only a hold waits for an answer", "remove it, or use action: hold");
    }
    if action != Action::Hold && rule.has("approve") {
        rule.refuse("approve", report, "only a hold is approved", "remove it, or use action: hold");
    }
}

/// Kinds that a backend can stop before they happen.
fn can_stop(on: Kind) -> bool {
    matches!(on, Kind::Connect | Kind::Open | Kind::Exec | Kind::Delegate)
}

fn check_threshold(
    rule: &Section<'_>,
    on: Kind,
    action: Action,
    threshold: &Threshold,
    report: &mut Report<'_>,
) {
    if action == Action::Allow {
        let message = "an exception cannot depend on how often something happens";
        rule.refuse("threshold", report, message, "remove the threshold");
    }
    let fits = match threshold.distinct {
        Some(Distinct::FilePath) => matches!(on, Kind::Open | Kind::Probe),
        Some(Distinct::DestinationName) => on == Kind::Connect,
        None => true,
    };
    if let (false, Some(distinct)) = (fits, threshold.distinct) {
        let message = format!("on: {} has no {}", on.word(), distinct.word());
        rule.refuse(
            "threshold",
            report,
            &message,
            "file.path is of open and probe, destination.name of connect",
        );
    }
}

/// The parts of `match:` that a kind of fact has.
fn parts(on: Kind) -> &'static [&'static str] {
    match on {
        Kind::Open | Kind::Probe => &["secret", "process", "agent", "pod", "session"],
        Kind::Connect => &["destination", "touched", "process", "agent", "pod", "session"],
        Kind::Exec => &["process", "touched", "agent", "pod", "session"],
        Kind::Environ => &["environ", "process", "agent", "pod", "session"],
        Kind::Inspect => &["inspect", "touched", "process", "agent", "pod", "session"],
        Kind::Delegate => &["delegate", "touched", "process", "agent", "pod", "session"],
        Kind::Link => &["secret", "link", "process", "agent", "pod", "session"],
        Kind::Lifecycle => &["lifecycle", "agent", "pod", "session"],
    }
}

/// Reports the parts of a `match:` that facts of the kind do not have.
pub fn check_parts(node: &Node, path: &str, on: Kind, report: &mut Report<'_>) {
    let Some(section) = Section::open(node, path, MATCH, &mut Report::new("", "")) else { return };
    let allowed = parts(on);
    let present: Vec<_> = MATCH.iter().map(|part| part.name).filter(|part| section.has(part)).collect();
    if present.is_empty() {
        let message = "a rule without a condition matches everything";
        let problem = report.add(section.at(), section.path(), message);
        problem.expected(format!("at least one of {}", allowed.join(", ")));
        problem.hint("a part with the value any says that on purpose");
    }
    for part in present.into_iter().filter(|part| !allowed.contains(part)) {
        let message = format!("on: {} has no {part}", on.word());
        section.refuse(part, report, &message, &format!("it has {}", allowed.join(", ")));
    }
    if let Some(process) = section.get("process")
        && let Value::Map(fields) = &process.value
        && let Some((_, owner)) = fields.iter().find(|(name, _)| name.value == "owner")
        && !matches!(on, Kind::Open | Kind::Probe | Kind::Link)
    {
        let message = format!("on: {} has no secret that the process could own", on.word());
        let problem = report.add(owner.referenced, format!("{path}.process.owner"), message);
        problem.hint("open, probe and link have one");
    }
}

/// Models and package registries are never blocked, so a rule that names them may only alert, or name hosts that are more
/// than a model's.
fn check_unstoppable(rule: &Section<'_>, action: Action, conditions: &Conditions, report: &mut Report<'_>) {
    let unstoppable =
        |class: &DestinationClass| matches!(class, DestinationClass::Model | DestinationClass::Package);
    let Some(destination) = &conditions.destination else { return };
    if action > Action::Alert && destination.also.is_none() && destination.class.iter().any(unstoppable) {
        let message = "model, package and telemetry hosts are never blocked";
        let alone = destination.class.iter().all(unstoppable);
        rule.refuse(
            "action",
            report,
            message,
            if alone { "use alert" } else { "leave model and package out" },
        );
    }
}

/// Of a session that is over nothing can be stopped, and its risk is nobody's any more.
fn check_over(
    rule: &Section<'_>,
    on: Kind,
    action: Action,
    conditions: &Conditions,
    report: &mut Report<'_>,
) {
    if on != Kind::Lifecycle {
        return;
    }
    if action >= Action::Freeze && conditions.lifecycle != Some(Lifecycle::Started) {
        let message = "a session that has ended cannot be stopped";
        rule.refuse("action", report, message, "use alert, or match only lifecycle: started");
    }
    if conditions.lifecycle == Some(Lifecycle::Ended) && rule.has("risk") {
        rule.refuse("risk", report, "a session that has ended has no risk", "remove the field");
    }
}
