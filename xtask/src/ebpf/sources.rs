//! Everything that decides the object's bytes: sources, manifests, lock file, recipe.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{compile, toolchain};
use crate::repository::Repository;

const PLACES: &[&str] = &["monitor-ebpf", "monitor-common/src", "monitor-common/Cargo.toml"];
/// Folders that cargo writes into, wherever they are.
const BUILT: &str = "target";

/// SHA-256 over names and contents in the order of the names, and over the recipe; lower-case hex.
///
/// # Errors
/// A source cannot be read.
pub fn hash(repository: &Repository) -> Result<String> {
    let mut files = Vec::new();
    for place in PLACES {
        collect(&repository.root().join(place), &mut files)?;
    }
    files.sort();
    let mut hasher = Sha256::new();
    for word in compile::RECIPE.iter().chain([&toolchain::RUSTC, &toolchain::LINKER]) {
        field(&mut hasher, word.as_bytes());
    }
    for file in files {
        let contents = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let name = file.strip_prefix(repository.root()).unwrap_or(&file);
        field(&mut hasher, name.as_os_str().as_encoded_bytes());
        field(&mut hasher, &contents);
    }
    Ok(format!("{:x}", hasher.finalize()))
}

/// The length goes first, so that nothing can move from one field into the next unseen.
fn field(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

fn collect(place: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if place.is_file() {
        files.push(place.to_owned());
        return Ok(());
    }
    let unreadable = || format!("{} cannot be listed", place.display());
    for entry in fs::read_dir(place).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        if entry.file_name() != BUILT {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout() -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("monitor-ebpf/src/main.rs", "fn main() {}"),
            ("monitor-ebpf/Cargo.lock", "version = 4"),
            ("monitor-common/src/lib.rs", "pub struct Label;"),
            ("monitor-common/Cargo.toml", "[package]"),
        ] {
            write(folder.path(), name, text);
        }
        let repository = Repository::at(folder.path());
        (folder, repository)
    }

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_folder_does_not_matter() {
        let ((_one, first), (_two, second)) = (checkout(), checkout());
        assert_eq!(hash(&first).unwrap(), hash(&second).unwrap());
    }

    #[test]
    fn every_source_matters_and_what_was_built_does_not() {
        let (folder, repository) = checkout();
        let before = hash(&repository).unwrap();
        write(folder.path(), "monitor-ebpf/target/release/interlock", "built");
        assert_eq!(hash(&repository).unwrap(), before);
        for name in ["monitor-ebpf/src/main.rs", "monitor-ebpf/Cargo.lock", "monitor-common/Cargo.toml"] {
            let kept = fs::read_to_string(folder.path().join(name)).unwrap();
            write(folder.path(), name, "changed");
            assert_ne!(hash(&repository).unwrap(), before, "{name}");
            write(folder.path(), name, &kept);
        }
        write(folder.path(), "monitor-ebpf/src/new.rs", "");
        assert_ne!(hash(&repository).unwrap(), before, "a new file");
    }

    #[test]
    fn bytes_do_not_move_between_name_and_contents() {
        let ((one, first), (two, second)) = (checkout(), checkout());
        write(one.path(), "monitor-ebpf/src/ab", "c");
        write(two.path(), "monitor-ebpf/src/a", "bc");
        assert_ne!(hash(&first).unwrap(), hash(&second).unwrap());
    }

    #[test]
    fn a_missing_place_is_named() {
        let (folder, repository) = checkout();
        fs::remove_dir_all(folder.path().join("monitor-common/src")).unwrap();
        assert!(hash(&repository).unwrap_err().to_string().contains("monitor-common/src"));
    }
}
