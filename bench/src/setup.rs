//! The states that are compared: no daemon, a daemon alone, and one with a session beside the measured process.

use anyhow::Result;

use crate::{agent::Agent, arena::Arena, daemon::Daemon, worker::Task};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No daemon runs.
    Off,
    /// A daemon, and no session.
    Alone,
    /// A session that has read no secret.
    Untainted,
    /// A session that has read a foreign credential.
    Tainted,
}

/// A daemon and a session, or not.
pub struct Setup<'a> {
    arena: &'a Arena,
    // The session ends before its daemon.
    pub session: Option<Agent>,
    pub daemon: Option<Daemon>,
}

impl<'a> Setup<'a> {
    pub fn new(arena: &'a Arena) -> Self {
        Self { arena, session: None, daemon: None }
    }

    /// # Errors
    /// The daemon or the session cannot be started or ended.
    pub fn arrange(&mut self, state: State) -> Result<()> {
        self.session = None;
        if state == State::Off {
            self.daemon = None;
            return Ok(());
        }
        match &self.daemon {
            Some(daemon) => daemon.until_no_session()?,
            None => self.daemon = Some(Daemon::start(self.arena)?),
        }
        if let (State::Alone, Some(daemon)) = (state, &self.daemon) {
            daemon.until_at_rest()?;
        } else {
            self.session = Some(session(self.arena, state == State::Tainted)?);
        }
        Ok(())
    }
}

/// A new session, which has read a foreign credential where it is to be tainted.
///
/// # Errors
/// It cannot be started.
pub fn session(arena: &Arena, tainted: bool) -> Result<Agent> {
    let mut session = Agent::inside(arena)?;
    if tainted {
        session.perform(&Task::Read { path: arena.foreign_secret() })?;
    }
    Ok(session)
}

/// The states in their order, and in the opposite one every second round: what drifts in time meets all alike.
pub fn order<const N: usize>(round: usize, mut states: [State; N]) -> [State; N] {
    if round % 2 == 1 {
        states.reverse();
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_round_runs_backwards() {
        let states = [State::Off, State::Alone];
        assert_eq!((order(0, states), order(1, states)), (states, [State::Alone, State::Off]));
    }
}
