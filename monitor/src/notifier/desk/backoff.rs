//! How long nobody is asked again after a failure: longer each time, and not all at once.

use std::time::Duration;

use rand_core::{OsRng, RngCore as _};

const LONGEST: Duration = Duration::from_secs(300);

/// After so many failures in a row: 1 s, 2 s, 4 s … 5 min, of it the half by chance.
#[must_use]
pub fn pause(failures: u32) -> Duration {
    let exponent = failures.saturating_sub(1).min(16);
    let whole = Duration::from_secs(1_u64 << exponent).min(LONGEST);
    let mut bytes = [0_u8; 4];
    // Without chance, all wait the same: that is no failure.
    let _ = OsRng.try_fill_bytes(&mut bytes);
    let chance = f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX);
    whole.mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_up_to_five_minutes_and_is_never_short() {
        for (failures, seconds) in [(1, 1), (2, 2), (5, 16), (20, 300), (u32::MAX, 300)] {
            let pause = pause(failures);
            let whole = Duration::from_secs(seconds);
            assert!(pause >= whole / 2 && pause <= whole, "{failures}: {pause:?}");
        }
    }
}
