//! Catalogues from disk.

use std::{fs, io, path::Path};

use interlock_core::catalog::{
    Catalog, CatalogProblem, CatalogProblems, Document, Documents, agents, destinations, secrets,
};
use interlock_host::regular;

/// Largest catalogue, bytes.
const BYTES_MAX: u64 = 16 << 20;

/// The catalogues of `directory`; the built-in ones if there is none.
///
/// # Errors
/// As [`load`].
pub fn configured(directory: Option<&Path>) -> Result<Catalog, CatalogProblems> {
    directory.map_or_else(Catalog::builtin, load)
}

/// Reads the catalogues of a directory; a file that is not there is the built-in one.
///
/// # Errors
/// Everything that is wrong with any of the files, and a directory or a file that cannot be read. Nothing is used of
/// what could be read then.
pub fn load(directory: &Path) -> Result<Catalog, CatalogProblems> {
    if let Err(error) = fs::read_dir(directory) {
        let problem = CatalogProblem::unreadable(directory, &error, "name the directory of the catalogues");
        return Err(CatalogProblems(vec![problem]));
    }
    let document = |name| document(directory, name);
    Catalog::read(&Documents {
        agents: document(agents::FILE),
        secrets: document(secrets::FILE),
        destinations: document(destinations::FILE),
    })
}

fn document(directory: &Path, name: &str) -> Document {
    let path = directory.join(name);
    match regular::text(&path, BYTES_MAX) {
        Ok(text) => Document::Text { file: path.display().to_string(), text },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Document::Builtin,
        Err(error) => Document::Unreadable(CatalogProblem::unreadable(
            &path,
            &error,
            "make it a readable file, or remove it",
        )),
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
        let text = load(directory.path()).unwrap_err().to_string();
        let place = directory.path().display();
        assert!(text.contains(&format!("{place}/agents.yaml:1: version 7")), "{text}");
        assert!(text.contains(&format!("{place}/destinations.yaml: cannot be read: ")), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
        let missing = load(&directory.path().join("none")).unwrap_err().to_string();
        assert!(
            missing.contains("none: cannot be read: ") && missing.contains("name the directory"),
            "{missing}"
        );
    }
}
