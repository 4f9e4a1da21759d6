//! What the committed object was built from: a file that `sha256sum --check` understands as well.

use std::{fmt, str::FromStr};

use anyhow::{Context, Error, Result, ensure};
use sha2::{Digest, Sha256};

const SOURCES: &str = "# sources ";
const OBJECT: &str = "  interlock.bpf.o";

/// SHA-256 of the sources and of the object, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub sources: String,
    pub object: String,
}

impl Record {
    pub fn new(sources: &str, object: &[u8]) -> Self {
        Self { sources: sources.to_owned(), object: format!("{:x}", Sha256::digest(object)) }
    }

    /// What is not as recorded, in words.
    pub fn differences(&self, now: &Self) -> Vec<&'static str> {
        let mut differences = Vec::new();
        if self.sources != now.sources {
            differences.push(
                "the kernel programs' sources (or their build recipe) changed since the object was built",
            );
        }
        if self.object != now.object {
            differences.push("interlock.bpf.o is not the object that was recorded");
        }
        differences
    }
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "# Written by `cargo xtask ebpf`, compared by `cargo xtask ebpf --check`.")?;
        writeln!(formatter, "{SOURCES}{}", self.sources)?;
        writeln!(formatter, "{}{OBJECT}", self.object)
    }
}

impl FromStr for Record {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let sources = text.lines().find_map(|line| line.strip_prefix(SOURCES));
        let object = text.lines().find_map(|line| line.strip_suffix(OBJECT));
        let sources = sources.with_context(|| format!("there is no line that begins with `{SOURCES}`"))?;
        let object = object.with_context(|| format!("there is no line that ends with `{OBJECT}`"))?;
        for hash in [sources, object] {
            let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            ensure!(is_hash, "`{hash}` is no SHA-256 (64 hexadecimal digits)");
        }
        Ok(Self { sources: sources.to_owned(), object: object.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record::new(&"a".repeat(64), b"object")
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(record().to_string().parse::<Record>().unwrap(), record());
    }

    #[test]
    fn every_difference_is_reported() {
        let other = Record::new(&"b".repeat(64), b"another");
        assert_eq!(record().differences(&record()), Vec::<&str>::new());
        assert_eq!(record().differences(&other).len(), 2);
    }

    #[test]
    fn a_damaged_record_is_refused() {
        assert!("".parse::<Record>().is_err());
        assert!(record().to_string().replace("aaaa", "zzzz").parse::<Record>().is_err());
        assert!(record().to_string().replace("# sources", "# source").parse::<Record>().is_err());
    }
}
