//! Records that the daemon looked at and put aside, counted: a catalogue that is too narrow shows here first.

use std::collections::BTreeMap;

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
    #[cfg(test)]
    const ALL: [Self; 8] = [
        Self::NoSecret,
        Self::NoService,
        Self::OwnService,
        Self::ListsProcesses,
        Self::OwnMemory,
        Self::SessionOver,
        Self::OwnResolver,
        Self::Unreadable,
    ];

    pub fn name(self) -> &'static str {
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
    /// Counts a record of that kind.
    pub fn count(&mut self, kind: &'static str, why: DropReason) {
        *self.0.entry((kind, why)).or_default() += 1;
    }

    /// `open/no-secret` → how often.
    pub fn named(&self) -> BTreeMap<String, u64> {
        let name = |((kind, why), count): (&(&'static str, DropReason), &u64)| {
            (format!("{kind}/{}", why.name()), *count)
        };
        self.0.iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_know_each_reason() {
        assert_eq!(DropReason::ALL.map(DropReason::name), crate::metrics::words::DISMISSED);
    }

    #[test]
    fn what_was_put_aside_is_told_by_kind_and_reason() {
        let mut dismissed = Dismissed::default();
        (0..2).for_each(|_| dismissed.count("open", DropReason::NoSecret));
        dismissed.count("probe", DropReason::SessionOver);
        let named: Vec<_> = dismissed.named().into_iter().collect();
        assert_eq!(named, [("open/no-secret".to_owned(), 2), ("probe/session-over".to_owned(), 1)]);
    }
}
