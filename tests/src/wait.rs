//! Waiting for conditions.

use std::{
    fmt::Debug,
    sync::LazyLock,
    time::{Duration, Instant},
};

/// Long enough for a loaded machine; a condition that holds is seen at once.
///
/// The environment's `INTERLOCK_TEST_SLOWNESS` multiplies it, where everything takes longer, as under emulation.
#[must_use]
pub fn timeout() -> Duration {
    static FACTOR: LazyLock<u32> = LazyLock::new(|| {
        let factor = std::env::var("INTERLOCK_TEST_SLOWNESS").ok();
        factor.map_or(1, |text| text.parse().expect("INTERLOCK_TEST_SLOWNESS is a whole number"))
    });
    Duration::from_secs(20) * *FACTOR
}

/// Asks until the answer is `Ok`.
///
/// # Panics
/// After [`timeout`], with the last answer.
pub fn until<T, E: Debug>(what: &str, mut ask: impl FnMut() -> Result<T, E>) -> T {
    let (started, timeout) = (Instant::now(), timeout());
    loop {
        match ask() {
            Ok(found) => return found,
            Err(last) if started.elapsed() > timeout => {
                panic!("{what}: waited {timeout:?}, last saw {last:?}")
            }
            Err(_) => pause(Duration::from_millis(10)),
        }
    }
}

/// Asks again and again, and expects the same answer all the time.
///
/// # Panics
/// When the answer is an error, with it.
pub fn throughout<E: Debug>(what: &str, span: Duration, mut ask: impl FnMut() -> Result<(), E>) {
    let started = Instant::now();
    while started.elapsed() < span {
        if let Err(seen) = ask() {
            panic!("{what}: after {:?} saw {seen:?}", started.elapsed());
        }
        pause(Duration::from_millis(20));
    }
}

/// Between two looks at a condition.
fn pause(span: Duration) {
    let (_keep, receiver) = std::sync::mpsc::channel::<()>();
    let _ = receiver.recv_timeout(span);
}
