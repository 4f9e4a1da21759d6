//! Rules that make no sense: they could never match, or never do what they say. A person who writes one believes that it
//! works.

mod shadow;
#[cfg(test)]
mod tests;

use super::{
    conditions::{Conditions, DestinationMatch, EnvironMatch, ProcessMatch, SecretMatch},
    model::Rule,
    pattern::HostPattern,
};
use crate::{
    facts::{DestinationClass, EnvironHow},
    problem::Problem,
};

const DNS_PORT: u16 = 53;

/// What is wrong with rules that are well-formed each by itself. A disabled rule does nothing, and says so.
pub(super) fn check(rules: &[Rule]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for rule in rules.iter().filter(|rule| rule.enabled) {
        contradictions(rule, &mut problems);
        problems.extend(constant_guard(rule));
    }
    problems
}

/// Rules that the exceptions leave nothing to. Asked once nothing else is wrong: an exception with a mistake may be meant
/// narrower than it reads.
pub(super) fn check_shadows(rules: &[Rule]) -> Vec<Problem> {
    let enabled = rules.iter().filter(|rule| rule.enabled);
    enabled.filter_map(|rule| shadow::shadowed(rule, rules)).collect()
}

/// The guard, with what `match` leaves over for it.
fn constant_guard(rule: &Rule) -> Option<Problem> {
    let always = rule.guard.as_ref()?.constant(rule.on, Some(&rule.conditions))?;
    let message = format!("the guard is always {always} for what match lets through");
    let mut problem = rule.places.problem("when", message);
    problem.hint(if always { "remove it" } else { "the rule can never match" });
    Some(problem)
}

fn contradictions(rule: &Rule, problems: &mut Vec<Problem>) {
    // An override's exceptions are written elsewhere, so theirs are reported at the rule.
    let excepted = rule.except.iter().enumerate().map(|(at, one)| (format!("except[{at}]"), one));
    let steps = rule.after.iter().flat_map(|sequence| &sequence.steps).enumerate();
    let steps = steps.map(|(at, step)| (format!("after.steps[{at}].match"), &step.conditions));
    let all = [("match".to_owned(), &rule.conditions)].into_iter().chain(excepted).chain(steps);
    for (path, conditions) in all {
        let mut found = |field: &str, message: &str, hint: &str| {
            let mut problem = rule.places.problem(&format!("{path}.{field}"), message);
            problem.hint(hint);
            problems.push(problem);
        };
        if let Some(destination) = &conditions.destination {
            of_destination(destination, &mut found);
        }
        if let Some(environ) = &conditions.environ {
            of_environ(environ, &mut found);
        }
        of_owner(conditions, &mut found);
    }
}

fn of_destination(wanted: &DestinationMatch, found: &mut impl FnMut(&str, &str, &str)) {
    let DestinationMatch { class, host, port, named, also, .. } = wanted;
    let is_name = |host: &HostPattern| !matches!(host, HostPattern::Address(_));
    match named {
        Some(false) if host.iter().any(is_name) => found(
            "destination.named",
            "a plain address has no name, so a host's name never matches here",
            "remove named, or name addresses",
        ),
        Some(true) if !host.is_empty() && host.iter().all(is_name) => {
            found(
                "destination.named",
                "where a host's name matches there is a name: this never varies",
                "remove it",
            );
        }
        Some(false) if !class.is_empty() && class.iter().all(|class| *class == DestinationClass::Package) => {
            found("destination.named", "a registry is known by its name alone", "remove named");
        }
        _ => {}
    }
    if !port.is_empty() && port.iter().all(|port| *port == DNS_PORT) {
        let message = "what is sent to name servers is not judged";
        found("destination.port", message, "name another port: the rule can never match");
    }
    if also.is_some() && !host.iter().any(is_name) {
        let message = "a rule says for which hosts it means this";
        found("destination.also", message, "name the hosts with host");
    }
}

fn of_environ(wanted: &EnvironMatch, found: &mut impl FnMut(&str, &str, &str)) {
    let by_exec = !wanted.how.is_empty() && wanted.how.iter().all(|how| *how == EnvironHow::Exec);
    match wanted.own {
        Some(false) if by_exec => {
            found("environ.own", "env and its like list their own environment", "the rule can never match");
        }
        Some(true) if by_exec => {
            found(
                "environ.own",
                "env and its like list their own environment: this never varies",
                "remove it",
            );
        }
        _ => {}
    }
}

/// What is foreign was not read by its owner.
fn of_owner(conditions: &Conditions, found: &mut impl FnMut(&str, &str, &str)) {
    let foreign = matches!(&conditions.secret, Some(SecretMatch { foreign: Some(true), .. }));
    let Some(ProcessMatch { owner: Some(owner), .. }) = &conditions.process else { return };
    match (foreign, owner) {
        (true, true) => found(
            "process.owner",
            "a secret is not foreign to its owner tools",
            "remove foreign or owner: the rule can never match",
        ),
        (true, false) => {
            found("process.owner", "what is foreign is no owner tool's: this never varies", "remove it");
        }
        _ => {}
    }
}
