//! Who waits for rules and catalogues that are read again.

use crate::control::{api::RulesView, command::Reply};

/// Who wants the files read again.
#[derive(Debug)]
pub enum Reason {
    Asked(Reply<RulesView>),
    /// SIGHUP.
    Signal,
    /// A file may have changed: an editor's backup, or a file that says what is known already, changes nothing.
    Changed,
}

/// Files are read by a thread of their own: users' homes are among what is looked at, and file systems may take their time.
#[derive(Default)]
pub struct Reloading {
    /// Who waits for what is being read, and for what is to be read after it.
    pub served: Vec<Reason>,
    pub waiting: Vec<Reason>,
    pub is_reading: bool,
}
