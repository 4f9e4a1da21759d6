//! Bundles that count, and those that must not.

use std::{fs, os::unix::fs::PermissionsExt as _};

use jiff::Timestamp;
use rand_core::OsRng;
use signed_note::{StandardSigner, generate_key};

use super::*;
use crate::policy::shipped::Shipped;

const RULE: &str = "version: 1\nrules:\n  - id: only\n    on: access\n    action: alert\n    match: { path: [\"/srv/**\"] }\n    summary: s\n";

struct Publisher {
    signer: StandardSigner,
    public: String,
}

impl Publisher {
    fn new(name: &str) -> Self {
        let (secret, public) = generate_key(&mut OsRng, name);
        Self { signer: StandardSigner::new(&secret).unwrap(), public }
    }

    fn key(&self) -> StandardVerifier {
        StandardVerifier::new(&self.public).unwrap()
    }

    fn packs(&self, serial: u64, files: &[(&str, &str)]) -> Vec<u8> {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let (name, needs) = ("defaults".to_owned(), "0.1.0".to_owned());
        let about = Manifest { name, serial, made: Timestamp::UNIX_EPOCH, needs, files: BTreeMap::default() };
        pack(about, &files, &self.signer).unwrap()
    }
}

fn why(bytes: &[u8], keys: &[StandardVerifier]) -> String {
    Bundle::read(bytes, keys).unwrap_err().to_string()
}

#[test]
fn a_bundle_is_read_by_the_key_that_signed_it_and_made_twice_alike() {
    let publisher = Publisher::new("publisher");
    let bytes = publisher.packs(17, &[(RULES, RULE), ("cases/a-b.yaml", "cases: []\n")]);
    assert_eq!(bytes, publisher.packs(17, &[("cases/a-b.yaml", "cases: []\n"), (RULES, RULE)]));
    let bundle = Bundle::read(&bytes, &[Publisher::new("other").key(), publisher.key()]).unwrap();
    assert_eq!((bundle.manifest.serial, bundle.signed_by.as_str()), (17, "publisher"));
    assert_eq!(bundle.files[RULES], RULE);
    assert_eq!(bundle.cases().len(), 1);
}

#[test]
fn what_is_not_signed_by_a_key_that_counts_is_refused() {
    let (publisher, other) = (Publisher::new("publisher"), Publisher::new("other"));
    let bytes = publisher.packs(1, &[(RULES, RULE)]);
    assert!(
        why(&bytes, &[other.key()]).contains("no key that counts here has signed it; those that do: other")
    );
    assert!(why(&bytes, &[]).contains("those that do: none"));
    // A key of the same name, and another one.
    assert!(Bundle::read(&bytes, &[Publisher::new("publisher").key()]).is_err());
    assert!(why(b"no archive", &[publisher.key()]).contains("no tar archive"));
}

/// The archive again, each file changed or dropped as `change` says.
fn repacked(bytes: &[u8], change: impl Fn(&str, String) -> Option<String>, more: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut append = |path: &str, text: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    };
    for (path, text) in unpacked(bytes).unwrap() {
        if let Some(text) = change(&path, text) {
            append(&path, &text);
        }
    }
    more.iter().for_each(|(path, text)| append(path, text));
    builder.into_inner().unwrap()
}

#[test]
fn what_was_changed_left_out_or_added_behind_the_signature_is_refused() {
    let publisher = Publisher::new("publisher");
    let keys = [publisher.key()];
    let bytes = publisher.packs(1, &[(RULES, RULE), ("cases/a.yaml", "cases: []\n")]);
    let same = |_: &str, text: String| Some(text);
    assert!(Bundle::read(&repacked(&bytes, same, &[]), &keys).is_ok());
    let cases = [
        (
            repacked(&bytes, |path, text| Some(if path == RULES { text + "#" } else { text }), &[]),
            "it was changed",
        ),
        (repacked(&bytes, |path, text| (path != RULES).then_some(text), &[]), "which is not in it"),
        (repacked(&bytes, same, &[("agents.yaml", "")]), "does not name it"),
        (repacked(&bytes, same, &[(RULES, RULE)]), "twice"),
        (repacked(&bytes, |path, text| (path != NOTE).then_some(text), &[]), "no policy.note"),
        (
            repacked(
                &bytes,
                |path, text| Some(if path == NOTE { text.replace("serial: 1", "serial: 2") } else { text }),
                &[],
            ),
            "does not fit its text",
        ),
    ];
    for (bytes, expected) in cases {
        assert!(why(&bytes, &keys).contains(expected), "{expected}: {}", why(&bytes, &keys));
    }
}

#[test]
fn a_manifest_says_which_line_is_wrong() {
    let publisher = Publisher::new("publisher");
    let bytes = publisher.packs(3, &[(RULES, RULE)]);
    let manifest = Bundle::read(&bytes, &[publisher.key()]).unwrap().manifest;
    let text = manifest.text();
    assert_eq!(Manifest::parse(&text).unwrap(), manifest);
    for (from, to, expected) in [
        ("interlock-policy/v1", "interlock-policy/v2", "policy.note:1: found"),
        ("name: defaults", "name: De faults", "policy.note:2: a name has"),
        ("serial: 3", "serial: three", "policy.note:3: a serial"),
        ("needs: 0", "needs: 9", "made for Interlock 9"),
        ("rules.yaml", "../rules.yaml", "policy.note:6: expected `file:"),
        ("rules.yaml", "cases/.yaml", "policy.note:6: expected `file:"),
        ("rules.yaml", "cases/a.yaml", "no rules.yaml and no catalogue"),
    ] {
        let said = Manifest::parse(&text.replace(from, to)).unwrap_err().to_string();
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn the_one_in_force_is_a_link_and_one_that_cannot_be_trusted_counts_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::new(dir.path());
    assert!(place.current().unwrap().is_none(), "nothing was ever installed");
    let publisher = Publisher::new("publisher");
    fs::create_dir(dir.path().join("keys")).unwrap();
    let key = dir.path().join("keys/publisher.vkey");
    fs::write(&key, format!("{}\n", publisher.public)).unwrap();
    let read = |bytes: Vec<u8>| {
        let file = dir.path().join("handed-over.tar");
        fs::write(&file, bytes).unwrap();
        place.read(&file).unwrap()
    };
    let id = |serial| Id { name: "defaults".into(), serial };
    for serial in [1, 2] {
        let checked = read(publisher.packs(serial, &[(RULES, RULE)]));
        assert!(place.keep(&checked).unwrap());
        place.switch(Some(&id(serial))).unwrap();
        assert!(!place.keep(&checked).unwrap(), "it lies there");
        assert_eq!(place.current().unwrap().unwrap().manifest.serial, serial);
    }
    assert_eq!((place.installed().unwrap(), place.in_force()), (vec![id(1), id(2)], Some(id(2))));
    assert_eq!(place.before(), Some(id(1)));
    let other = read(publisher.packs(2, &[(RULES, &format!("{RULE}#"))]));
    assert_eq!(place.keep(&other).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    // An older one under a newer one's name.
    let newer = dir.path().join("bundles/defaults-3.tar");
    fs::copy(place.file(&id(1)), &newer).unwrap();
    place.switch(Some(&id(3))).unwrap();
    assert!(place.current().unwrap_err().to_string().contains("it leads to the bundle defaults 1"));
    place.switch(Some(&id(1))).unwrap();
    let shipped = Shipped::of(&place.current().unwrap().unwrap());
    assert_eq!(shipped.rules().name, "rules.yaml (defaults 1)");
    assert_eq!(shipped.rules().text, RULE);

    fs::set_permissions(&key, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(place.current().unwrap_err().to_string().contains("may be written to by others"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    fs::copy(&key, dir.path().join("keys/again.vkey")).unwrap();
    assert!(place.current().unwrap().is_some(), "one key in two files is one");
    fs::remove_file(dir.path().join("keys/again.vkey")).unwrap();
    fs::write(&key, "no key\n").unwrap();
    assert!(place.current().unwrap_err().to_string().contains("no public key"));
    fs::remove_file(&key).unwrap();
    assert!(place.current().unwrap_err().to_string().contains("no key that counts"));
    place.switch(None).unwrap();
    assert!(place.current().unwrap().is_none());
    place.switch(None).unwrap();
    assert!(Place::new(&place.file(&id(1))).current().is_err(), "no directory is not no bundle");
}

#[test]
fn what_no_bundle_may_have_is_refused_before_it_is_read() {
    let publisher = Publisher::new("publisher");
    let bytes = publisher.packs(1, &[(RULES, RULE)]);
    let same = |_: &str, text: String| Some(text);
    let long = "x".repeat(100_000);
    for stray in ["a/b", "cases/A.yaml", long.as_str()] {
        let said = why(&repacked(&bytes, same, &[(stray, "")]), &[publisher.key()]);
        assert!(said.contains("no bundle may have it") && said.len() < 300, "{said}");
    }
}
