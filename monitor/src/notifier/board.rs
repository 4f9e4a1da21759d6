//! How each target is doing: for `doctor`, `notifier status` and the metrics. Never held while anybody waits for a disk or a server.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::{outbox::Letter, outcome::Outcome};
use crate::{
    config::Target,
    control::api::{NotifyTest, TargetView},
    metrics::Metrics,
};
use interlock_core::{
    health::{Check, CheckState},
    words::Word as _,
};

#[derive(Clone, Debug)]
pub struct Board {
    rows: Arc<Mutex<BTreeMap<String, Row>>>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Row {
    view: TargetView,
    /// Whoever is on the way can read the messages, and it is meant.
    clear: bool,
}

impl Board {
    #[must_use]
    pub fn new(targets: &[Target], metrics: Arc<Metrics>) -> Self {
        let row = |target: &Target| {
            let view = TargetView {
                name: target.name.clone(),
                kind: target.kind.word().to_owned(),
                ..TargetView::default()
            };
            (target.name.clone(), Row { view, clear: target.may_be_clear() })
        };
        for target in targets {
            metrics.notifier_target(&target.name);
        }
        Self { rows: Arc::new(Mutex::new(targets.iter().map(row).collect())), metrics }
    }

    /// One message to a target ended so.
    pub fn count(&self, target: &str, outcome: &'static str) {
        self.metrics.notification(target, outcome, 1);
        if matches!(outcome, "dropped" | "expired" | "refused")
            && let Some(row) = self.rows().get_mut(target)
        {
            row.view.lost += 1;
        }
    }

    pub fn attempted(&self, target: &str, letter: &Letter, outcome: &Outcome, now: Timestamp) {
        let (word, why) = match outcome {
            Outcome::Delivered(_) => ("delivered", None),
            Outcome::Later { why, .. } => ("retried", Some(why)),
            Outcome::Refused(why) => ("refused", Some(why)),
        };
        self.count(target, word);
        let mut rows = self.rows();
        let Some(Row { view, .. }) = rows.get_mut(target) else { return };
        match why {
            None => {
                if view.failing_since.take().is_some() {
                    tracing::info!(target, "messages are delivered again");
                }
                (view.delivered, view.why) = (Some(now), None);
            }
            Some(why) => {
                if view.failing_since.is_none() {
                    tracing::warn!(
                        target,
                        why,
                        "messages are not delivered; further failures are only counted"
                    );
                    view.failing_since = Some(now);
                }
                view.why = Some(why.clone());
            }
        }
        if let Some(test) = view.test.as_mut().filter(|test| test.id == letter.notice.key) {
            test.outcome = Some(why.map_or_else(|| "delivered".to_owned(), |why| format!("{word}: {why}")));
            test.delivered = why.is_none();
        }
    }

    pub fn test(&self, target: &str, id: &str) {
        if let Some(row) = self.rows().get_mut(target) {
            row.view.test = Some(NotifyTest { id: id.to_owned(), outcome: None, delivered: false });
        }
    }

    pub fn waiting<'l>(&self, letters: impl Iterator<Item = &'l Letter>, unwritten: u64) {
        let mut rows = self.rows();
        rows.values_mut()
            .for_each(|row| (row.view.waiting, row.view.oldest, row.view.unwritten) = (0, None, unwritten));
        for letter in letters {
            let Some(Row { view, .. }) = rows.get_mut(&letter.target) else { continue };
            view.waiting += 1;
            let oldest = view.oldest.get_or_insert(letter.notice.at);
            *oldest = letter.notice.at.min(*oldest);
        }
    }

    #[must_use]
    pub fn views(&self) -> Vec<TargetView> {
        self.rows().values().map(|row| row.view.clone()).collect()
    }

    /// Brings the gauges up to date.
    pub fn measure(&self, now: Timestamp) {
        let age = |at: Timestamp| now.duration_since(at).as_secs().max(0);
        let views = self.views();
        let rows = views.iter().map(|view| {
            let oldest = view.oldest.map_or(0, age);
            (view.name.as_str(), view.waiting, oldest, view.failing_since.is_some())
        });
        self.metrics.notifier(rows);
    }

    /// A line of `interlock doctor` for each target.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        self.rows().values().map(check).collect()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<String, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(row: &Row) -> Check {
    let Row { view, clear } = row;
    let told =
        view.delivered.map_or("nothing delivered yet".to_owned(), |at| format!("last delivered {at:.0}"));
    let waits = if view.waiting > 0 { format!(", {} wait", view.waiting) } else { String::new() };
    let lost = if view.lost > 0 { format!(", {} lost", view.lost) } else { String::new() };
    let mut advice: Vec<String> = Vec::new();
    if let (Some(since), Some(why)) = (view.failing_since, &view.why) {
        advice.push(format!("failing since {since:.0}: {why}"));
    }
    if view.unwritten > 0 {
        advice.push(format!(
            "{} messages could not be kept on disk and would not survive a restart",
            view.unwritten
        ));
    }
    if *clear {
        advice.push("insecure = true: whoever is on the way can read and change the messages".to_owned());
    }
    let state = if advice.is_empty() { CheckState::Good } else { CheckState::Limited };
    let advice = (!advice.is_empty()).then(|| advice.join("; "));
    Check {
        subject: format!("notify {}", view.name),
        state,
        found: format!("{}: {told}{waits}{lost}", view.kind),
        advice,
    }
}
