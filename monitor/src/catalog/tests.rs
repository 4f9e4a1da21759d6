use std::fs;

use super::*;

mod coverage;

const SECRETS: &str = include_str!("../../../rules/catalog/secrets.yaml");
const AGENTS: &str = include_str!("../../../rules/catalog/agents.yaml");
const DESTINATIONS: &str = include_str!("../../../rules/catalog/destinations.yaml");

fn builtin() -> Catalog {
    Catalog::builtin().unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn a_directory_replaces_what_it_holds_and_changes_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let old = Catalog::load(directory.path()).unwrap();
    assert_eq!(builtin().changes(&old), [], "an empty directory is the built-in catalogue");
    assert_eq!(old.sha256(), builtin().sha256());

    let text = SECRETS
        .replace(
            "  - id: railway-cli\n    class: paas\n    pack: railway\n    grade: A",
            "  - id: railway-cli\n    class: paas\n    grade: B",
        )
        .replace("  - id: netlify\n", "  - id: netlify-two\n");
    fs::write(directory.path().join("secrets.yaml"), &text).unwrap();
    fs::write(directory.path().join("agents.yaml"), format!("# ours\n{AGENTS}")).unwrap();
    let new = Catalog::load(directory.path()).unwrap();
    let lines: Vec<String> = old.changes(&new).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "agents.yaml: settings, order or comments changed",
            "secrets.yaml: `netlify` removed",
            "secrets.yaml: `railway-cli` changed",
            "secrets.yaml: `netlify-two` added",
        ]
    );
    assert_ne!(old.sha256(), new.sha256());
    assert_eq!(
        new.secrets.judge("/root/.railway/config.json", None, u32::MAX).unwrap().grade,
        crate::facts::Grade::B
    );
}

#[test]
fn the_problems_of_all_files_are_reported_together_with_their_path() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("secrets.yaml"),
        "version: 1\nentries:\n  - { id: a, class: ssh, grade: Z, source: s }\n",
    )
    .unwrap();
    fs::write(directory.path().join("agents.yaml"), "version: 7\ninterpreters: []\nentries: []\n").unwrap();
    fs::create_dir(directory.path().join("destinations.yaml")).unwrap();
    let text = Catalog::load(directory.path()).unwrap_err().to_string();
    let place = directory.path().display();
    for expected in [
        format!("{place}/agents.yaml:1: version 7"),
        format!(
            "{place}/secrets.yaml:3: entry `a`: unknown variant `Z`, expected one of `A`, `B`, `C` (field `grade`)"
        ),
        format!("{place}/destinations.yaml: cannot be read: "),
    ] {
        assert!(text.contains(&expected), "{expected} not in {text}");
    }
    assert_eq!(text.lines().count(), 3, "{text}");
    let missing = Catalog::load(&directory.path().join("none")).unwrap_err().to_string();
    assert!(
        missing.contains("none: cannot be read: ") && missing.contains("name the directory"),
        "{missing}"
    );
}

#[test]
fn doubts_are_about_values_that_the_entry_has() {
    let text = |doubt: &str| {
        format!(
            "version: 1\nentries:\n  - {{ id: a, class: infra, source: s, hosts: [a.example], unverified: {doubt} }}\n"
        )
    };
    for good in ["true", "[a.example]"] {
        assert!(Destinations::parse(&text(good)).is_ok(), "{good}");
    }
    for bad in ["false", "yes please", "[]", "[b.example]", "3"] {
        let problems = Destinations::parse(&text(bad)).unwrap_err();
        assert!(problems.iter().all(|problem| problem.what.contains("unverified")), "{bad}: {problems:?}");
    }
}
