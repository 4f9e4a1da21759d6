//! The configuration, the rules and what is wrong with them.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::part::Part;
use crate::{
    cli::language::plain,
    config::{Config, FILE, RULES, SHOWN_KEYS, is_key},
    daemon,
    policy::trust,
    text,
};
use interlock_core::{mask::MASK, problem::Problems};

/// Longest file that is taken, bytes.
const LONGEST: u64 = 256 * 1024;
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
        parts.push(own_file(&path));
    }
    parts
}

/// A file of rules or of a catalogue. Where others may write, a link may lead to anything that root can read.
fn own_file(path: &Path) -> Part {
    let name = name("rules", path);
    if let Err(problems) = trust::check_alone([path]) {
        return Part::missing(name, headlines(&problems));
    }
    match text::read(path, LONGEST) {
        Ok(text) => Part::text(name, &text),
        Err(problem) => Part::missing(name, problem.headline()),
    }
}

/// Mistakes, one a line, without the lines of the files that they quote.
fn headlines(problems: &Problems) -> String {
    problems.iter().map(|problem| problem.headline() + "\n").collect()
}

/// A file that is named itself, or what a directory has of YAML.
fn listed(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let mut files = text::visible(place).unwrap_or_default(); // that it cannot be read is in problems.txt
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files
}

/// Its path as one name: `config/etc_interlock_config.toml`.
fn name(folder: &str, path: &Path) -> String {
    let flat: Vec<_> = path.iter().filter(|part| *part != "/").map(|part| part.to_string_lossy()).collect();
    format!("{folder}/{}", plain(&flat.join("_")))
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

/// Without what lets somebody in, or is an address to write to: of targets, whatever form they have, and under every name that is no key,
/// as `[[notifiers]]` is none.
fn redacted(table: Table) -> Table {
    let shown = |(key, value): (String, Value)| {
        let value = match key.as_str() {
            "notify" => within(value),
            known if is_key(known) => value,
            _ => Value::String(MASK.to_string()),
        };
        (key, value)
    };
    table.into_iter().map(shown).collect()
}

/// What of targets may be shown.
fn within(value: Value) -> Value {
    match value {
        Value::Array(targets) => Value::Array(targets.into_iter().map(within).collect()),
        Value::Table(target) => {
            let shown = |(key, value): (String, Value)| match SHOWN_KEYS.contains(&key.as_str()) {
                true => (key, value),
                false => (key, Value::String(MASK.to_string())),
            };
            Value::Table(target.into_iter().map(shown).collect())
        }
        _ => Value::String(MASK.to_string()),
    }
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

    #[test]
    fn what_is_written_in_another_form_is_no_more_than_its_names() {
        for form in [
            "[notify]\n",
            "[[notifiers]]\n",
            "[[notify.more]]\n",
            "notify = [\"https://a.example/fake-0000\"]\n[other]\n",
            "word = \"fake-0000\"\n[x]\n",
        ] {
            let table: Table = format!("{form}url = \"https://a.example/fake-0000\"").parse().unwrap();
            let text = toml::to_string(&redacted(table)).unwrap();
            assert!(!text.contains("fake-0000"), "{form}: {text}");
        }
    }
}
