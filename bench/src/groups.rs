//! The measurements, one file per group.

pub mod daemon;
pub mod decision;
pub mod events;
pub mod flow;
pub mod freeze;
pub mod hold;
pub mod labelled;
pub mod rules;
pub mod unlabelled;

use anyhow::Result;
use clap::ValueEnum;

use crate::{arena::Arena, report::Line};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// What a process outside of any session pays
    Unlabelled,
    /// What a process of a session pays
    Labelled,
    /// A tainted session's requests, and from an approval to the data leaving
    Flow,
    /// What an approval costs beside the person, and 10,000 ledger records beside plain writes
    Decision,
    /// A rule's decision, beside seccomp's user notification and SIGSTOP/SIGCONT
    Hold,
    /// Freezing 1,000 processes
    Freeze,
    /// Rule evaluations per second
    Rules,
    /// Events from the kernel per second
    Events,
    /// Memory, processor and start of the daemon
    Daemon,
}

/// How long is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub quick: bool,
}

impl Effort {
    /// A count: the whole one, or a smaller one for `--quick`.
    pub fn of<T>(self, whole: T, quick: T) -> T {
        if self.quick { quick } else { whole }
    }
}

impl Group {
    /// # Errors
    /// A part of the machine that is needed is missing, or the daemon misbehaves.
    pub fn measure(self, arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
        match self {
            Self::Unlabelled => unlabelled::measure(arena, effort),
            Self::Labelled => labelled::measure(arena, effort),
            Self::Flow => flow::measure(arena, effort),
            Self::Decision => decision::measure(arena, effort),
            Self::Hold => hold::measure(arena, effort),
            Self::Freeze => freeze::measure(arena, effort),
            Self::Rules => rules::measure(effort),
            Self::Events => events::measure(arena, effort),
            Self::Daemon => daemon::measure(arena, effort),
        }
    }
}
