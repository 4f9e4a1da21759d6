//! A session of which the kernel knows, as an earlier daemon described it.

use std::collections::HashMap;

use monitor_common::label::FROZEN;

use crate::daemon::context::state::snapshot::{Places, SessionRecord};
use interlock_core::{
    facts::{BootNanos, SessionId},
    mask,
    sessions::{Session, touches::Touches},
};
use interlock_host::{
    clock::boot_now, enforcement::freezer::Freezer, probes::Maps, proc::surroundings::Surroundings,
};

/// A session of which the kernel knows, and what an earlier daemon wrote down of it.
pub fn restore(
    freezer: &mut Freezer,
    maps: &Maps,
    surroundings: &mut HashMap<SessionId, Surroundings>,
    id: SessionId,
    described: Option<SessionRecord>,
) -> Session {
    let seat = described.as_ref().and_then(|record| record.seat);
    let was_frozen = described.as_ref().is_some_and(|record| record.frozen);
    surroundings.insert(id, Surroundings { seat, ..Surroundings::default() });
    let mut session = described.map_or_else(|| undescribed(id), |record| as_described(id, record));
    // Fails closed, where either says so: the last daemon may have ended before it wrote it down.
    freezer.claim(id);
    let known = maps.session(id).unwrap_or_default();
    let frozen = was_frozen || known.flags & FROZEN != 0 || !freezer.processes(id).is_empty();
    session.touches = Touches::after(known.settled);
    if frozen {
        session.found_frozen();
    }
    session
}

fn undescribed(id: SessionId) -> Session {
    let mut session = Session::new(id, "unknown".into(), "adopted, label in the kernel".into(), boot_now());
    session.incomplete = true;
    session
}

fn as_described(id: SessionId, record: SessionRecord) -> Session {
    let mut session = Session::new(id, record.agent, record.recognised_by, BootNanos(record.started));
    session.user = record.user;
    session.login = record.login;
    session.command = mask::shown(&record.command); // an earlier version wrote it as it was
    let Places { container, pod, home, workspace, project, prefix, serves, served } = record.places;
    (session.container, session.pod) = (container, pod);
    (session.home, session.workspace) = (home, workspace);
    (session.project, session.prefix) = (project, prefix);
    (session.serves, session.served) = (serves, served);
    session.terminal = record.terminal;
    session.unattended = record.unattended;
    if let Some(breaker) = record.breaker {
        session.resume(breaker);
    }
    session.stay_suspended(record.suspension);
    session.touched_before.clone_from(&record.touched);
    for touched in record.touched {
        session.remember(touched);
    }
    session
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_an_earlier_version_wrote_down_is_masked_and_cut() {
        let known = r#"{"id":7,"agent":"a","recognised_by":"b","user":1000,"command":"COMMAND","home":"/h","workspace":"/w",
            "started":5,"frozen":false,"touched":[]}"#;
        let restored = |command: &str| {
            let record: SessionRecord = serde_json::from_str(&known.replace("COMMAND", command)).unwrap();
            as_described(SessionId(7), record).command
        };
        assert_eq!(restored("psql --password hunter2-not-real"), "psql --password …");
        assert_eq!(restored(&"x".repeat(4000)).chars().count(), 161);
        assert_eq!(restored(&restored(&"x".repeat(4000))).chars().count(), 161, "once");
    }
}
