//! One build of the kernel programs.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{
    compiler::{STAND_IN, TARGET},
    toolchain::Toolchain,
};
use crate::{process, repository::Repository};

/// What decides the object's bytes besides the sources. `debuginfo=2` is what `.BTF` is made from.
pub const RECIPE: &[&str] =
    &["-Clink-arg=--btf", "-Cdebuginfo=2", "-Ctarget-cpu=v3", "--cfg=bpf_target_arch=\"x86_64\""];

/// DWARF is six sevenths of what the linker writes, and nothing reads it: the verifier and aya use `.BTF` and
/// `.BTF.ext`, whose own relocations are for linkers only.
const STRIP: &[&str] = &["--strip-debug", "--remove-section=.rel.BTF", "--remove-section=.rel.BTF.ext"];

/// Variables of the caller that would change the build.
const FOREIGN: &[&str] =
    &["RUSTC", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_BUILD_RUSTFLAGS"];

/// Builds into `folder` and returns the object's bytes.
///
/// # Errors
/// The sources do not compile; the compiler's words are part of the error.
pub fn object(repository: &Repository, toolchain: &Toolchain, folder: &Path) -> Result<Vec<u8>> {
    let mut cargo = cargo(repository, toolchain, "build", folder);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(repository, toolchain)?).env("CARGO_INCREMENTAL", "0");
    STAND_IN.serve(&mut cargo, folder)?;
    process::answer(&mut cargo).context("the kernel programs do not build")?;

    let linked = folder.join(TARGET).join("release/interlock");
    let stripped = folder.join("interlock.bpf.o");
    let mut strip = Command::new(toolchain.objcopy());
    strip.args(STRIP).arg(&linked).arg(&stripped).env("LD_LIBRARY_PATH", toolchain.sysroot().join("lib"));
    process::answer(&mut strip).context("the kernel object cannot be stripped")?;
    fs::read(&stripped).with_context(|| format!("{} cannot be read", stripped.display()))
}

/// Runs clippy in `folder`; what it finds is an error.
///
/// # Errors
/// It finds something, or the sources do not compile.
pub fn lint(repository: &Repository, toolchain: &Toolchain, folder: &Path) -> Result<()> {
    let mut cargo = cargo(repository, toolchain, "clippy", folder);
    process::answer(cargo.args(["--quiet", "--", "-D", "warnings"])).map(drop)
}

fn cargo(repository: &Repository, toolchain: &Toolchain, verb: &str, folder: &Path) -> Command {
    let mut cargo = toolchain.command("cargo");
    for variable in FOREIGN {
        cargo.env_remove(variable);
    }
    cargo
        .current_dir(repository.root().join("monitor-ebpf"))
        .args([verb, "--release", "--locked", "-Zbuild-std=core", "--target", TARGET, "--target-dir"])
        .arg(folder)
        .env("RUSTC_BOOTSTRAP", "1"); // build-std is unstable; the compiler is pinned, so nothing shifts under it
    cargo
}

/// Flags for the kernel crates, separated as cargo wants them; no path of this machine gets into the object.
fn flags(repository: &Repository, toolchain: &Toolchain) -> Result<OsString> {
    let mut flags: Vec<OsString> = RECIPE.iter().map(OsString::from).collect();
    flags.push(joined("-Clinker=", toolchain.linker(), ""));
    let rust = toolchain.sysroot().join("lib/rustlib/src/rust");
    for (path, name) in
        [(rust.as_path(), "/rust"), (&cargo_home()?, "/cargo"), (repository.root(), "/interlock")]
    {
        // cargo hands some paths on as they were given and others with symbolic links resolved.
        flags.push(joined("--remap-path-prefix=", path, &format!("={name}")));
        if let Some(resolved) = path.canonicalize().ok().filter(|resolved| resolved != path) {
            flags.push(joined("--remap-path-prefix=", &resolved, &format!("={name}")));
        }
    }
    Ok(flags.join(&OsString::from("\x1f")))
}

fn joined(before: &str, path: &Path, after: &str) -> OsString {
    let mut word = OsString::from(before);
    word.push(path);
    word.push(after);
    word
}

fn cargo_home() -> Result<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set; cargo's sources cannot be found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_embedded_as_it_is() {
        assert_eq!(joined("-Clinker=", Path::new("/a b/c"), "=x"), "-Clinker=/a b/c=x");
    }
}
