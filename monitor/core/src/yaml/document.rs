//! From a text to its tree.

use serde_saphyr::{DuplicateKeyPolicy, Error, Location};

use super::{report::Report, tree::Node};

/// Reads the YAML. A key that is there twice is reported, and the rest is still read.
pub fn read_tree(content: &str, report: &mut Report<'_>) -> Option<Node> {
    let read = |duplicate_keys| {
        let options = serde_saphyr::options! {
            duplicate_keys: duplicate_keys,
            strict_booleans: true,
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options::<Node>(content, options)
    };
    let error = match read(DuplicateKeyPolicy::Error) {
        Ok(document) => return Some(document),
        Err(error) => error,
    };
    let at = error.location().unwrap_or(Location::UNKNOWN);
    match error.without_snippet() {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a field");
            report.add(at, key, "the field is there twice").expected("each field once");
            read(DuplicateKeyPolicy::FirstWins).ok()
        }
        Error::MultipleDocuments { .. } => {
            let problem = report.add(at, "", "found a second YAML document");
            problem
                .expected("one document a file")
                .hint("put what it holds into the first, or into a file of its own");
            None
        }
        other => {
            let text = other.to_string();
            let place = format!(" at line {}, column {}", at.line(), at.column());
            report.add(at, "", format!("this is not YAML: {}", text.strip_suffix(&place).unwrap_or(&text)));
            None
        }
    }
}
