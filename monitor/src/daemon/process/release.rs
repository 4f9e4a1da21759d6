//! Letting go of what an earlier daemon left in force.

use crate::{
    config::Config,
    daemon::{
        context::state::snapshot::{Snapshot, Store},
        process::{
            error::{StartError, system},
            state_dir,
        },
    },
};
use interlock_core::{
    facts::{HoldState, SessionId},
    holds::Hold,
};
use interlock_host::{enforcement::freezer::Freezer, probes};

/// What becomes of what waits for a decision when nothing is enforced any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Fails closed: while something waits, nothing is let go of.
    Decide,
    /// It goes on without a decision, as whoever asked for that said.
    GoesOn,
}

/// Removes what an earlier daemon left in force. Not under a running one, not while a tree is frozen, which nobody could
/// thaw any more, and not while something waits for a decision, which would go on without one.
pub fn let_go(config: &Config, waiting: Waiting) -> Result<(), StartError> {
    let _lock = state_dir::lock(config)?;
    let mut store = Store::new(&config.state);
    let left = match store.read() {
        Ok(left) => left,
        Err(error) if waiting == Waiting::Decide => return Err(StartError::NotKnown(error)),
        Err(error) => {
            tracing::warn!(%error, "what waits is not known: the saved state cannot be read");
            Snapshot::default()
        }
    };
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
    let held: Vec<String> =
        left.holds.iter().filter(|hold| hold.state == HoldState::Waiting).map(Hold::id).collect();
    if !held.is_empty() && waiting == Waiting::Decide {
        return Err(StartError::Held { holds: held.join(", ") });
    }
    freezer.keep(&[]);
    for group in freezer.unclaimed() {
        tracing::warn!(group = %group.display(), "somebody stands in this frozen group; if no daemon knows it, write 0 into its cgroup.freeze");
    }
    if let Some(pins) = &config.pins {
        probes::remove_all_pins(pins)?;
    }
    // Nothing is held any more, so nothing stands in the way of the next who asks.
    if !held.is_empty() {
        let saved = store.save(Snapshot { holds: Vec::new(), ..left });
        saved.map_err(system("saving that nothing is held any more"))?;
    }
    Ok(())
}
