//! A store of every kind in a home: at each hidden place that the catalogue names below `~`, a file that holds nothing real.
//! Not in plain sight (`~/my.cnf`): a search over the home reads those, and that is a search for credentials.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

const CATALOGUE: &str = include_str!("../../../rules/catalog/secrets.yaml");

#[derive(Deserialize)]
struct Catalogue {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    paths: Vec<String>,
}

/// Writes them all; what lies there already stays. Returns how many of the catalogue's entries have a file now.
///
/// # Errors
/// The catalogue cannot be read, or a file cannot be written.
pub fn fill(home: &Path) -> Result<usize> {
    let catalogue: Catalogue =
        serde_saphyr::from_str(CATALOGUE).context("rules/catalog/secrets.yaml cannot be read")?;
    let mut filled = 0;
    for entry in &catalogue.entries {
        let mut has_one = false;
        let below_home = entry.paths.iter().filter_map(|path| path.strip_prefix("~/"));
        for place in below_home.filter(|path| path.starts_with('.')).flat_map(places) {
            has_one |= put(home, &place)?;
        }
        filled += usize::from(has_one);
    }
    Ok(filled)
}

/// Whether it was written: not where another store is a file at a directory's place, or the other way round.
fn put(home: &Path, place: &str) -> Result<bool> {
    let file = home.join(place);
    let folder = file.parent().unwrap_or(home);
    if file.exists() || folder.ancestors().any(Path::is_file) {
        return Ok(false);
    }
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    fs::write(&file, login(place)).with_context(|| format!("{} cannot be written", file.display()))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).context("no permissions")?;
    Ok(true)
}

/// What a login looks like in a file of this name; a comment where programs of many kinds read the file at every start.
fn login(place: &str) -> &'static str {
    match place.rsplit('.').next() {
        Some("json") => "{ \"token\": \"not-real\" }\n",
        Some("toml" | "tfrc") => "token = \"not-real\"\n",
        Some("yaml" | "yml") => "token: not-real\n",
        Some("xml") => "<token>not-real</token>\n",
        _ => "# token: not-real\n",
    }
}

/// The files that a pattern stands for here: one for each alternative, a plain name for each wildcard.
fn places(pattern: &str) -> Vec<String> {
    let Some((before, rest)) = pattern.split_once('{') else {
        return vec![pattern.replace("**", "login").replace('*', "ann")];
    };
    let Some((alternatives, after)) = rest.split_once('}') else { return Vec::new() };
    alternatives.split(',').flat_map(|alternative| places(&format!("{before}{alternative}{after}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_nearly_every_store_of_the_catalogue() {
        let home = tempfile::tempdir().unwrap();
        let filled = fill(home.path()).unwrap();
        assert!(filled >= 250, "{filled} entries have a file");
        for place in [".aws/credentials", ".config/gh/hosts.yml", ".kube/config", ".ssh/id_ed25519"] {
            assert!(home.path().join(place).is_file(), "{place}");
        }
    }

    #[test]
    fn a_pattern_is_one_file_for_each_alternative() {
        assert_eq!(places(".a/{b,c}.{json,*}"), [".a/b.json", ".a/b.ann", ".a/c.json", ".a/c.ann"]);
        assert_eq!(places(".op/**"), [".op/login"]);
    }
}
