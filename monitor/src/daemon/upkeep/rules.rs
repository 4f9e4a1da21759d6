//! Rules in force: those that the backends cannot carry out as they are written, and packs that are switched off, of which what
//! an agent does with their secrets is published, and judged by nobody.

use crate::{control::api::RulesView, daemon::context::policy_set::PolicySet, metrics::Metrics};
use interlock_core::{
    catalog::Catalog,
    decide::Decider,
    facts::Mode,
    health::{Check, CheckState},
    problem::Problem,
    rules::{Backends, RuleSet},
};
use interlock_host::probes::{
    Probes,
    table::{Backend, Feature},
};

pub fn rules_view(rules: &RuleSet, policies: &PolicySet, probes: &Probes) -> RulesView {
    RulesView {
        count: rules.len(),
        builtin: rules.builtin_rules(),
        replaced: rules.replaced().map(str::to_owned),
        sha256: rules.sha256().to_owned(),
        bundle: policies.bundle.clone(),
        loaded: policies.loaded,
        problem: (!policies.refused.is_empty()).then(|| policies.refused.to_string()),
        problems: policies.refused.clone(),
        packs_off: packs_off(rules),
        weaker: weaker_rules(rules, probes),
    }
}

/// Holds and denials that are no more than alerts here, one line each.
fn weaker_rules(rules: &RuleSet, probes: &Probes) -> Vec<String> {
    rules.weaker_with(&backends(probes)).iter().map(Problem::headline).collect()
}

/// Says in the log, when rules are loaded, what a person may not expect of them: that the built-in ones are left out, and which are
/// weaker here. Fails open: the files say the first, and the same files serve machines that can do the second.
pub fn warn(rules: &RuleSet, probes: &Probes) {
    if let Some(replaced) = replaced(rules) {
        tracing::warn!("{replaced}");
    }
    for weaker in weaker_rules(rules, probes) {
        tracing::warn!("{weaker}");
    }
}

/// That none of the built-in rules is in force, and who says so.
fn replaced(rules: &RuleSet) -> Option<String> {
    let place = rules.replaced()?;
    Some(format!("{place} says builtin: replace, so none of the built-in rules is in force"))
}

/// What `interlock doctor` says of the rules.
pub fn check_rules(rules: &RuleSet, probes: &Probes) -> Check {
    let (subject, weaker) = ("rules".to_owned(), weaker_rules(rules, probes));
    let count = match (rules.len(), rules.builtin_rules()) {
        (count, 0) => format!("{count}, none of them built in"),
        (count, builtin) => format!("{count}, {builtin} of them built in"),
    };
    let found = match weaker.len() {
        0 => format!("{count}; each can do what it says"),
        weaker => format!("{count}; {weaker} can only alert here"),
    };
    let advice: Vec<String> = replaced(rules).into_iter().chain(weaker).collect();
    let state = if advice.is_empty() { CheckState::Good } else { CheckState::Limited };
    Check { subject, state, found, advice: (!advice.is_empty()).then(|| advice.join("; ")) }
}

fn backends(probes: &Probes) -> Backends {
    let lacking = |feature: Feature| {
        let served = probes.in_force().iter().find(|served| served.feature == feature);
        match served.and_then(|served| served.spec) {
            Some(spec) if spec.backend == Backend::Lsm => None,
            Some(spec) => Some(spec.backend.name().to_owned()),
            None => Some("none".to_owned()),
        }
    };
    Backends {
        open: lacking(Feature::Open),
        exec: lacking(Feature::HoldExecute),
        delegate: lacking(Feature::Delegate),
    }
}

/// The packs that are off, by name.
fn packs_off(rules: &RuleSet) -> Vec<String> {
    rules.packs_off().into_iter().map(str::to_owned).collect()
}

/// What each rule does is counted from 0 on.
pub fn export_rules(decider: &Decider, metrics: &Metrics) {
    for rule in decider.settings.rules.iter().filter(|rule| rule.enabled) {
        let observes = decider.observes() || rule.mode == Mode::Observe;
        metrics.rule_is_in_force(&rule.id, rule.action, if observes { "observe" } else { "enforce" });
    }
}

pub fn export_packs(rules: &RuleSet, catalog: &Catalog, metrics: &Metrics) {
    let off = rules.packs_off();
    let packs = catalog.packs();
    metrics.packs(packs.iter().map(|pack| (pack.name.as_str(), !off.contains(pack.name.as_str()))));
}

/// What `interlock doctor` says of the packs.
pub fn check_packs(rules: &RuleSet, catalog: &Catalog) -> Check {
    let off = packs_off(rules);
    let subject = "rule packs".to_owned();
    if off.is_empty() {
        let found = format!("all {} on", catalog.packs().len());
        return Check { subject, state: CheckState::Good, found, advice: None };
    }
    let advice = "their secrets and hosts are recorded, and no rule acts on them; see packs: in the rules";
    let found = format!("off: {}", off.join(", "));
    Check { subject, state: CheckState::Limited, found, advice: Some(advice.into()) }
}
