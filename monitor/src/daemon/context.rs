//! What the daemon works on: its parts. Each part looks after itself; what joins several of them are functions, each of which
//! takes the parts that it needs, and all of them only where what it does may lead to a decision.

pub mod flows;
pub mod kernel;
pub mod mailbox;
pub mod policy_set;
pub mod reporter;
pub mod state;
pub mod surveying;
pub mod upkeep;

use jiff::Timestamp;

use crate::{
    config::Config,
    daemon::context::{
        flows::Flows, kernel::Kernel, mailbox::Mailbox, policy_set::PolicySet, reporter::Reporter,
        state::StateFile, surveying::Surveying, upkeep::Upkeep,
    },
};
use interlock_core::decide::{Decider, Effect};
use interlock_host::enforcement::freezer::Freezer;

/// Everything that the daemon works on.
pub struct Context {
    pub config: Config,
    pub policies: PolicySet,
    /// What decides, and everything that it decides by.
    pub decider: Decider,
    /// Room for what follows from a step.
    pub effects: Vec<Effect>,
    pub kernel: Kernel,
    pub freezer: Freezer,
    pub reporter: Reporter,
    pub flows: Flows,
    pub surveying: Surveying,
    pub mailbox: Mailbox,
    pub upkeep: Upkeep,
    pub state: StateFile,
    pub started: Timestamp,
    pub metrics_address: Option<String>,
}
