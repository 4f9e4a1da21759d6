//! What of the suite is wanted.

use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Only build, and run the tests whose names contain this
    pub filter: Option<String>,
    /// Leave out what takes long: the rebuild and lints of the kernel object, cargo-deny, the release build, fuzz targets, documentation, counting, other kernels
    #[arg(long)]
    pub quick: bool,
}
