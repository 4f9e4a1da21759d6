//! That another program renamed, removed or cut a ledger's file, as a record says it.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{chain::Head, record::Record};
use crate::logfile::Change;
use interlock_core::record::{Entry, Kind, Who};

/// What was noticed of a ledger's file, and that the chain goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    pub change: Change,
    /// Where the records before lie now, as far as that is known.
    pub moved_to: Option<PathBuf>,
    /// Last record of the file before.
    pub after: Head,
}

impl Rotation {
    pub(super) fn record(&self) -> Record {
        let moved_to = self.moved_to.as_ref().map(|path| path.display().to_string());
        let detail = [
            ("change", self.change.word().into()),
            ("after", self.after.to_string().into()),
            ("moved_to", moved_to.into()),
        ];
        Record::of(Entry::new(Kind::Rotate, Who::Daemon, None, detail), Timestamp::now())
    }
}
