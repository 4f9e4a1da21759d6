//! Names of files that look like secrets and are none.

use std::collections::HashSet;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::catalog::reader::Reader;

/// Names for one reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Harmless {
    names: Vec<String>,
    source: String,
}

pub fn read(reader: &mut Reader, groups: &[Spanned<Harmless>]) -> HashSet<String> {
    let mut names = HashSet::new();
    for group in groups {
        let line = group.referenced.line();
        if group.value.source.trim().is_empty() {
            reader.problem(line, "harmless names without a source; say where the fact is from");
        }
        for name in &group.value.names {
            if name.contains(['/', '*', '?', '[', '{']) {
                reader.problem(
                    line,
                    format!("harmless name `{name}`: expected a plain file name, not a pattern"),
                );
            }
            names.insert(name.clone());
        }
    }
    names
}
