//! Packs that are switched off: what an agent does with their secrets is published, and judged by nobody.

use super::{
    engine::Engine,
    judge::{Stake, event_name},
};
use crate::metrics::kind_name;
use interlock_core::{
    facts::{BootNanos, Process, SessionId, Subject},
    health::{Check, CheckState},
};

impl Engine {
    /// Publishes what no rule is asked about. Nothing waits for it, unless the pack was switched off a moment ago.
    pub fn pass_over(
        &mut self,
        id: SessionId,
        pid: u32,
        at: BootNanos,
        subject: &Subject,
        stake: Stake,
        pack: &str,
    ) {
        if let Stake::Caller(caller) = stake {
            self.resume(id, caller);
        }
        let process = self.registry.process(pid).cloned().unwrap_or(Process { pid, ..Process::default() });
        self.metrics.event(kind_name(subject.kind()));
        let event = self.event(event_name(subject), at, id).process(&process).subject(subject);
        self.publish(event.with("secret.pack", pack).with("interlock.action", "allow"));
    }

    /// The packs that are off, by name.
    pub fn packs_off(&self) -> Vec<String> {
        self.know.rules.packs_off().into_iter().map(str::to_owned).collect()
    }

    pub fn export_packs(&self) {
        let off = self.know.rules.packs_off();
        let packs = self.know.catalog.packs();
        self.metrics.packs(packs.iter().map(|pack| (pack.name.as_str(), !off.contains(pack.name.as_str()))));
    }

    /// What `interlock doctor` says of the packs.
    pub fn check_packs(&self) -> Check {
        let off = self.packs_off();
        let subject = "rule packs".to_owned();
        if off.is_empty() {
            let found = format!("all {} on", self.know.catalog.packs().len());
            return Check { subject, state: CheckState::Good, found, advice: None };
        }
        let advice =
            "their secrets and hosts are recorded, and no rule acts on them; see packs: in the rules";
        let found = format!("off: {}", off.join(", "));
        Check { subject, state: CheckState::Limited, found, advice: Some(advice.into()) }
    }
}
