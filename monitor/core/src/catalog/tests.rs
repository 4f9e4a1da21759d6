use std::path::Path;

use super::{destinations::Destinations, *};

mod coverage;

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
    let secrets = "version: 1\nentries:\n  - { id: a, class: ssh, grade: Z, source: s }\n";
    let unreadable =
        CatalogProblem::unreadable(Path::new("/c/destinations.yaml"), &"is a directory", "remove it");
    let documents = Documents {
        agents: document("/c/agents.yaml", "version: 7\ninterpreters: []\nentries: []\n"),
        secrets: document("/c/secrets.yaml", secrets),
        destinations: Document::Unreadable(unreadable),
    };
    let text = Catalog::read(&documents).unwrap_err().to_string();
    let expected = [
        "/c/agents.yaml:1: version 7",
        "/c/secrets.yaml:3: entry `a`: unknown variant `Z`, expected one of `A`, `B`, `C` (field `grade`)",
        "/c/destinations.yaml: cannot be read: is a directory; remove it",
    ];
    for expected in expected {
        assert!(text.contains(expected), "{expected} not in {text}");
    }
    assert_eq!(text.lines().count(), 3, "{text}");
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
