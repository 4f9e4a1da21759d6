//! Numbers: times, medians, and ratios of what was measured side by side.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A monotonic clock that all processes share, ns.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or_default() * 1_000_000_000
        + u64::try_from(now.tv_nsec).unwrap_or_default()
}

/// Median time of one of `times` actions, ns. They run in chunks, so that the clock is not what is measured and a
/// neighbour's burst spoils some chunks only.
///
/// # Errors
/// The first error of the action.
pub fn median_ns<E>(times: u32, chunk: u32, mut action: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let mut chunks = Vec::new();
    for _ in 0..times.div_ceil(chunk) {
        let start = Instant::now();
        for _ in 0..chunk {
            action()?;
        }
        chunks.push(nanos(start.elapsed()) / f64::from(chunk));
    }
    Ok(quantile(&chunks, 0.5))
}

pub fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// The value below which `q` (0 to 1) of the values lie; 0 where there are none.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let index = (q * last as f64).round() as usize;
    sorted.get(index.min(last)).copied().unwrap_or_default()
}

/// A median, and the quartiles around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub quartiles: (f64, f64),
}

impl Spread {
    pub fn of(values: &[f64]) -> Self {
        Self { median: quantile(values, 0.5), quartiles: (quantile(values, 0.25), quantile(values, 0.75)) }
    }

    /// Of the ratios `a ÷ b`, round by round.
    pub fn of_ratios(a: &[f64], b: &[f64]) -> Self {
        let ratios: Vec<f64> = a.iter().zip(b).map(|(a, b)| a / b).collect();
        Self::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!((quantile(&values, 0.0), quantile(&values, 0.5), quantile(&values, 1.0)), (1.0, 3.0, 5.0));
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The machine was twice as slow in the second round; the ratio is the same.
        let spread = Spread::of_ratios(&[11.0, 22.0], &[10.0, 20.0]);
        assert_eq!(spread, Spread { median: 1.1, quartiles: (1.1, 1.1) });
    }

    #[test]
    fn a_failing_action_is_told() {
        assert_eq!(median_ns(10, 2, || Err("no")), Err("no"));
        assert!(median_ns(10, 2, || Ok::<_, ()>(())).is_ok());
    }
}
