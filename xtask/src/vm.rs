//! `cargo xtask vm`: the project's test binaries and the built daemon on another kernel, in a virtual machine of their own
//! under software emulation.

mod binaries;
mod boot;
mod debian;
mod emulation;
mod guest;
mod initramfs;
mod kernel;
pub mod libraries;
mod modules;
mod programs;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;

pub use binaries::Suite;
pub use kernel::Series;

use crate::{
    repository::Repository,
    tally::{Outcome, Tally},
};

/// Exit code where the machine lacks what a virtual machine needs and it cannot be installed.
const NOT_HERE: u8 = 77;

/// Leaves BPF out of the LSM list, as Ubuntu does.
pub const WITHOUT_BPF: &str = "lsm=capability,landlock,yama";

/// Seconds.
const BENCH_DEADLINE: u64 = 3_600;
const ADVERSARY_DEADLINE: u64 = 4 * 3_600;

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Run the tests whose names contain one of these
    pub filters: Vec<String>,
    /// Newest Debian kernel of this series
    #[arg(long, value_enum, default_value = "6.12")]
    pub kernel: Series,
    /// Every kernel, and 6.12 once more with BPF left out of the LSM list
    #[arg(long, conflicts_with_all = ["kernel", "append", "shell"])]
    pub all: bool,
    /// Test binary
    #[arg(long, value_enum, default_value = "all")]
    pub test: Suite,
    /// Added to the kernel's command line, such as `lsm=capability,landlock,yama` to leave BPF out
    #[arg(long, default_value = "")]
    pub append: String,
    /// Boot Debian with systemd instead, and install, upgrade, downgrade and remove the packages there
    #[arg(long, conflicts_with_all = ["all", "shell", "append", "filters"])]
    pub systemd: bool,
    /// With --systemd: package this program instead of building one
    #[arg(long, requires = "systemd", value_name = "FILE")]
    pub program: Option<std::path::PathBuf>,
    /// A shell in the guest instead of the tests
    #[arg(long)]
    pub shell: bool,
    /// Seconds after which the guest is ended
    #[arg(long, default_value_t = 2_400)]
    pub deadline: u64,
}

/// One guest.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    pub kernel: Series,
    pub append: &'a str,
    pub test: Suite,
    /// Parts of names; a test runs that has one of them, and every test where there is none.
    pub filters: &'a [&'a str],
    /// Seconds.
    pub deadline: u64,
}

/// Runs what was asked for and tells how it ended.
///
/// # Errors
/// The tests do not build, the file system cannot be laid out, or the emulator cannot be started.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    let filters: Vec<&str> = options.filters.iter().map(String::as_str).collect();
    let guest = |kernel, append| Guest {
        kernel,
        append,
        test: options.test,
        filters: &filters,
        deadline: options.deadline,
    };
    if options.systemd {
        let ran = boot::run(repository, options.kernel, options.program.as_deref(), options.deadline)?;
        let Some(tally) = ran else { return Ok(ExitCode::from(NOT_HERE)) };
        println!("{tally}");
        return Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if options.shell {
        return converse(repository, &guest(options.kernel, &options.append));
    }
    let guests = if options.all {
        let every = [(Series::V6_1, ""), (Series::V6_12, ""), (Series::V7, ""), (Series::V6_12, WITHOUT_BPF)];
        every.map(|(kernel, append)| guest(kernel, append)).to_vec()
    } else {
        vec![guest(options.kernel, &options.append)]
    };
    let (mut total, mut summary, mut missing) = (Tally::default(), Vec::new(), false);
    for guest in &guests {
        let line = match play(repository, guest)? {
            Outcome::Ran(tally) => {
                total += tally;
                tally.to_string()
            }
            Outcome::NotHere(why) => {
                missing = true;
                format!("SKIPPED: {why}")
            }
        };
        summary.push(format!("{:<6}{:<30}{line}", guest.kernel.name(), guest.append));
    }
    eprintln!("{}", summary.join("\n"));
    println!("{total}");
    Ok(match (total.failed, missing) {
        (0, false) => ExitCode::SUCCESS,
        (0, true) => ExitCode::from(NOT_HERE),
        _ => ExitCode::FAILURE,
    })
}

/// Runs a guest.
///
/// # Errors
/// As [`run`].
pub fn play(repository: &Repository, guest: &Guest<'_>) -> Result<Outcome> {
    with_machine(repository, guest, |machine, planned| machine.run(planned)).map(|ran| match ran {
        Ok(tally) => Outcome::Ran(tally),
        Err(why) => Outcome::NotHere(why),
    })
}

fn converse(repository: &Repository, guest: &Guest<'_>) -> Result<ExitCode> {
    Ok(match with_machine(repository, guest, |machine, _| machine.converse())? {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("SKIPPED: {why}");
            ExitCode::from(NOT_HERE)
        }
    })
}

/// Runs the benchmarks `words` in a guest: what is compared is compared in one boot.
///
/// # Errors
/// As [`run`].
pub fn measure(repository: &Repository, kernel: Series, words: &[String]) -> Result<ExitCode> {
    let guest = Guest { kernel, append: "", test: Suite::All, filters: &[], deadline: BENCH_DEADLINE };
    let content = || Ok((binaries::bench(repository)?, Vec::new()));
    performed(with_content(repository, &guest, content, |machine, _| machine.perform(guest::BENCH, words))?)
}

/// Runs the adversary in a guest.
///
/// # Errors
/// As [`run`].
pub fn challenge(
    repository: &Repository,
    kernel: Series,
    append: &str,
    words: &[String],
) -> Result<ExitCode> {
    let guest = Guest { kernel, append, test: Suite::All, filters: &[], deadline: ADVERSARY_DEADLINE };
    let content = || Ok((binaries::adversary(repository)?, Vec::new()));
    performed(with_content(repository, &guest, content, |machine, _| {
        machine.perform(guest::ADVERSARY, words)
    })?)
}

fn performed(ended: Result<bool, String>) -> Result<ExitCode> {
    Ok(match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("SKIPPED: {why}");
            ExitCode::from(NOT_HERE)
        }
    })
}

/// Binary and name of every test.
type Plan = Vec<(String, String)>;

/// Lays out the guest's machine and hands it to `act` with the tests that are in it; or says what is missing.
fn with_machine<T>(
    repository: &Repository,
    guest: &Guest<'_>,
    act: impl FnOnce(&guest::Machine<'_>, &[(String, String)]) -> Result<T>,
) -> Result<Result<T, String>> {
    let tests = || {
        let binaries = binaries::tests(repository, guest.test)?;
        let plan = binaries::plan(&binaries, guest.filters)?;
        Ok((binaries, plan))
    };
    with_content(repository, guest, tests, act)
}

fn with_content<T>(
    repository: &Repository,
    guest: &Guest<'_>,
    content: impl FnOnce() -> Result<(Vec<binaries::Binary>, Plan)>,
    act: impl FnOnce(&guest::Machine<'_>, &[(String, String)]) -> Result<T>,
) -> Result<Result<T, String>> {
    let place = repository.target().join("vm");
    std::fs::create_dir_all(&place).with_context(|| format!("{} cannot be made", place.display()))?;
    let kernel = match emulation::ensure().and_then(|()| kernel::ensure(&place, guest.kernel)) {
        Ok(kernel) => kernel,
        Err(error) => return Ok(Err(format!("no guest on this machine: {error:#}"))),
    };
    let (interlock, (binaries, plan)) = (binaries::interlock(repository)?, content()?);
    let content =
        initramfs::Content { interlock: &interlock, binaries: &binaries, plan: &plan, kernel: &kernel };
    let initramfs = initramfs::build(repository, &place, &content)?;
    let machine = guest::Machine {
        image: &kernel.image,
        initramfs: &initramfs,
        append: guest.append,
        deadline: guest.deadline,
    };
    act(&machine, &plan).map(Ok)
}
