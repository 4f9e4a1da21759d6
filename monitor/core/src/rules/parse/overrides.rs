//! Reads `override:` and changes the rules that it names.

use super::{
    checks, conditions,
    document::Document,
    rule::{check_exceptions, source, threshold, timeout},
    rules::Rules,
    terms::terms,
};
use crate::{
    facts::{Action, Mode, Severity, Terms},
    rules::{
        conditions::Conditions,
        grammar,
        model::{Rule, Source, Threshold, Timeout},
    },
    yaml::{Node, Report, Section, Value, flag, name, names, number, word},
};

/// Changes to one rule; what is absent stays.
struct Override<'t> {
    section: Section<'t>,
    source: Source,
    id: Option<String>,
    enabled: Option<bool>,
    mode: Option<Mode>,
    action: Option<Action>,
    severity: Option<Severity>,
    risk: Option<u32>,
    timeout: Option<Timeout>,
    approve: Option<Terms>,
    threshold: Option<Threshold>,
    except: Vec<Conditions>,
}

/// Applies a file's overrides in their order, so that a later one wins.
pub fn apply(document: &mut Document<'_>, rules: &mut Rules) {
    let Document { report, tree: Some(tree) } = document else { return };
    let Value::Map(entries) = &tree.value else { return };
    let Some((_, node)) = entries.iter().find(|(key, _)| key.value == "override") else { return };
    let Value::List(items) = &node.value else {
        report
            .add(node.referenced, "override", format!("found {}", node.value))
            .expected("a list of overrides");
        return;
    };
    if items.is_empty() {
        report.add(node.referenced, "override", "found an empty list").expected("at least one override");
    }
    for (i, item) in items.iter().enumerate() {
        let before = report.len();
        if let Some(change) = read(item, &format!("override[{i}]"), report) {
            let sound = report.len() == before;
            change.apply(rules, sound, report);
        }
    }
}

fn read<'t>(node: &'t Node, path: &str, report: &mut Report<'_>) -> Option<Override<'t>> {
    let section = Section::open(node, path, grammar::OVERRIDE, report)?;
    if section.len() < 2 {
        report.add(section.at(), path, "the override changes nothing").expected(names(grammar::OVERRIDE));
    }
    Some(Override {
        source: source(node, report),
        id: section.need("id", report, name),
        enabled: section.read("enabled", report, flag),
        mode: section.read("mode", report, word),
        action: section.read("action", report, word),
        severity: section.read("severity", report, word),
        risk: section.read("risk", report, number::<0, 100>),
        timeout: section.read("timeout", report, timeout),
        approve: section.read("approve", report, terms),
        threshold: section.read("threshold", report, threshold),
        except: section.each("except", report, conditions::conditions),
        section,
    })
}

impl Override<'_> {
    fn apply(self, rules: &mut Rules, sound: bool, report: &mut Report<'_>) {
        let Some(id) = &self.id else { return };
        if rules.broken.contains(id) {
            return;
        }
        if !rules.by_id.contains_key(id) {
            let at = self.section.get("id").map_or(self.section.at(), |node| node.referenced);
            let problem = report.add(at, self.section.field("id"), format!("there is no rule {id:?}"));
            problem.near(id, rules.by_id.keys().map(String::as_str));
            problem.expected("the id of a rule of any file");
        }
        let Some(rule) = rules.get_mut(id) else { return };
        if self.action.is_some_and(|action| (action == Action::Allow) != (rule.action == Action::Allow)) {
            let message = "an override does not make an exception of a rule, nor a rule of an exception";
            self.section.refuse("action", report, message, "use enabled: false, or except");
            return;
        }
        check_exceptions(&self.section, rule.on, report);
        let action = self.action.unwrap_or(rule.action);
        let threshold = self.threshold.or(rule.threshold);
        checks::check(&self.section, rule.on, action, Some(&rule.conditions), threshold.as_ref(), report);
        if sound {
            self.change(rule);
        }
    }

    fn change(self, rule: &mut Rule) {
        rule.enabled = self.enabled.unwrap_or(rule.enabled);
        rule.mode = self.mode.unwrap_or(rule.mode);
        rule.action = self.action.unwrap_or(rule.action);
        rule.severity = self.severity.unwrap_or(rule.severity);
        rule.risk = self.risk.unwrap_or(rule.risk);
        rule.threshold = self.threshold.or(rule.threshold);
        rule.timeout =
            (rule.action == Action::Hold).then(|| self.timeout.or(rule.timeout).unwrap_or_default());
        let terms = self.approve.unwrap_or_else(|| std::mem::take(&mut rule.terms));
        rule.terms = Some(terms).filter(|_| rule.action == Action::Hold).unwrap_or_default();
        rule.except.extend(self.except);
        rule.overridden.push(self.source);
    }
}
