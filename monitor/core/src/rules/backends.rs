//! What the backend in force on a machine cannot stop. The same files serve machines with other backends, so this is a
//! warning.

use crate::{
    facts::{Action, Kind, Mode},
    problem::{Problem, Problems},
    rules::{model::Rule, set::RuleSet},
    words::Word as _,
};

/// Backends that cannot stop a kind of fact before it happens, by name: `portable`. `None`: it can be stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backends {
    pub open: Option<String>,
    pub exec: Option<String>,
    pub delegate: Option<String>,
}

impl Backends {
    /// The same for every kind.
    #[must_use]
    pub fn all(name: Option<&str>) -> Self {
        let name = || name.map(str::to_owned);
        Self { open: name(), exec: name(), delegate: name() }
    }

    fn lacking(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Open => self.open.as_deref(),
            Kind::Exec => self.exec.as_deref(),
            Kind::Delegate => self.delegate.as_deref(),
            _ => None,
        }
    }
}

impl RuleSet {
    /// Rules whose hold or denial is no more than an alert with these backends, each with the backend that is in force.
    #[must_use]
    pub fn weaker_with(&self, backends: &Backends) -> Problems {
        let rules = self.iter().map(AsRef::as_ref);
        Problems(rules.filter_map(|rule| weaker(rule, backends)).collect())
    }
}

fn weaker(rule: &Rule, backends: &Backends) -> Option<Problem> {
    let stops =
        rule.enabled && rule.mode == Mode::Enforce && matches!(rule.action, Action::Hold | Action::Deny);
    let backend = backends.lacking(rule.on).filter(|_| stops)?;
    let (action, on) = (rule.action.word(), rule.on.word());
    let message = format!(
        "the rule {} is no more than an alert here: {action} of {on} needs the lsm backend, and in force is {backend}",
        rule.id
    );
    let mut problem = rule.places.problem("action", message);
    problem.hint("interlock doctor says why; freeze and kill act on every backend, after it has happened");
    Some(problem)
}
