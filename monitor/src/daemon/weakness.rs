//! Rules that the backends in force cannot carry out as they are written.

use super::engine::Engine;
use interlock_core::{
    health::{Check, CheckState},
    rules::{Backends, Problem},
};
use interlock_host::probes::table::{Backend, Feature};

impl Engine {
    /// Holds and denials that are no more than alerts here, one line each.
    pub fn weaker_rules(&self) -> Vec<String> {
        self.policies.rules.weaker_with(&self.backends()).iter().map(Problem::headline).collect()
    }

    /// Says them in the log, when rules are loaded. Fails open: the same files serve machines that can.
    pub fn warn_of_weaker_rules(&self) {
        for weaker in self.weaker_rules() {
            tracing::warn!("{weaker}");
        }
    }

    /// What `interlock doctor` says of the rules.
    pub fn check_rules(&self) -> Check {
        let (subject, weaker) = ("rules".to_owned(), self.weaker_rules());
        if weaker.is_empty() {
            let found = format!("{}, each can do what it says", self.policies.rules.len());
            return Check { subject, state: CheckState::Good, found, advice: None };
        }
        let found = format!("{} of {} can only alert here", weaker.len(), self.policies.rules.len());
        Check { subject, state: CheckState::Limited, found, advice: Some(weaker.join("; ")) }
    }

    fn backends(&self) -> Backends {
        let lacking = |feature: Feature| {
            let served = self.probes.in_force().iter().find(|served| served.feature == feature);
            match served.and_then(|served| served.offer) {
                Some(offer) if offer.backend == Backend::Lsm => None,
                Some(offer) => Some(offer.backend.name().to_owned()),
                None => Some("none".to_owned()),
            }
        };
        Backends {
            open: lacking(Feature::Open),
            exec: lacking(Feature::GateExecute),
            delegate: lacking(Feature::Delegate),
        }
    }
}
