//! Waiting for conditions.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

/// Long enough for a loaded machine; a condition that holds is seen at once.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until the answer is `Ok`.
///
/// # Panics
/// After [`PATIENCE`], with the last answer.
pub fn until<T, E: Debug>(what: &str, mut ask: impl FnMut() -> Result<T, E>) -> T {
    let started = Instant::now();
    loop {
        match ask() {
            Ok(found) => return found,
            Err(last) if started.elapsed() > PATIENCE => {
                panic!("{what}: waited {PATIENCE:?}, last saw {last:?}")
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
