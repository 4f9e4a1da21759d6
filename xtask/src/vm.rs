//! `cargo xtask vm`: the built daemon on another kernel, in a virtual machine of its own under software emulation.
//!
//! The guest is busybox, the statically linked `interlock` and a script that plays people and agents (`vm/guest.sh`). It
//! says `test NAME ... ok` for each expectation, as Rust's test runner does.

mod image;
mod kernel;

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};
use clap::Args;

pub use kernel::Series;

use crate::{
    process::{self, Echo},
    repository::Repository,
    suite::{Tally, tally_of_tests},
};

/// Exit code where the machine lacks what a virtual machine needs and it cannot be installed.
const NOT_HERE: u8 = 77;

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Newest Debian kernel of this series
    #[arg(long, value_enum, default_value = "6.12")]
    pub kernel: Series,
    /// Added to the kernel's command line, such as `lsm=capability,yama` to leave BPF out
    #[arg(long, default_value = "")]
    pub append: String,
    /// Seconds after which the guest is ended
    #[arg(long, default_value_t = 180)]
    pub deadline: u64,
}

/// How a guest ended.
pub enum Outcome {
    Ran(Tally),
    /// What is missing, and what to install.
    NotHere(String),
}

/// Runs the guest and tells how it ended.
///
/// # Errors
/// The image cannot be built or the emulator cannot be started.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    Ok(match play(repository, options)? {
        Outcome::Ran(tally) => {
            println!("{tally}");
            if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Outcome::NotHere(why) => {
            eprintln!("SKIPPED: {why}");
            ExitCode::from(NOT_HERE)
        }
    })
}

/// Runs the guest. Its log is shown where anything failed.
///
/// # Errors
/// The image cannot be built or the emulator cannot be started.
pub fn play(repository: &Repository, options: &Options) -> Result<Outcome> {
    let place = repository.target().join("vm");
    std::fs::create_dir_all(&place).with_context(|| format!("{} cannot be made", place.display()))?;
    let kernel = match kernel::ensure(&place, options.kernel) {
        Ok(kernel) => kernel,
        Err(error) => return Ok(Outcome::NotHere(format!("no guest on this machine: {error:#}"))),
    };
    let image = image::build(repository, &place)?;
    let ended = process::capture(&mut emulator(&kernel, &image, options), Echo::Silent)?;
    let mut tally = tally_of_tests(&ended.output);
    if tally.passed + tally.failed == 0 {
        tally.failed = 1; // it did not get to its end
    }
    for line in ended.output.lines().filter(|line| line.contains("KERNEL ") || line.starts_with("test ")) {
        eprintln!("   {}", line.trim_end());
    }
    if tally.failed > 0 {
        eprintln!("the guest's log:\n{}", ended.output);
    }
    Ok(Outcome::Ran(tally))
}

/// KVM is not asked for: where it exists without nested paging it hangs, and software emulation is the same everywhere.
fn emulator(kernel: &Path, image: &Path, options: &Options) -> Command {
    let mut command = Command::new("timeout");
    command.arg(options.deadline.to_string()).arg("qemu-system-x86_64");
    command.args(["-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1G", "-smp", "2"]);
    command
        .args(["-nographic", "-no-reboot", "-nic", "none", "-kernel"])
        .arg(kernel)
        .arg("-initrd")
        .arg(image);
    command.arg("-append").arg(format!("console=ttyS0 quiet panic=-1 {}", options.append));
    command
}
