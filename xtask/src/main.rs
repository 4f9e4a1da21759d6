//! What a developer of this repository runs: `cargo xtask ebpf`, `cargo xtask test`, `cargo xtask vm`,
//! `cargo xtask silence`, `cargo xtask adversary`, `cargo xtask clients`, `cargo xtask agents`, `cargo xtask bench`,
//! `cargo xtask instructions`, `cargo xtask fuzz`, `cargo xtask mutants`, `cargo xtask upgrade`,
//! `cargo xtask package`, `cargo xtask kubernetes`.

mod adversary;
mod agents;
mod apt;
mod clients;
mod compiler;
mod daemon;
mod debian;
mod ebpf;
mod fuzz;
mod instructions;
mod kubernetes;
mod mutants;
mod package;
mod process;
mod repository;
mod silence;
mod suite;
mod tally;
mod upgrade;
mod vm;

use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

use repository::Repository;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, checks and tests Interlock")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Rebuild the committed kernel object from its sources
    Ebpf {
        /// Change nothing: fail where the committed object is not what the sources give
        #[arg(long)]
        check: bool,
        /// With --check: compare the recorded hashes only, without rebuilding
        #[arg(long, requires = "check")]
        fast: bool,
        /// Run clippy over them instead
        #[arg(long, conflicts_with = "check")]
        lint: bool,
    },
    /// Run every check and every test; root, or through `sudo -n`
    Test(suite::Options),
    /// Run the daemon on another kernel, in a virtual machine under software emulation
    Vm(vm::Options),
    /// Run real work in agent sessions and see that no default rule stops it; root, or through `sudo -n`
    Silence(silence::Options),
    /// Play random programs that read a secret and send it, and see that nothing of it arrives; root, or through `sudo -n`
    Adversary(adversary::Options),
    /// Run real infrastructure clients and compare them with the catalogue; root, or through `sudo -n`
    Clients(clients::Options),
    /// Run real coding agents beside a daemon, with a stub as their model; root, or through `sudo -n`
    Agents(agents::Options),
    /// Count what judging a fact costs in instructions, and compare with bench/instructions.toml
    Instructions(instructions::Options),
    /// Play the fuzz targets' corpora, and compare what they reach with fuzz/floors.toml
    Fuzz(fuzz::Options),
    /// Take the decision apart, one arm, statement and condition at a time, and see that a test fails
    Mutants(mutants::Options),
    /// Take over an older daemon's pins, state and holds; root, or through `sudo -n`
    Upgrade(upgrade::Options),
    /// Make the Debian package, the RPM and the image, with checksums, a list of what is in them and a signature
    Package(package::Options),
    /// Bring up one real node of Kubernetes with the chart on it, and agents in pods that are held; root
    Kubernetes(kubernetes::Options),
    /// Run the benchmarks
    Bench {
        /// In a virtual machine under software emulation: only ratios mean something there
        #[arg(long)]
        vm: bool,
        /// With --vm: newest Debian kernel of this series
        #[arg(long, value_enum, default_value = "6.12", requires = "vm")]
        kernel: vm::Series,
        /// Handed to the benchmark program as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    if ebpf::compiler::STAND_IN.is_called() {
        return ebpf::compiler::run();
    }
    if fuzz::compiler::STAND_IN.is_called() {
        return fuzz::compiler::run();
    }
    if let Some(ended) = adversary::requested() {
        return ended;
    }
    let repository = Repository::find()?;
    match Arguments::parse().verb {
        Verb::Ebpf { lint: true, .. } => ebpf::lint(&repository)?,
        Verb::Ebpf { check: false, .. } => ebpf::build(&repository)?,
        Verb::Ebpf { check: true, fast: true, .. } => ebpf::check_recorded(&repository)?,
        Verb::Ebpf { check: true, fast: false, .. } => ebpf::check(&repository)?,
        Verb::Test(options) => return suite::run(&repository, &options),
        Verb::Vm(options) => return vm::run(&repository, &options),
        Verb::Silence(options) => return silence::run(&repository, &options),
        Verb::Adversary(options) => return adversary::run(&repository, &options),
        Verb::Clients(options) => return clients::run(&repository, &options),
        Verb::Agents(options) => return agents::run(&repository, &options),
        Verb::Instructions(options) => {
            if let tally::Outcome::NotHere(why) = instructions::run(&repository, options)? {
                anyhow::bail!("{why}");
            }
        }
        Verb::Fuzz(options) => fuzz::run(&repository, &options)?,
        Verb::Mutants(options) => return mutants::run(&repository, &options),
        Verb::Upgrade(options) => return upgrade::run(&repository, &options),
        Verb::Package(options) => return package::run(&repository, &options),
        Verb::Kubernetes(options) => return kubernetes::run(&repository, &options),
        Verb::Bench { vm: true, kernel, arguments } => return vm::measure(&repository, kernel, &arguments),
        Verb::Bench { vm: false, arguments, .. } => bench(&repository, &arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The daemon under test is the release build beside the benchmark program.
fn bench(repository: &Repository, arguments: &[String]) -> Result<()> {
    let cargo = |words: &[&str], arguments: &[String]| {
        let mut command = Command::new("cargo");
        process::succeed(command.current_dir(repository.root()).args(words).args(arguments))
    };
    cargo(&["build", "--quiet", "--release", "--package", "interlock"], &[])?;
    cargo(&["run", "--quiet", "--release", "--package", "interlock-bench", "--bin", "bench", "--"], arguments)
}
