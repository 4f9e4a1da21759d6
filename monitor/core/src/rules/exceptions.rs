//! Which rules an exception excuses.

use std::sync::Arc;

use super::model::Rule;
use crate::facts::Action;

/// One of the exceptions excuses the rule.
pub fn is_excused(rule: &Rule, exceptions: &[Arc<Rule>]) -> bool {
    exceptions.iter().any(|allow| is_excusable(rule, allow))
}

/// An exception that names no rule excuses all of them.
pub fn is_excusable(rule: &Rule, allow: &Rule) -> bool {
    rule.action != Action::Allow && (allow.excuses.is_empty() || allow.excuses.contains(&rule.id))
}
