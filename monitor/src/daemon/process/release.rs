//! Letting go of what an earlier daemon left in force.

use crate::{
    config::Config,
    daemon::{
        context::state::snapshot::Store,
        process::{error::StartError, state_dir},
    },
};
use interlock_core::facts::SessionId;
use interlock_host::{enforcement::freezer::Freezer, probes};

/// Removes what an earlier daemon left in force. Not under a running one, and not while a tree is frozen: nobody could
/// thaw it any more.
pub fn let_go(config: &Config) -> Result<(), StartError> {
    let _lock = state_dir::lock(config)?;
    let left = Store::new(&config.state).load();
    let mut freezer = Freezer::find();
    let mut frozen = Vec::new();
    for session in &left.sessions {
        let id = SessionId(session.id);
        freezer.claim(id);
        let root_is_alive = || std::path::Path::new("/proc").join(id.root().to_string()).exists();
        if !freezer.processes(id).is_empty() || (session.frozen && root_is_alive()) {
            frozen.push(id.to_string());
        }
    }
    if !frozen.is_empty() {
        return Err(StartError::Frozen { sessions: frozen.join(", ") });
    }
    freezer.keep(&[]);
    for group in freezer.unclaimed() {
        tracing::warn!(group = %group.display(), "somebody stands in this frozen group; if no daemon knows it, write 0 into its cgroup.freeze");
    }
    if let Some(pins) = &config.pins {
        probes::remove_all_pins(pins)?;
    }
    Ok(())
}
