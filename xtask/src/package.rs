//! `cargo xtask package`: what is installed: a Debian package, an RPM, an image, and what proves where they come from.

pub mod build;
mod check;
mod debian;
mod dependencies;
pub mod image;
mod rpm;
mod sealing;
pub mod tree;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Args;

use build::Identity;

use crate::repository::Repository;

#[derive(Args, Debug)]
pub struct Options {
    /// Where the packages go [default: target/package/out]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Number of the packaging, behind the version
    #[arg(long, default_value_t = 1)]
    number: u32,
    /// Package this program instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Private key of OpenSSH's that signs SHA256SUMS; without one nothing is signed
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Look at what was made: lintian, rpmlint, systemd-analyze, and everything once more with the same bytes
    #[arg(long)]
    check: bool,
    /// With --check, and without --program: the second time is built in another folder too
    #[arg(long, requires = "check", conflicts_with = "program")]
    rebuild: bool,
}

/// # Errors
/// The program does not build, a tool is missing and cannot be installed, or a check finds something.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    let place = repository.target().join("package");
    let out = options.out.clone().unwrap_or_else(|| place.join("out"));
    let made = make(repository, &place, &out, options)?;
    if options.check {
        check::all(&made, &out)?;
        let again = Options { key: None, ..copied(options) };
        let second = place.join("again");
        if options.rebuild {
            let other = build::cloned(repository, &place)?;
            let place = other.target().join("package");
            make(&other, &place, &second, &again)?;
        } else {
            make(repository, &place, &second, &again)?;
        }
        check::same(&out, &second)?;
    }
    for file in fs::read_dir(&out)?.flatten() {
        println!("{}", file.path().display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes two packages that differ in their number alone, and returns their Debian ones.
///
/// # Errors
/// As [`run`].
pub fn two(repository: &Repository, program: Option<&Path>) -> Result<[PathBuf; 2]> {
    build::ensure_tools()?;
    let place = repository.target().join("package");
    let identity = Identity { is_trial: program.is_some(), ..Identity::of(repository, 1)? };
    let built = match program {
        Some(program) => program.to_owned(),
        None => build::program(repository, &place, &identity)?,
    };
    let stage = place.join("stage");
    let _ = fs::remove_dir_all(&stage); // of an earlier run
    let program = build::Program::take_apart(&built, &stage, &identity)?;
    let tree = tree::lay_out(repository, &stage.join("tree"), &program, &dependencies::of(repository)?)?;
    let out = place.join("two");
    fs::create_dir_all(&out)?;
    let make = |number: u32| {
        let identity = Identity { number, ..identity.clone() };
        debian::build(repository, &stage.join(number.to_string()), &tree, &identity, &out)
    };
    Ok([make(1)?, make(2)?])
}

/// Makes the image of a program that is built already; returns the archive and its identity.
///
/// # Errors
/// As [`run`].
pub fn trial_image(repository: &Repository, program: &Path, stage: &Path) -> Result<(PathBuf, Identity)> {
    let identity = Identity { is_trial: true, ..Identity::of(repository, 1)? };
    let program = build::Program::take_apart(program, stage, &identity)?;
    let tree = tree::lay_out(repository, &stage.join("tree"), &program, &dependencies::of(repository)?)?;
    image::build(stage, &tree, &identity, stage)?;
    Ok((image::archive_of(stage, &identity), identity))
}

fn copied(options: &Options) -> Options {
    Options { out: None, number: options.number, program: options.program.clone(), key: None, ..*options }
}

/// Returns the tree, as it will lie on the machine.
fn make(repository: &Repository, place: &Path, out: &Path, options: &Options) -> Result<PathBuf> {
    build::ensure_tools()?;
    let identity =
        Identity { is_trial: options.program.is_some(), ..Identity::of(repository, options.number)? };
    let built = match &options.program {
        Some(program) => program.clone(),
        None => build::program(repository, place, &identity)?,
    };
    make_of(repository, place, out, &identity, &built, options.key.as_deref())
}

fn make_of(
    repository: &Repository,
    place: &Path,
    out: &Path,
    identity: &Identity,
    built: &Path,
    key: Option<&Path>,
) -> Result<PathBuf> {
    let _ = fs::remove_dir_all(out); // of an earlier run
    fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    let stage = place.join("stage");
    let _ = fs::remove_dir_all(&stage);
    let program = build::Program::take_apart(built, &stage, identity)?;
    let crates = dependencies::of(repository)?;
    let tree = tree::lay_out(repository, &stage.join("tree"), &program, &crates)?;
    fs::write(out.join(format!("interlock-{}.cdx.json", identity.version)), crates.sbom(identity)?)?;
    debian::build(repository, &stage, &tree, identity, out)?;
    debian::build_debug(&stage, &program, identity, out)?;
    rpm::build(&stage, &tree, &program, identity, out)?;
    image::build(&stage, &tree, identity, out)?;
    sealing::sums(out)?;
    if let Some(key) = key {
        sealing::sign(out, key)?;
    }
    Ok(tree)
}
