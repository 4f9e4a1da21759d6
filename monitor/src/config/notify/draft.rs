//! A target while its table is read.

use std::{path::PathBuf, time::Duration};

use super::{
    quiet::Quiet,
    target::{Class, Given, Kind},
};
use interlock_core::facts::Severity;

/// What one table says so far.
#[derive(Default)]
pub(super) struct Draft {
    pub name: Option<String>,
    pub kind: Option<Kind>,
    pub url: Option<Given>,
    pub place: Option<Given>,
    pub token: Option<PathBuf>,
    pub secret: Option<PathBuf>,
    pub events: Option<Vec<Class>>,
    pub severity: Option<Severity>,
    pub users: Vec<u32>,
    pub rules: Vec<String>,
    pub quiet: Option<Quiet>,
    /// `Some(None)`: nothing breaks the quiet.
    pub quiet_except: Option<Option<Severity>>,
    pub escalate_after: Option<Duration>,
    pub to: Option<String>,
    pub insecure: bool,
    pub ca_file: Option<PathBuf>,
}
