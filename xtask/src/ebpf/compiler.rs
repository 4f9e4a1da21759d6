//! The compiler of the kernel programs: rustc, with words that do not depend on the folder.
//!
//! cargo derives `-C metadata` from absolute paths (of `monitor-common`, which lies outside the kernel crate's
//! workspace, and of the standard library's sources). rustc mixes it into names, and names into the order of what it
//! emits. A crate's name and version identify it just as well here, and are the same on every machine.

use std::{env, process::ExitCode};

use anyhow::Result;

use crate::compiler::StandIn;

/// Little-endian BPF.
pub const TARGET: &str = "bpfel-unknown-none";

pub const STAND_IN: StandIn = StandIn("INTERLOCK_XTASK_AS_RUSTC");

/// Becomes the rustc that cargo named, with arguments that do not depend on the folder.
///
/// # Errors
/// rustc cannot be started.
pub fn run() -> Result<ExitCode> {
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    STAND_IN.run(|words| portable(words, &version))
}

/// Replaces the metadata of what is compiled for the kernel; the host's build scripts and macros keep theirs.
fn portable(mut words: Vec<String>, version: &str) -> Vec<String> {
    if value_of(&words, "--target") != Some(TARGET) {
        return words;
    }
    let Some(name) = value_of(&words, "--crate-name").map(str::to_owned) else {
        return words;
    };
    for word in words.iter_mut().filter(|word| word.starts_with("metadata=")) {
        *word = format!("metadata={name}-{version}");
    }
    words
}

fn value_of<'a>(words: &'a [String], option: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word == option)?;
    words.get(at + 1).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_kernel_crate_is_identified_by_name_and_version() {
        let given = words(
            "--crate-name core src/lib.rs -C metadata=123 -C extra-filename=-9 --target bpfel-unknown-none",
        );
        let expected = words(
            "--crate-name core src/lib.rs -C metadata=core-1.2 -C extra-filename=-9 --target bpfel-unknown-none",
        );
        assert_eq!(portable(given, "1.2"), expected);
    }

    #[test]
    fn a_host_crate_is_left_alone() {
        let given = words("--crate-name syn src/lib.rs -C metadata=123");
        assert_eq!(portable(given.clone(), "2.0"), given);
    }
}
