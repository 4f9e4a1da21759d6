//! The compiler and the linker of the kernel programs, at the versions that the committed object was built with.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{process, repository::Repository};

/// Another compiler emits other bytes.
pub const RUSTC: &str = "1.95.0";
pub const LINKER: &str = "0.10.4";

/// Tools that are installed and have the right versions.
pub struct Toolchain {
    /// The rustup toolchain to ask for; `None`: the caller's own is the right one.
    name: Option<&'static str>,
    sysroot: PathBuf,
    host: String,
    linker: PathBuf,
}

impl Toolchain {
    /// Finds the tools and installs what is missing, saying so.
    ///
    /// # Errors
    /// Something is missing and cannot be installed; says what to do.
    pub fn ready(repository: &Repository) -> Result<Self> {
        let (name, about) = compiler()?;
        let host = field(&about, "host").context("`rustc -vV` names no host")?.to_owned();
        let sysroot = process::answer(rustc(name).args(["--print", "sysroot"]))?.into();
        let mut toolchain = Self { name, sysroot, host, linker: PathBuf::new() };
        toolchain.ensure_sources()?;
        ensure!(
            toolchain.objcopy().is_file(),
            "{} is missing; it is part of rustc as rustup installs it: `rustup toolchain install {RUSTC}`",
            toolchain.objcopy().display()
        );
        toolchain.linker = toolchain.ensure_linker(&repository.target().join("tools"))?;
        Ok(toolchain)
    }

    /// A program of the toolchain: cargo, rustc.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        if let Some(name) = self.name {
            command.env("RUSTUP_TOOLCHAIN", name);
        }
        // bpf-linker takes LLVM from the compiler it finds; it has to be this one.
        command.env("LD_LIBRARY_PATH", self.sysroot.join("lib"));
        command
    }

    pub fn sysroot(&self) -> &Path {
        &self.sysroot
    }

    pub fn linker(&self) -> &Path {
        &self.linker
    }

    /// LLVM's objcopy, which comes with rustc.
    pub fn objcopy(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(&self.host).join("bin/rust-objcopy")
    }

    fn has_sources(&self) -> bool {
        self.sysroot.join("lib/rustlib/src/rust/library/core/Cargo.toml").is_file()
    }

    fn ensure_sources(&self) -> Result<()> {
        if self.has_sources() {
            return Ok(());
        }
        eprintln!("installing rust-src (the kernel programs bring their own `core`)");
        let mut rustup = Command::new("rustup");
        rustup.args(["component", "add", "rust-src"]);
        if let Some(name) = self.name {
            rustup.args(["--toolchain", name]);
        }
        let Err(refused) = process::answer(&mut rustup) else {
            return self.confirm_sources("rustup reports success");
        };
        if process::is_root() && process::find("apt-get").is_some() {
            eprintln!("rustup cannot install rust-src; installing Debian's package instead");
            let mut apt = Command::new("apt-get");
            apt.args(["install", "--yes", "--quiet", "--target-release", "trixie-backports", "rust-src"]);
            if process::answer(apt.env("DEBIAN_FRONTEND", "noninteractive")).is_ok() {
                return self.confirm_sources("Debian's rust-src is installed");
            }
        }
        Err(refused).context(format!(
            "rust-src is missing; run `rustup component add rust-src`, \
             or install rust-src {RUSTC} from Debian's trixie-backports"
        ))
    }

    fn confirm_sources(&self, claim: &str) -> Result<()> {
        ensure!(
            self.has_sources(),
            "{claim}, but {} has no lib/rustlib/src; remove and add rust-src again",
            self.sysroot.display()
        );
        Ok(())
    }

    fn ensure_linker(&self, tools: &Path) -> Result<PathBuf> {
        let own = tools.join("bin/bpf-linker");
        let found = process::find("bpf-linker");
        if let Some(linker) = found.into_iter().chain([own.clone()]).find(|linker| is_linker(linker)) {
            return Ok(linker);
        }
        eprintln!("installing bpf-linker {LINKER} into {}", tools.display());
        let mut cargo = self.command("cargo");
        cargo
            .args(["install", "bpf-linker", "--version", LINKER, "--locked", "--force", "--root"])
            .arg(tools);
        process::answer(&mut cargo).with_context(|| {
            format!("bpf-linker {LINKER} cannot be installed; try `cargo install bpf-linker --version {LINKER} --locked`")
        })?;
        ensure!(is_linker(&own), "{} was installed but does not answer as version {LINKER}", own.display());
        Ok(own)
    }
}

/// The right compiler: the caller's own, or rustup's of that version.
fn compiler() -> Result<(Option<&'static str>, String)> {
    let own = process::answer(rustc(None).arg("-vV"))?;
    let release = field(&own, "release").unwrap_or("unknown");
    if release == RUSTC {
        return Ok((None, own));
    }
    if process::find("rustup").is_none() {
        bail!(
            "the kernel object is built by rustc {RUSTC}, here is {release}; \
             install rustup, then `rustup toolchain install {RUSTC}`"
        );
    }
    if let Ok(about) = process::answer(rustc(Some(RUSTC)).arg("-vV")) {
        return Ok((Some(RUSTC), about));
    }
    eprintln!("installing rustc {RUSTC} (the kernel object is built by exactly this one)");
    let mut rustup = Command::new("rustup");
    rustup.args(["toolchain", "install", RUSTC, "--profile", "minimal", "--component", "rust-src"]);
    process::answer(&mut rustup).with_context(|| format!("rustc {RUSTC} cannot be installed"))?;
    Ok((Some(RUSTC), process::answer(rustc(Some(RUSTC)).arg("-vV"))?))
}

fn rustc(name: Option<&str>) -> Command {
    let mut command = Command::new("rustc");
    if let Some(name) = name {
        command.env("RUSTUP_TOOLCHAIN", name);
    }
    command
}

fn is_linker(linker: &Path) -> bool {
    process::answer(Command::new(linker).arg("--version"))
        .is_ok_and(|answer| version(&answer, "bpf-linker") == Some(LINKER))
}

/// The version in `NAME VERSION`, as programs answer to `--version`.
fn version<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let mut words = answer.lines().next()?.split_whitespace();
    (words.next() == Some(name)).then(|| words.next()).flatten()
}

/// A line `NAME: VALUE` of `rustc -vV`.
fn field<'a>(about: &'a str, name: &str) -> Option<&'a str> {
    about.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_word_after_the_name() {
        assert_eq!(version("bpf-linker 0.10.4\n", "bpf-linker"), Some("0.10.4"));
        assert_eq!(version("bpf-linker 0.10.4 (abc 2026-01-01)", "bpf-linker"), Some("0.10.4"));
        assert_eq!(version("bpf-linker 0.10.40", "bpf-linker"), Some("0.10.40"));
        assert_eq!(version("ld 2.40", "bpf-linker"), None);
        assert_eq!(version("", "bpf-linker"), None);
    }

    #[test]
    fn fields_of_the_compiler_are_read_by_name() {
        let about = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        assert_eq!(field(about, "release"), Some("1.95.0"));
        assert_eq!(field(about, "host"), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(field(about, "LLVM version"), None);
    }
}
