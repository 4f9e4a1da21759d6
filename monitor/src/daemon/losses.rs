//! What does not become a fact: records that were lost, and records that the daemon looked at and put aside. Both are
//! counted, because a catalogue that is too narrow shows here first.

use std::collections::BTreeMap;

use super::engine::Engine;
use interlock_core::{
    facts::SessionId,
    health::{Check, CheckState},
};
use interlock_host::{clock::boot_now, probes::misses::Misses};

/// Why a record was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// The name only looked like a secret's: the catalogue says no by the whole path.
    NoSecret,
    /// The name only looked like the socket of a service.
    NoService,
    /// The session runs the service itself: what that starts is the session's as well.
    OwnService,
    /// A program that lists processes reads all their environments (`ps e`).
    ListsProcesses,
    /// A process looks at its own memory, or a debugger at what it debugs of the workspace's.
    OwnMemory,
    /// Its session is over.
    SessionOver,
    /// A process of the session answers name look-ups itself.
    OwnResolver,
    /// What it names makes no sense.
    Unreadable,
}

impl DropReason {
    fn name(self) -> &'static str {
        match self {
            Self::NoSecret => "no-secret",
            Self::NoService => "no-service",
            Self::OwnService => "own-service",
            Self::ListsProcesses => "lists-processes",
            Self::OwnMemory => "own-memory",
            Self::SessionOver => "session-over",
            Self::OwnResolver => "own-resolver",
            Self::Unreadable => "unreadable",
        }
    }
}

/// How many records of each kind were put aside, and why.
#[derive(Debug, Default)]
pub struct Dismissed(BTreeMap<(&'static str, DropReason), u64>);

impl Dismissed {
    /// `open/no-secret` → how often.
    pub fn named(&self) -> BTreeMap<String, u64> {
        let name = |((kind, why), count): (&(&'static str, DropReason), &u64)| {
            (format!("{kind}/{}", why.name()), *count)
        };
        self.0.iter().map(name).collect()
    }
}

impl Engine {
    /// Counts a record of that kind that becomes no fact.
    pub fn dismiss(&mut self, kind: &'static str, why: DropReason) {
        *self.dismissed.0.entry((kind, why)).or_default() += 1;
        self.metrics.dismissed(kind, why.name());
    }

    /// The same for a record of a secret that the catalogue does not see as one.
    pub fn dismiss_secret(&mut self, kind: &'static str, session: SessionId) {
        let lives = self.decider.sessions.get(session).is_some();
        self.dismiss(kind, if lives { DropReason::NoSecret } else { DropReason::SessionOver });
    }

    /// Everything that could not be delivered, by `ring/kind`.
    pub fn lost(&self) -> BTreeMap<String, u64> {
        let records =
            self.maps.losses().into_iter().map(|((ring, kind), total)| (format!("{ring}/{kind}"), total));
        let undecodable = Some(self.undecodable).filter(|count| *count > 0);
        let undecodable = undecodable.map(|count| ("daemon/undecodable".to_owned(), count));
        let misses = self.probes.misses();
        let left_out = misses.lost().map(|(program, count)| (format!("recursion/{program}"), count));
        records.chain(undecodable).chain(left_out.collect::<Vec<_>>()).collect()
    }

    /// Losses make their sessions incomplete, which rules see.
    pub fn notice_losses(&mut self) {
        for ((ring, kind), total) in self.maps.losses() {
            self.metrics.lost_total(ring, kind, total);
        }
        self.metrics.lost_total("daemon", "undecodable", self.undecodable);
        for (program, total) in self.probes.misses().left_out {
            self.metrics.misses_total(program, total);
        }
        for id in self.decider.sessions.ids() {
            self.notice_losses_of(id);
        }
    }

    /// Also before a flow is judged: what was lost may be the very touch that the rules ask for.
    pub fn notice_losses_of(&mut self, id: SessionId) {
        let lost = self.maps.taint(id).map_or(0, |taint| taint.lost);
        let Some(session) = self.decider.sessions.get_mut(id).filter(|session| lost > session.lost) else {
            return;
        };
        session.lost = lost;
        session.incomplete = true;
        let event = self.event("records-lost", boot_now(), id).with("interlock.lost", lost);
        self.publish(event);
        self.pass_on([id]);
    }

    /// What `interlock doctor` says of the records and of the programs that make them.
    pub fn check_losses(&self) -> [Check; 2] {
        [records(&self.lost()), programs(&self.probes.misses())]
    }
}

fn records(lost: &BTreeMap<String, u64>) -> Check {
    let subject = "records".to_owned();
    if lost.is_empty() {
        return Check { subject, state: CheckState::Good, found: "none lost".into(), advice: None };
    }
    let parts: Vec<String> = lost.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let advice =
        "sessions that lost records count as incomplete; see events_lost_total and docs/operations.md";
    let found = format!("lost: {}", parts.join(", "));
    Check { subject, state: CheckState::Limited, found, advice: Some(advice.into()) }
}

fn programs(misses: &Misses) -> Check {
    let loaded = misses.left_out.len() + misses.unknown.len();
    let left_out: Vec<String> = misses.lost().map(|(program, count)| format!("{program} {count}")).collect();
    let (state, found, advice) = if !left_out.is_empty() {
        let advice = "the kernel ran into them while they ran: what happened then was not seen";
        (
            CheckState::Limited,
            format!("{loaded} loaded; left out: {}", left_out.join(", ")),
            Some(advice.to_owned()),
        )
    } else if !misses.unknown.is_empty() {
        let advice = format!("the kernel does not say it of {}", misses.unknown.join(", "));
        (CheckState::Limited, format!("{loaded} loaded; whether any was left out is unknown"), Some(advice))
    } else {
        (CheckState::Good, format!("{loaded} loaded, none was left out"), None)
    };
    Check { subject: "kernel programs".into(), state, found, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_left_out_is_a_limit_and_one_that_nobody_knows_of_too() {
        let misses = |count, unknown: &[&'static str]| Misses {
            left_out: [("exec", 0), ("openat", count)].into(),
            unknown: unknown.to_vec(),
        };
        let found = |misses: &Misses| {
            let check = programs(misses);
            (check.state, check.found)
        };
        assert_eq!(found(&misses(0, &[])), (CheckState::Good, "2 loaded, none was left out".into()));
        assert_eq!(found(&misses(3, &["x"])), (CheckState::Limited, "3 loaded; left out: openat 3".into()));
        assert_eq!(
            found(&misses(0, &["x"])),
            (CheckState::Limited, "3 loaded; whether any was left out is unknown".into())
        );
    }

    #[test]
    fn what_was_put_aside_is_told_by_kind_and_reason() {
        let mut dismissed = Dismissed::default();
        *dismissed.0.entry(("open", DropReason::NoSecret)).or_default() += 2;
        *dismissed.0.entry(("probe", DropReason::SessionOver)).or_default() += 1;
        let named: Vec<_> = dismissed.named().into_iter().collect();
        assert_eq!(named, [("open/no-secret".to_owned(), 2), ("probe/session-over".to_owned(), 1)]);
    }
}
