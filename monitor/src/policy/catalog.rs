//! Catalogues from disk.

use std::{fs, path::Path};

use crate::text;
use interlock_core::{
    catalog::{Catalog, Document, Documents, agents, destinations, secrets, workspaces},
    problem::Problems,
};

/// Largest catalogue, bytes.
const BYTES_MAX: u64 = 16 << 20;

/// The catalogues of `directory`; the built-in ones if there is none.
///
/// # Errors
/// As [`load`].
pub fn configured(directory: Option<&Path>) -> Result<Catalog, Problems> {
    directory.map_or_else(Catalog::builtin, load)
}

/// Reads the catalogues of a directory; a file that is not there is the built-in one.
///
/// # Errors
/// Everything that is wrong with any of the files, and a directory or a file that cannot be read. Nothing is used of
/// what could be read then.
pub fn load(directory: &Path) -> Result<Catalog, Problems> {
    if let Err(error) = fs::read_dir(directory) {
        let mut problem = text::unreadable(directory, &error);
        problem.expected("the directory of the catalogues");
        return Err(problem.into());
    }
    let document = |name| document(directory, name);
    Catalog::read(&Documents {
        agents: document(agents::FILE),
        secrets: document(secrets::FILE),
        destinations: document(destinations::FILE),
        workspaces: document(workspaces::FILE),
    })
}

fn document(directory: &Path, name: &str) -> Document {
    let path = directory.join(name);
    // A link that leads nowhere is there, and cannot be read.
    if !path.is_symlink() && !path.exists() {
        return Document::Builtin;
    }
    match text::read(&path, BYTES_MAX) {
        Ok(text) => Document::Text { file: path.display().to_string(), text },
        Err(mut problem) => {
            if problem.hint.is_none() {
                problem.hint("without the file the built-in one is used");
            }
            Document::Unreadable(*problem)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_the_built_in_one() {
        let directory = tempfile::tempdir().unwrap();
        let builtin = Catalog::builtin().unwrap();
        assert_eq!(load(directory.path()).unwrap().sha256(), builtin.sha256());
        fs::write(directory.path().join(agents::FILE), "version: 1\ninterpreters: []\nentries: []\n")
            .unwrap();
        let changes = builtin.changes(&load(directory.path()).unwrap());
        assert!(
            !changes.is_empty() && changes.iter().all(|change| change.to_string().contains("agents.yaml"))
        );
    }

    #[test]
    fn what_cannot_be_read_is_reported_with_what_is_wrong_in_the_other_files() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(agents::FILE), "version: 7\ninterpreters: []\nentries: []\n")
            .unwrap();
        fs::create_dir(directory.path().join(destinations::FILE)).unwrap();
        fs::write(directory.path().join(secrets::FILE), b"version: 1\n# \xff\nentries: []\n").unwrap();
        let text = load(directory.path()).unwrap_err().to_string();
        insta::assert_snapshot!(text.replace(&directory.path().display().to_string(), "PLACE"), @"
        PLACE/agents.yaml:1:10: version: found 7; expected 1
            version: 7
                     ^
        PLACE/secrets.yaml:2:3: found bytes that are not UTF-8; expected UTF-8 text; save the file as UTF-8
            # \u{fffd}
              ^
        PLACE/destinations.yaml: this is no regular file; expected a file, not a directory; without the file the built-in one is used
        ");
        let missing = load(&directory.path().join("none")).unwrap_err().to_string();
        assert!(
            missing.contains("none: cannot be read: ")
                && missing.contains("expected the directory of the catalogues"),
            "{missing}"
        );
    }
}
