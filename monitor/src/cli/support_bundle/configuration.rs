//! The configuration, the rules and what is wrong with them.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::part::Part;
use crate::{
    config::{Config, FILE, RULES},
    daemon, text,
};
use interlock_core::{mask::MASK, problem::Problems};

/// Longest file that is taken, bytes.
const LONGEST: u64 = 256 * 1024;
/// Keys of `[[notify]]` whose values let nobody in and address nobody.
const HARMLESS: [&str; 16] = [
    "name",
    "kind",
    "events",
    "severity",
    "users",
    "rules",
    "quiet",
    "quiet_except",
    "escalate_after",
    "to",
    "insecure",
    "url_file",
    "topic_file",
    "token_file",
    "secret_file",
    "ca_file",
];

/// `file` is the one that was named, if one was; `problems` what kept it from being read.
pub fn parts(config: &Config, file: Option<&Path>, problems: Option<&Problems>) -> Vec<Part> {
    let found = problems.map_or_else(
        || daemon::verify(config).err().map(|problems| headlines(&problems)).unwrap_or_default(),
        headlines,
    );
    let mut parts = vec![Part::text("problems.txt", &found)];
    // Where it cannot be read as a whole, the file that was named is looked at all the same.
    let named = || vec![file.unwrap_or(Path::new(FILE)).to_owned()];
    let files = if problems.is_some() { named() } else { config.files.clone() };
    parts.extend(files.iter().map(|path| configuration(path)));
    let rules = config.rules.clone().unwrap_or_else(|| RULES.into());
    for path in listed(&rules).into_iter().chain(config.catalog.iter().flat_map(|dir| listed(dir))) {
        let name = name("rules", &path);
        parts.push(match text::read(&path, LONGEST) {
            Ok(text) => Part::text(name, &text),
            Err(problem) => Part::missing(name, problem.headline()),
        });
    }
    parts
}

/// Mistakes, one a line, without the lines of the files that they quote.
fn headlines(problems: &Problems) -> String {
    problems.iter().map(|problem| problem.headline() + "\n").collect()
}

fn listed(directory: &Path) -> Vec<PathBuf> {
    text::visible(directory).unwrap_or_default() // said by files.txt
}

/// Its path as one name: `config/etc_interlock_config.toml`.
fn name(folder: &str, path: &Path) -> String {
    let flat: Vec<_> = path.iter().skip(1).map(|part| part.to_string_lossy()).collect();
    format!("{folder}/{}", flat.join("_"))
}

fn configuration(path: &Path) -> Part {
    let name = name("config", path);
    let text = match text::read(path, LONGEST) {
        Ok(text) => text,
        Err(problem) => return Part::missing(name, problem.headline()),
    };
    // What is no TOML is not shown: nobody can say which of its words is a credential. problems.txt has its line.
    match text.parse::<Table>() {
        Ok(table) => match toml::to_string_pretty(&redacted(table)) {
            Ok(text) => Part::text(name, &text),
            Err(error) => Part::missing(name, error),
        },
        Err(error) => Part::missing(name, format!("no TOML: {}", error.message())),
    }
}

/// Without what lets somebody in, or is an address to write to.
fn redacted(mut table: Table) -> Table {
    if let Some(Value::Array(targets)) = table.get_mut("notify") {
        for target in targets.iter_mut().filter_map(Value::as_table_mut) {
            for (_, value) in target.iter_mut().filter(|(key, _)| !HARMLESS.contains(&key.as_str())) {
                *value = Value::String(MASK.to_string());
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_keeps_its_name_and_loses_its_addresses() {
        let table: Table = "mode = \"observe\"\n[[notify]]\nname = \"team\"\nkind = \"slack\"\nurl = \"https://a.example/hook/fake-0000\"\nchannel = \"#a\"\ntoken_file = \"/etc/t\"\nunknown = 4"
            .parse()
            .unwrap();
        let text = toml::to_string(&redacted(table)).unwrap();
        assert!(!text.contains("fake-0000") && !text.contains("#a") && !text.contains('4'), "{text}");
        for kept in ["observe", "team", "slack", "/etc/t"] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
    }
}
