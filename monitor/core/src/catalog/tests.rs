use std::path::Path;

use super::{destinations::Destinations, *};
use crate::problem::Problem;

mod coverage;
mod mistakes;

const SECRETS: &str = include_str!("../../../../rules/catalog/secrets.yaml");
const AGENTS: &str = include_str!("../../../../rules/catalog/agents.yaml");
const DESTINATIONS: &str = include_str!("../../../../rules/catalog/destinations.yaml");

fn document(file: &str, text: &str) -> Document {
    Document::Text { file: file.to_owned(), text: text.to_owned() }
}

fn builtin() -> Catalog {
    Catalog::builtin().unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn documents_replace_what_is_built_in_and_changes_are_named() {
    let old = builtin();
    assert_eq!(old.changes(&builtin()), []);

    let text = SECRETS
        .replace(
            "  - id: railway-cli\n    class: paas\n    pack: railway\n    grade: A",
            "  - id: railway-cli\n    class: paas\n    grade: B",
        )
        .replace("  - id: netlify\n", "  - id: netlify-two\n");
    let new = Catalog::read(&Documents {
        agents: document("agents.yaml", &format!("# ours\n{AGENTS}")),
        secrets: document("secrets.yaml", &text),
        destinations: Document::Builtin,
        ..Documents::default()
    });
    let new = new.unwrap();
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
    let secrets = "version: 1\nentries:\n  - { id: a, class: ssh, grade: Z, paths: [~/x], source: s }\n";
    let mut unreadable = Problem::unreadable(Path::new("/c/destinations.yaml"), "is a directory");
    unreadable.hint("remove it");
    let documents = Documents {
        agents: document("/c/agents.yaml", "version: 7\ninterpreters: []\nentries: []\n"),
        secrets: document("/c/secrets.yaml", secrets),
        destinations: Document::Unreadable(unreadable),
        ..Documents::default()
    };
    insta::assert_snapshot!(Catalog::read(&documents).unwrap_err(), @r#"
    /c/agents.yaml:1:10: version: found 7; expected 1
        version: 7
                 ^
    /c/secrets.yaml:3:33: entries[0].grade: found "Z"; expected A, B, C
          - { id: a, class: ssh, grade: Z, paths: [~/x], source: s }
                                        ^
    /c/destinations.yaml: cannot be read: is a directory; remove it
    "#);
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
        assert!(problems.iter().all(|problem| problem.field.contains("unverified")), "{bad}: {problems:?}");
    }
}
