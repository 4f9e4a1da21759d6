//! How long the other side is waited for.

use std::time::Duration;

/// Longer where everything takes longer: guests say so, as they do to tests.
pub fn scaled(duration: Duration) -> Duration {
    let factor = std::env::var("INTERLOCK_TEST_SLOWNESS").ok().and_then(|text| text.parse().ok());
    duration * factor.unwrap_or(1)
}
