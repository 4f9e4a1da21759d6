//! Making metrics, so that what may be on the page is known before it is there.

use prometheus::{
    CounterVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};

use super::labels::{Label, combinations};

/// What a metric is, for whoever reads about it.
#[derive(Clone, Debug)]
pub struct Described {
    /// Without the prefix.
    pub name: String,
    pub kind: &'static str,
    pub help: String,
    pub labels: Vec<Label>,
    /// Series of it, at most; a histogram's are its buckets, its sum and its count.
    pub series: usize,
    /// All of them are there from the start.
    pub whole: bool,
}

/// Makes metrics, registers and describes them.
pub struct Maker {
    pub registry: Registry,
    pub described: Vec<Described>,
}

impl Maker {
    pub fn new(prefix: &str) -> prometheus::Result<Self> {
        Ok(Self { registry: Registry::new_custom(Some(prefix.into()), None)?, described: Vec::new() })
    }

    fn register<C: Collector + Clone + 'static>(&mut self, metric: C) -> prometheus::Result<C> {
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn describe(&mut self, name: &str, kind: &'static str, help: &str, labels: &[Label], series: usize) {
        let whole = combinations(labels).is_some();
        let (name, help, labels) = (name.to_owned(), help.to_owned(), labels.to_vec());
        self.described.push(Described { name, kind, help, labels, series, whole });
    }

    fn most(labels: &[Label]) -> usize {
        labels.iter().map(Label::most).product()
    }

    pub fn counter(&mut self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.describe(name, "counter", help, &[], 1);
        self.register(IntCounter::new(name, help)?)
    }

    pub fn gauge(&mut self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.describe(name, "gauge", help, &[], 1);
        self.register(IntGauge::new(name, help)?)
    }

    /// Where all labels' values are words, every series is there from the start: what first appears as 1 has not
    /// increased, and no alert sees it.
    pub fn counters(
        &mut self,
        name: &str,
        help: &str,
        labels: &[Label],
    ) -> prometheus::Result<IntCounterVec> {
        let sets = combinations(labels).unwrap_or_default();
        self.describe(name, "counter", help, labels, Self::most(labels));
        self.counters_of(name, help, labels, &sets)
    }

    /// The same where only these combinations of words can be.
    pub fn counters_among(
        &mut self,
        name: &str,
        help: &str,
        labels: &[Label],
        sets: &[Vec<&'static str>],
    ) -> prometheus::Result<IntCounterVec> {
        self.describe(name, "counter", help, labels, sets.len());
        self.counters_of(name, help, labels, sets)
    }

    fn counters_of(
        &mut self,
        name: &str,
        help: &str,
        labels: &[Label],
        sets: &[Vec<&'static str>],
    ) -> prometheus::Result<IntCounterVec> {
        let made = self.register(IntCounterVec::new(Opts::new(name, help), &names(labels))?)?;
        sets.iter().filter(|set| !set.is_empty()).for_each(|set| drop(made.with_label_values(set)));
        Ok(made)
    }

    pub fn gauges(&mut self, name: &str, help: &str, labels: &[Label]) -> prometheus::Result<IntGaugeVec> {
        self.describe(name, "gauge", help, labels, Self::most(labels));
        let made = self.register(IntGaugeVec::new(Opts::new(name, help), &names(labels))?)?;
        let sets = combinations(labels).unwrap_or_default();
        sets.iter().for_each(|set| drop(made.with_label_values(set)));
        Ok(made)
    }

    pub fn seconds(&mut self, name: &str, help: &str, label: Label) -> prometheus::Result<CounterVec> {
        let labels = [label];
        self.describe(name, "counter", help, &labels, Self::most(&labels));
        self.register(CounterVec::new(Opts::new(name, help), &names(&labels))?)
    }

    pub fn histogram(&mut self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
        self.describe(name, "histogram", help, &[], buckets.len() + 3);
        self.register(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
    }
}

fn names(labels: &[Label]) -> Vec<&'static str> {
    labels.iter().map(|label| label.name).collect()
}
