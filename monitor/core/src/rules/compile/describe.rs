//! What a rule was compiled to, in words.

use monitor_common::policy::VERDICT_ASK_IF_GATED;

use super::BY_ADDRESS;
use crate::{
    facts::{Kind, Mode, Place},
    rules::{
        conditions::Conditions,
        index::IndexKey,
        model::{Moment, Rule},
        set::RuleSet,
        wording::{OneOf, Sort},
    },
    words::Word,
};

impl RuleSet {
    /// Where a rule of this set does its work and how it is found, a sentence each.
    #[must_use]
    pub fn compiled(&self, rule: &Rule) -> Vec<String> {
        let steps = rule.after.iter().flat_map(|sequence| &sequence.steps);
        let steps = steps.map(|step| format!("step {}: {}", step.id, filed(step.on, &step.conditions)));
        let first = [self.describe_place(rule), filed(rule.on, &rule.conditions)];
        first.into_iter().chain(steps).chain(rule.terms.sentence()).collect()
    }

    fn describe_place(&self, rule: &Rule) -> String {
        match self.place(rule) {
            Place::Nowhere => "nowhere: it is disabled".to_owned(),
            Place::Kernel => {
                let denied = BY_ADDRESS.iter().filter(|(class, _)| self.kernel_denies(rule, *class));
                let classes: Vec<_> = denied.map(|(class, _)| *class).collect();
                let class = OneOf(&classes);
                format!("the kernel's verdict table refuses connections to {class}, and nobody is asked")
            }
            Place::Gate => self.describe_gate(rule),
            Place::Daemon if rule.mode == Mode::Observe => {
                "the daemon only records it: observe mode".to_owned()
            }
            Place::Daemon => "the daemon judges the kernel's record of what has happened".to_owned(),
        }
    }

    fn describe_gate(&self, rule: &Rule) -> String {
        let touched = rule.conditions.touched.as_ref();
        match rule.on {
            Kind::Open => "the kernel asks before it opens a secret that this could be about".to_owned(),
            Kind::Exec => "the kernel asks before each exec".to_owned(),
            Kind::Delegate => {
                let gated = self.kernel_policy(false).delegate == VERDICT_ASK_IF_GATED;
                let once =
                    if gated { ", once the session has read a secret that a rule asks for" } else { "" };
                format!("the kernel asks before a service's socket is connected to{once}")
            }
            _ => {
                let once = match (touched, &rule.after) {
                    (Some(touched), _) => format!("once the session has read a {}", Sort(touched)),
                    (None, Some(_)) => "once the session has taken a step of its sequence".to_owned(),
                    (None, None) => "whatever the session has read".to_owned(),
                };
                let what = match rule.before {
                    Moment::Data => "keeps a connection's first data back",
                    Moment::Handshake => "stops the program before a connection's handshake",
                };
                format!("the kernel {what} and asks, {once}")
            }
        }
    }
}

fn filed(on: Kind, conditions: &Conditions) -> String {
    let agents = match conditions.agent.as_slice() {
        [] => String::new(),
        agents => format!("the agent {}, then under ", OneOf(agents)),
    };
    format!("the index has it for {}, under {agents}{}", on.word(), IndexKey::of(on, conditions))
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::set;

    fn described(rules: &[&str]) -> Vec<String> {
        let set = set(rules);
        set.compiled(set.iter().next().unwrap())
    }

    #[test]
    fn each_place_and_each_shelf_is_told() {
        let kernel =
            described(&["{id: m, summary: s, on: connect, match: {destination: metadata}, action: deny}"]);
        assert_eq!(
            kernel,
            [
                "the kernel's verdict table refuses connections to metadata, and nobody is asked",
                "the index has it for connect, under the destination's class metadata",
            ]
        );
        let gate = described(&[
            "{id: a, summary: s, on: connect, match: {destination: {host: '*.a.test'}, agent: codex, \
             touched: {grade: A, within: 5m}}, action: hold}",
        ]);
        assert_eq!(
            gate,
            [
                "the kernel keeps a connection's first data back and asks, once the session has read a secret of \
                 grade A",
                "the index has it for connect, under the agent codex, then under the host *.a.test",
            ]
        );
        let open = described(&[
            "{id: a, summary: s, on: open, match: {secret: {path: ['/a/*', /b]}}, action: deny}",
        ]);
        assert_eq!(
            open,
            [
                "the kernel asks before it opens a secret that this could be about",
                "the index has it for open, under the set of paths, as /a/* or /b",
            ]
        );
    }

    #[test]
    fn what_the_daemon_judges_what_is_off_and_the_steps_of_a_sequence_are_told() {
        let daemon =
            described(&["{id: a, summary: s, on: environ, match: {environ: {own: true}}, action: alert}"]);
        assert_eq!(daemon[0], "the daemon judges the kernel's record of what has happened");
        assert_eq!(
            daemon[1],
            "the index has it for environ, under nothing narrower, so it is looked at with each"
        );
        let off =
            described(&["{id: a, summary: s, on: exec, match: {agent: x}, action: hold, enabled: false}"]);
        assert_eq!(off[0], "nowhere: it is disabled");
        let dry =
            described(&["{id: a, summary: s, on: exec, match: {agent: x}, action: hold, mode: observe}"]);
        assert_eq!(dry[0], "the daemon only records it: observe mode");
        let steps =
            described(&["{id: a, summary: s, on: connect, match: {destination: infra}, action: hold, \
             after: {within: 1m, steps: [{id: ran, on: exec, match: {process: {executable: rg}}}]}}"]);
        assert_eq!(
            steps[0],
            "the kernel keeps a connection's first data back and asks, once the session has taken a step of its sequence"
        );
        assert_eq!(steps[2], "step ran: the index has it for exec, under the program rg");
    }
}
