//! Exemplars: beside a number, the session or the hold that it was last about. Only OpenMetrics has room for them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

/// One of what a series counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    pub label: &'static str,
    pub id: String,
    pub value: f64,
    pub at: Timestamp,
}

/// The newest of each series: there are no more than series.
#[derive(Debug, Default)]
pub struct Exemplars(Mutex<HashMap<(&'static str, Vec<String>), Exemplar>>);

impl Exemplars {
    /// `values` are those of the series' labels, in the order of their names; of a histogram its bucket's upper bound.
    pub fn keep(
        &self,
        family: &'static str,
        values: Vec<String>,
        label: &'static str,
        id: String,
        value: f64,
    ) {
        let exemplar = Exemplar { label, id, value, at: Timestamp::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((family, values), exemplar);
    }

    /// All of them, by family.
    pub fn of(&self, family: &str) -> HashMap<Vec<String>, Exemplar> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_it = kept.iter().filter(|((known, _), _)| *known == family);
        of_it.map(|((_, values), exemplar)| (values.clone(), exemplar.clone())).collect()
    }
}
