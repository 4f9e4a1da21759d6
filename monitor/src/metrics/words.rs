//! Labels by the names of what is counted.

use interlock_core::facts::{Action, HoldState, Kind};

/// Label of a fact's kind, for [`super::Metrics::event`].
#[must_use]
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Open => "open",
        Kind::Probe => "probe",
        Kind::Connect => "connect",
        Kind::Exec => "exec",
        Kind::Environ => "environ",
        Kind::Inspect => "inspect",
        Kind::Delegate => "delegate",
        Kind::Link => "link",
        Kind::Lifecycle => "lifecycle",
    }
}

pub fn action_name(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Alert => "alert",
        Action::Hold => "hold",
        Action::Deny => "deny",
        Action::Freeze => "freeze",
        Action::Kill => "kill",
    }
}

pub fn state_name(state: HoldState) -> &'static str {
    match state {
        HoldState::Waiting => "waiting",
        HoldState::Approved => "approved",
        HoldState::Denied => "denied",
        HoldState::Expired => "expired",
        HoldState::Gone => "gone",
    }
}
