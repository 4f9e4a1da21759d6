//! What this machine can stop, for the rules' check: by the daemon's word where one runs, else by the kernel's list of LSMs.

use super::{global::Global, wait::wait};
use crate::control::api::{Enforcement, Status};
use interlock_core::rules::Backends;
use interlock_host::probes::{
    capability::lsm_list_names_bpf,
    table::{Backend, Feature},
};

/// Asks, and changes nothing.
pub fn here(global: &Global) -> Backends {
    let status =
        global.client().and_then(|client| wait(async { Ok(client.get::<Status>("/v1/status").await?) }));
    match (status, lsm_list_names_bpf()) {
        (Ok(status), _) if !status.enforcement.is_empty() => in_force(&status.enforcement),
        (_, Some(true)) => Backends::default(),
        (_, Some(false)) => {
            Backends::all(Some("tracing or portable (bpf is not in the kernel's list of LSMs)"))
        }
        (_, None) => Backends::all(Some(
            "perhaps tracing or portable (securityfs is not mounted; interlock doctor looks)",
        )),
    }
}

fn in_force(enforcement: &[Enforcement]) -> Backends {
    let lacking = |feature: Feature| match enforcement.iter().find(|entry| entry.action == feature.name()) {
        Some(entry) if entry.backend == Backend::Lsm.name() => None,
        Some(entry) => Some(entry.backend.clone()),
        None => Some("none".to_owned()),
    };
    Backends {
        open: lacking(Feature::Open),
        exec: lacking(Feature::HoldExecute),
        delegate: lacking(Feature::Delegate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_daemon_has_in_force_is_its_word() {
        let entry = |action: &str, backend: &str| Enforcement {
            action: action.into(),
            backend: backend.into(),
            proven: true,
            reason: None,
        };
        let found = in_force(&[
            entry("open", "portable"),
            entry("gate-execute", "lsm"),
            entry("connect", "portable"),
        ]);
        let expected = Backends { open: Some("portable".into()), exec: None, delegate: Some("none".into()) };
        assert_eq!(found, expected);
    }
}
