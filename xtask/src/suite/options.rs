//! What of the suite is wanted.

use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Only build, and run the tests whose names contain this
    pub filter: Option<String>,
    /// Leave out the rebuild of the kernel object and the release build
    #[arg(long)]
    pub quick: bool,
}
