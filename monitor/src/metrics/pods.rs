//! What is counted of a node's pods.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::{counts::gauge, labels::Label, maker::Maker};
use interlock_core::{pods::Failure, words::words};

/// Runtimes that get a label of their own.
const RUNTIMES: usize = 32;

/// Counters and gauges of the watch over this node's pods; all of them stay 0 without Kubernetes.
#[derive(Debug)]
pub struct Pods {
    connected: IntGauge,
    known: IntGauge,
    refused: IntCounter,
    lists: IntCounter,
    errors: IntCounterVec,
    unwatched: IntGaugeVec,
    /// Its series, one a runtime of the catalogue.
    runtimes: Mutex<Vec<(String, IntGauge)>>,
    outside: IntCounter,
}

impl Pods {
    pub(super) fn new(make: &mut Maker) -> prometheus::Result<Self> {
        Ok(Self {
            connected: make.gauge(
                "kubernetes_connected",
                "1 while the cluster's API answers the watch over this node's pods.",
            )?,
            known: make.gauge("kubernetes_pods", "Pods of this node that are known.")?,
            refused: make.counter(
                "kubernetes_pods_refused_total",
                "Pods that were passed over because as many are known as are kept, or that made no sense.",
            )?,
            lists: make.counter(
                "kubernetes_lists_total",
                "Lists of all pods: at the start, and where the watch could not go on.",
            )?,
            errors: make.counters(
                "kubernetes_errors_total",
                "Requests to the cluster's API that came to nothing.",
                &[Label::words("reason", words::<Failure>())],
            )?,
            unwatched: make.gauges(
                "kubernetes_pods_unwatched",
                "Pods behind a kernel of their own, in which nothing is seen from the node, by runtime.",
                &[Label::names("reason", RUNTIMES, "runtimes of the catalogue")],
            )?,
            runtimes: Mutex::default(),
            outside: make.counter(
                "kubernetes_agents_outside_total",
                "Agents that were found in pods outside of the selection; they are not watched.",
            )?,
        })
    }

    pub fn connected(&self, is: bool) {
        self.connected.set(i64::from(is));
    }

    pub fn listed(&self, refused: usize) {
        self.lists.inc();
        self.refused(refused);
    }

    pub fn refused(&self, count: usize) {
        self.refused.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub fn failed(&self, why: &'static str) {
        self.errors.with_label_values(&[why]).inc();
    }

    pub fn outside(&self) {
        self.outside.inc();
    }

    /// How many are known, and how many of them cannot be watched, by reason.
    pub fn are(&self, known: usize, unwatched: &BTreeMap<&str, usize>) {
        self.known.set(gauge(known));
        for (reason, series) in self.runtimes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            series.set(gauge(unwatched.get(reason.as_str()).copied().unwrap_or_default()));
        }
    }

    /// Every runtime of the catalogue, so that the first pod is an increase.
    pub fn may_be<'r>(&self, runtimes: impl Iterator<Item = &'r str>) {
        let series = |runtime: &str| (runtime.to_owned(), self.unwatched.with_label_values(&[runtime]));
        self.unwatched.reset();
        let runtimes = runtimes.take(RUNTIMES).map(series).collect();
        *self.runtimes.lock().unwrap_or_else(PoisonError::into_inner) = runtimes;
    }
}
