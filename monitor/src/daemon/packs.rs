//! Packs that are switched off: what an agent does with their secrets is published, and judged by nobody.

use super::engine::Engine;

use interlock_core::health::{Check, CheckState};

impl Engine {
    /// The packs that are off, by name.
    pub fn packs_off(&self) -> Vec<String> {
        self.policies.rules.packs_off().into_iter().map(str::to_owned).collect()
    }

    pub fn export_packs(&self) {
        let off = self.policies.rules.packs_off();
        let packs = self.policies.catalog.packs();
        self.metrics.packs(packs.iter().map(|pack| (pack.name.as_str(), !off.contains(pack.name.as_str()))));
    }

    /// What `interlock doctor` says of the packs.
    pub fn check_packs(&self) -> Check {
        let off = self.packs_off();
        let subject = "rule packs".to_owned();
        if off.is_empty() {
            let found = format!("all {} on", self.policies.catalog.packs().len());
            return Check { subject, state: CheckState::Good, found, advice: None };
        }
        let advice =
            "their secrets and hosts are recorded, and no rule acts on them; see packs: in the rules";
        let found = format!("off: {}", off.join(", "));
        Check { subject, state: CheckState::Limited, found, advice: Some(advice.into()) }
    }
}
