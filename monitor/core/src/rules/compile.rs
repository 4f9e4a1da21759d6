//! What of the rules the kernel decides, or must ask about, by itself.

mod describe;
pub(super) mod gates;

use std::sync::Arc;

use monitor_common::policy::{
    ADDRESS_DATABASE, ADDRESS_METADATA, ENTRIES_MAX, Policy, VERDICT_ALLOW, VERDICT_ASK,
    VERDICT_ASK_IF_GATED, VERDICT_DENY,
};

use self::gates::{Gates, bit, connects, stops};
use super::{
    conditions::DestinationMatch,
    memory::Memory,
    model::{Moment, Rule},
    pattern::HostPattern,
    set::RuleSet,
};
use crate::{
    catalog::secrets::{Judged, Secrets},
    facts::{Action, DestinationClass, Kind, Mode, Place},
};

/// The destination classes that an address or a port alone decides.
const BY_ADDRESS: [(DestinationClass, u32); 2] =
    [(DestinationClass::Metadata, ADDRESS_METADATA), (DestinationClass::Database, ADDRESS_DATABASE)];

impl RuleSet {
    /// Where a rule of this set does its work.
    #[must_use]
    pub fn place(&self, rule: &Rule) -> Place {
        let stops = match rule.on {
            Kind::Connect => rule.action >= Action::Hold,
            Kind::Open | Kind::Exec | Kind::Delegate => matches!(rule.action, Action::Hold | Action::Deny),
            _ => false,
        };
        let in_kernel = || {
            rule.on == Kind::Connect && BY_ADDRESS.iter().any(|(class, _)| self.kernel_denies(rule, *class))
        };
        match rule {
            Rule { enabled: false, .. } => Place::Nowhere,
            Rule { mode: Mode::Observe, .. } => Place::Daemon,
            _ if in_kernel() => Place::Kernel,
            _ if stops => Place::Gate,
            _ => Place::Daemon,
        }
    }

    /// The kernel's verdict table.
    ///
    /// In observe mode the table is the same and its refusals are only reported, which is what `Policy::observe` says.
    #[must_use]
    pub fn kernel_policy(&self, observe: bool) -> Policy {
        let mut policy = Policy { observe: observe.into(), gate_mask: self.gates.mask, ..Policy::default() };
        for (class, address) in BY_ADDRESS {
            if connects(&self.rules).any(|rule| self.kernel_denies(rule, class))
                && let Some(verdict) = policy.connect.get_mut(address as usize)
            {
                *verdict = VERDICT_DENY;
            }
        }
        if self.stops_local_datagrams() {
            policy.local_datagrams = VERDICT_ASK;
        }
        if stops(&self.rules, Kind::Exec).next().is_some() {
            policy.execute = VERDICT_ASK;
        }
        // Where every such rule wants a touch, a session without one is not asked about.
        if let Some(first) = stops(&self.rules, Kind::Delegate).next() {
            let touched = |rule: &Rule| rule.conditions.touched.is_some();
            let all = touched(first) && stops(&self.rules, Kind::Delegate).all(touched);
            policy.delegate = if all { VERDICT_ASK_IF_GATED } else { VERDICT_ASK };
        }
        // A session whose flows do not ask has nothing that such a rule waits for.
        let early = |rule: &Rule| rule.before == Moment::Handshake && rule.mode == Mode::Enforce;
        if connects(&self.rules).any(early) {
            policy.handshake = VERDICT_ASK_IF_GATED;
        }
        policy
    }

    /// Whether a rule may stop what does not leave this machine, or goes to a group. A datagram that has to wait is lost, so those
    /// that no rule is about do not wait.
    fn stops_local_datagrams(&self) -> bool {
        let stops = |rule: &&Rule| rule.action >= Action::Hold && rule.mode == Mode::Enforce;
        let is_about = |rule: &Rule| {
            rule.conditions.destination.as_ref().is_none_or(|destination| {
                let DestinationMatch { class, host, provider, .. } = destination;
                let anywhere = class.is_empty() && host.is_empty() && provider.is_empty();
                let address = |host: &HostPattern| matches!(host, HostPattern::Address(_));
                anywhere || class.contains(&DestinationClass::Local) || host.iter().any(address)
            })
        };
        connects(&self.rules).filter(stops).any(is_about)
    }

    /// Whether what is remembered of a session makes its flows ask, beyond what the kernel saw itself: a command printed
    /// a credential, or a step was taken that a rule about connections waits for.
    #[must_use]
    pub fn gates(&self, memory: &Memory) -> bool {
        let Gates { mask, sequences } = &self.gates;
        let waiting = sequences.iter().filter_map(|place| self.rules.get(*place)?.after.as_ref());
        memory.touches().iter().any(|touch| mask & bit(touch.grade, touch.foreign) != 0)
            || waiting.into_iter().any(|sequence| memory.took_a_step(sequence))
    }

    /// What the kernel answers to opening each secret of the catalogue, by `policy::open_index`: allow where no rule
    /// stops it, deny where one does whatever else is true, ask where only the daemon can tell.
    #[must_use]
    pub fn open_verdicts(&self, secrets: &Secrets) -> Vec<u32> {
        (0..ENTRIES_MAX)
            .flat_map(|entry| [false, true].map(|foreign| self.open_verdict(secrets, entry, foreign)))
            .collect()
    }

    fn open_verdict(&self, secrets: &Secrets, entry: u32, foreign: bool) -> u32 {
        let Some(secret) = secrets.tagged(entry).filter(|secret| secrets.switched_off(secret.id).is_none())
        else {
            return VERDICT_ALLOW;
        };
        let stops = |rule: &&Arc<Rule>| {
            rule.enabled
                && rule.mode == Mode::Enforce
                && rule.on == Kind::Open
                && matches!(rule.action, Action::Hold | Action::Deny)
                && may_match(rule, secret, foreign)
        };
        // A denial is left to the daemon too: it alone knows the store's owner tools and the exceptions.
        if self.iter().any(|rule| stops(&rule)) { VERDICT_ASK } else { VERDICT_ALLOW }
    }

    /// Whether every flow must ask, tainted or not: a rule may stop a connection whatever the session touched, and
    /// [`RuleSet::kernel_policy`] cannot decide it.
    #[must_use]
    pub fn always_gated(&self) -> bool {
        // Before its first step a sequence stops nothing; from then on `gates` says so.
        let stops = |rule: &&Rule| {
            rule.action >= Action::Hold && rule.conditions.touched.is_none() && rule.after.is_none()
        };
        let in_kernel = |rule: &Rule| BY_ADDRESS.iter().any(|(class, _)| self.kernel_denies(rule, *class));
        connects(&self.rules).filter(stops).any(|rule| !in_kernel(rule))
    }

    /// The rule denies exactly this class, and no exception could say otherwise.
    fn kernel_denies(&self, rule: &Rule, class: DestinationClass) -> bool {
        let conditions = &rule.conditions;
        rule.action == Action::Deny
            && rule.mode == Mode::Enforce
            && rule.threshold.is_none()
            && rule.except.is_empty()
            && rule.guard.is_none()
            && rule.after.is_none()
            && conditions.touched.is_none()
            && conditions.process.is_none()
            && conditions.session.is_none()
            && conditions.pod.is_none()
            && conditions.agent.is_empty()
            && conditions.destination.as_ref().is_some_and(|destination| destination.is_only(class))
            && !self.iter().any(|other| may_except(other, class) && may_excuse(other, rule))
    }
}

/// The rule's conditions about the secret itself; all others may hold.
fn may_match(rule: &Rule, secret: Judged<'_>, foreign: bool) -> bool {
    let one_of =
        |wanted: &[String], found: &str| wanted.is_empty() || wanted.iter().any(|word| word == found);
    rule.conditions.secret.as_ref().is_none_or(|wanted| {
        one_of(&wanted.class, secret.class)
            && one_of(&wanted.entry, secret.id)
            && (wanted.grade.is_empty() || wanted.grade.contains(&secret.grade))
            && wanted.foreign.is_none_or(|wanted| wanted == foreign)
    })
}

fn may_except(rule: &Rule, class: DestinationClass) -> bool {
    let other_class = |classes: &[DestinationClass]| !classes.is_empty() && !classes.contains(&class);
    rule.enabled
        && rule.on == Kind::Connect
        && rule.action == Action::Allow
        && rule.mode == Mode::Enforce
        && !rule.conditions.destination.as_ref().is_some_and(|destination| other_class(&destination.class))
}

/// An exception that names what it excuses leaves the others alone.
fn may_excuse(exception: &Rule, rule: &Rule) -> bool {
    exception.excuses.is_empty() || exception.excuses.contains(&rule.id)
}

#[cfg(test)]
mod tests {
    use monitor_common::policy::{GRADE_A, GRADE_B, GRADE_C, taint_bit};

    use super::*;
    use crate::{
        facts::{EnvironAccess, EnvironHow, Grade, SecretAccess, Subject},
        rules::testing::{fact, second, secret, set},
    };

    const METADATA: &str = "{id: m, summary: s, on: connect, match: {destination: metadata}, action: deny}";

    #[test]
    fn touched_rules_gate_exactly_their_taints() {
        let bits = |touched: &str| {
            let rule = format!(
                "{{id: a, summary: s, on: connect, match: {{destination: infra, touched: {touched}}}, action: hold}}"
            );
            set(&[&rule]).kernel_policy(false).gate_mask
        };
        assert_eq!(bits("{grade: A, foreign: true}"), taint_bit(GRADE_A, true));
        assert_eq!(
            bits("{grade: [A, B], foreign: false}"),
            taint_bit(GRADE_A, false) | taint_bit(GRADE_B, false)
        );
        assert_eq!(bits("{grade: C}"), taint_bit(GRADE_C, false) | taint_bit(GRADE_C, true));
        assert_eq!(bits("{foreign: true}").count_ones(), 3);
        assert_eq!(bits("{within: 5m}").count_ones(), 6);
    }

    #[test]
    fn a_rule_that_stops_before_the_handshake_makes_gated_sessions_ask_there() {
        let asks = |field: &str| {
            let rule = format!(
                "{{id: a, summary: s, on: connect, match: {{destination: infra, touched: {{grade: A}}}}, {field}}}"
            );
            set(&[&rule]).kernel_policy(false).handshake
        };
        assert_eq!(asks("action: hold"), VERDICT_ALLOW);
        assert_eq!(asks("action: hold, before: data"), VERDICT_ALLOW);
        assert_eq!(asks("action: hold, before: handshake"), VERDICT_ASK_IF_GATED);
        assert_eq!(asks("action: freeze, before: handshake"), VERDICT_ASK_IF_GATED);
        assert_eq!(asks("action: hold, before: handshake, mode: observe"), VERDICT_ALLOW);
        assert_eq!(asks("action: hold, before: handshake, enabled: false"), VERDICT_ALLOW);
    }

    #[test]
    fn datagrams_that_stay_here_wait_only_for_rules_that_could_be_about_them() {
        let asks = |destination: &str| {
            let rule = format!(
                "{{id: a, summary: s, on: connect, match: {{{destination} touched: {{grade: A}}}}, action: hold}}"
            );
            set(&[&rule]).kernel_policy(false).local_datagrams
        };
        for elsewhere in
            ["infra", "{provider: paste-site}", "{class: unknown, named: false}", "{host: a.example}"]
        {
            assert_eq!(asks(&format!("destination: {elsewhere},")), VERDICT_ALLOW, "{elsewhere}");
        }
        for here in ["destination: any,", "destination: local,", "destination: {host: 127.0.0.1},", ""] {
            assert_eq!(asks(here), VERDICT_ASK, "{here}");
        }
        assert_eq!(RuleSet::builtin().unwrap().kernel_policy(false).local_datagrams, VERDICT_ALLOW);
    }

    #[test]
    fn disabled_rules_exceptions_and_other_kinds_gate_nothing() {
        let policy = set(&[
            "{id: a, summary: s, on: connect, match: {touched: {grade: A}}, action: hold, enabled: false}",
            "{id: b, summary: s, on: connect, match: {touched: {grade: B}}, action: allow}",
            "{id: c, summary: s, on: exec, match: {touched: {grade: C}}, action: alert}",
        ])
        .kernel_policy(true);
        assert_eq!(policy, Policy { observe: 1, ..Policy::default() });
    }

    #[test]
    fn the_kernel_denies_a_class_that_a_rule_denies_without_conditions() {
        let rules = set(&[METADATA]);
        let policy = rules.kernel_policy(false);
        assert_eq!(policy.connect[ADDRESS_METADATA as usize], VERDICT_DENY);
        assert_eq!(policy.connect[ADDRESS_DATABASE as usize], 0);
        assert!(!rules.always_gated());
    }

    #[test]
    fn a_condition_an_exception_or_observe_mode_takes_the_denial_from_the_kernel() {
        let narrow =
            "{id: m, summary: s, on: connect, match: {destination: metadata, agent: x}, action: deny}";
        let port = "{id: m, summary: s, on: connect, match: {destination: {class: metadata, port: 80}}, action: deny}";
        let observed =
            "{id: m, summary: s, on: connect, match: {destination: metadata}, action: deny, mode: observe}";
        let exception =
            "{id: e, summary: s, on: connect, match: {process: {executable: aws}}, action: allow}";
        let elsewhere = "{id: e, summary: s, on: connect, match: {destination: database}, action: allow}";
        let denied = |rules: &[&str]| {
            set(rules).kernel_policy(false).connect[ADDRESS_METADATA as usize] == VERDICT_DENY
        };
        for rules in [&[narrow][..], &[port], &[observed], &[METADATA, exception]] {
            assert!(!denied(rules), "{rules:?}");
            assert!(set(rules).always_gated(), "{rules:?}");
        }
        assert!(denied(&[METADATA, elsewhere]));
    }

    #[test]
    fn a_guard_a_sequence_or_an_exception_of_its_own_takes_the_denial_from_the_kernel() {
        let with = |field: &str| METADATA.replace("action: deny}", &format!("action: deny, {field}}}"));
        let denied = |rules: &[&str]| {
            set(rules).kernel_policy(false).connect[ADDRESS_METADATA as usize] == VERDICT_DENY
        };
        for field in [
            "when: session.risk > 5",
            "except: [{process: {executable: aws}}]",
            "after: {within: 1m, steps: [{id: s, on: exec, match: {agent: x}}]}",
        ] {
            let rule = with(field);
            let waits_for_a_step = field.starts_with("after");
            assert!(!denied(&[&rule]) && set(&[&rule]).always_gated() != waits_for_a_step, "{field}");
        }
        let aged =
            METADATA.replace("destination: metadata", "destination: metadata, session: {age: {over: 1m}}");
        assert!(!denied(&[&aged]));
        let other = "{id: o, summary: s, on: connect, match: {destination: any}, action: alert}";
        let named = |id: &str| {
            format!("{{id: e, summary: s, on: connect, match: {{agent: x}}, action: allow, excuses: {id}}}")
        };
        assert!(denied(&[METADATA, other, &named("o")]), "the exception is not about it");
        assert!(!denied(&[METADATA, other, &named("m")]));
    }

    #[test]
    fn a_touch_that_the_kernel_did_not_see_and_a_first_step_gate_the_session() {
        let rules = set(&[
            "{id: a, summary: s, on: connect, match: {touched: {grade: A, foreign: true}}, action: hold}",
            "{id: b, summary: s, on: connect, match: {destination: infra}, action: hold, \
             after: {within: 1m, steps: [{id: s, on: environ, match: {environ: {own: false}}}]}}",
        ]);
        assert!(!rules.always_gated());
        let gates = |subject: Subject| {
            let (mut memory, fact) = (Memory::new(), fact(second(1), subject));
            rules.evaluate(&fact, &mut memory);
            rules.gates(&memory)
        };
        let environ = |own| EnvironAccess { target: 7, own, how: EnvironHow::Open };
        assert!(gates(Subject::Open(secret("/home/x/.railway/config.json"))));
        assert!(gates(Subject::Environ(environ(false))));
        assert!(!gates(Subject::Environ(environ(true))));
        assert!(!gates(Subject::Open(SecretAccess { grade: Grade::B, ..secret("/home/x/.npmrc") })));
        assert!(!gates(Subject::Open(SecretAccess { owner: true, ..secret("/home/x/.aws/credentials") })));
    }

    #[test]
    fn every_rule_has_its_place() {
        let rules = set(&[
            METADATA,
            "{id: a, summary: s, on: connect, match: {destination: infra}, action: hold}",
            "{id: b, summary: s, on: open, match: {secret: any}, action: deny}",
            "{id: c, summary: s, on: open, match: {secret: any}, action: freeze}",
            "{id: d, summary: s, on: exec, match: {agent: x}, action: hold, mode: observe}",
            "{id: e, summary: s, on: exec, match: {agent: x}, action: hold, enabled: false}",
            "{id: f, summary: s, on: connect, match: {destination: vcs}, action: alert}",
            "{id: g, summary: s, on: delegate, match: {delegate: any}, action: hold}",
        ]);
        let places: Vec<_> = rules.iter().map(|rule| rules.place(rule)).collect();
        let expected = [
            Place::Kernel,
            Place::Gate,
            Place::Gate,
            Place::Daemon,
            Place::Daemon,
            Place::Nowhere,
            Place::Daemon,
            Place::Gate,
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn only_rules_that_stop_without_a_touch_gate_every_flow() {
        let gated = |action: &str, conditions: &str| {
            let rule = format!("{{id: a, summary: s, on: connect, match: {conditions}, action: {action}}}");
            set(&[&rule]).always_gated()
        };
        assert!(gated("hold", "{destination: infra}"));
        assert!(gated("freeze", "{destination: {port: 22}}"));
        assert!(!gated("alert", "{destination: infra}"));
        assert!(!gated("hold", "{destination: infra, touched: {grade: A}}"));
    }
}
