//! The kernel programs: `monitor-ebpf/` → `monitor/ebpf/interlock.bpf.o`, the same bytes in every folder.

mod compile;
pub mod compiler;
mod record;
mod sources;
mod toolchain;

use std::fs;

use anyhow::{Context, Result, bail};

use crate::repository::Repository;
use record::Record;
use toolchain::Toolchain;

const OBJECT: &str = "monitor/ebpf/interlock.bpf.o";
const RECORD: &str = "monitor/ebpf/interlock.bpf.sha256";

/// Rebuilds the committed object and records what it was built from.
///
/// # Errors
/// A tool is missing and cannot be installed, or the sources do not compile.
pub fn build(repository: &Repository) -> Result<()> {
    let toolchain = Toolchain::ready(repository)?;
    let sources = sources::hash(repository)?;
    let object = compile::object(repository, &toolchain, &repository.target().join("ebpf"))?;
    let record = Record::new(&sources, &object);
    let (object_path, record_path) = (repository.root().join(OBJECT), repository.root().join(RECORD));
    fs::write(&object_path, &object)
        .with_context(|| format!("{} cannot be written", object_path.display()))?;
    fs::write(&record_path, record.to_string())
        .with_context(|| format!("{} cannot be written", record_path.display()))?;
    eprintln!("{OBJECT}: {} bytes, sha256 {}", object.len(), record.object);
    Ok(())
}

/// Compares the committed object and the sources with the record.
///
/// # Errors
/// They differ; says what does, and what to run.
pub fn check_recorded(repository: &Repository) -> Result<()> {
    let (object_path, record_path) = (repository.root().join(OBJECT), repository.root().join(RECORD));
    let object = fs::read(&object_path)
        .with_context(|| format!("{OBJECT} cannot be read; `cargo xtask ebpf` builds it"))?;
    let text = fs::read_to_string(&record_path)
        .with_context(|| format!("{RECORD} cannot be read; `cargo xtask ebpf` writes it"))?;
    let recorded: Record =
        text.parse().with_context(|| format!("{RECORD} is damaged; run `cargo xtask ebpf`"))?;
    let now = Record::new(&sources::hash(repository)?, &object);
    let differences = recorded.differences(&now);
    if !differences.is_empty() {
        bail!("{}; run `cargo xtask ebpf` and commit monitor/ebpf/", differences.join("; "));
    }
    Ok(())
}

/// Like [`check_recorded`], then rebuilds from nothing and compares byte for byte.
///
/// # Errors
/// The committed object is not what the sources give, or it cannot be rebuilt here.
pub fn check(repository: &Repository) -> Result<()> {
    check_recorded(repository)?;
    let toolchain = Toolchain::ready(repository)?;
    let folder = repository.target().join(format!("ebpf-check-{}", std::process::id()));
    let rebuilt = compile::object(repository, &toolchain, &folder);
    let removed = fs::remove_dir_all(&folder);
    let rebuilt = rebuilt?;
    removed.with_context(|| format!("{} cannot be removed; remove it by hand", folder.display()))?;

    let committed =
        fs::read(repository.root().join(OBJECT)).with_context(|| format!("{OBJECT} cannot be read"))?;
    if committed != rebuilt {
        bail!(
            "{OBJECT} is not what its sources give: {} bytes are committed, {} were rebuilt, and {}; \
             run `cargo xtask ebpf`, look at the difference, and commit monitor/ebpf/",
            committed.len(),
            rebuilt.len(),
            first_difference(&committed, &rebuilt),
        );
    }
    eprintln!("{OBJECT} is what its sources give, byte for byte");
    Ok(())
}

/// Runs clippy over the kernel programs: the workspace's does not see them.
///
/// # Errors
/// It finds something; its words are part of the error.
pub fn lint(repository: &Repository) -> Result<()> {
    let toolchain = Toolchain::ready(repository)?;
    compile::lint(repository, &toolchain, &repository.target().join("ebpf-clippy"))
}

fn first_difference(committed: &[u8], rebuilt: &[u8]) -> String {
    match committed.iter().zip(rebuilt).position(|(left, right)| left != right) {
        Some(at) => format!("byte {at} is the first that differs"),
        None => "one is the beginning of the other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(first_difference(b"abc", b"abd"), "byte 2 is the first that differs");
        assert_eq!(first_difference(b"abc", b"ab"), "one is the beginning of the other");
    }
}
