//! How long the other side is waited for.

use std::time::Duration;

/// Longer where everything takes longer: guests say so, as they do to tests.
pub fn patient(duration: Duration) -> Duration {
    let factor = std::env::var("INTERLOCK_TEST_PATIENCE").ok().and_then(|text| text.parse().ok());
    duration * factor.unwrap_or(1)
}
