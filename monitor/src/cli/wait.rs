//! Waiting for the daemon's answers.

use super::exit::Failure;

/// Runs a client's requests on this thread: `run` becomes another program afterwards and must leave none behind.
pub fn wait<T>(requests: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(requests)
}
