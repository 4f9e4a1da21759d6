//! Checkpoints, cosignatures and proofs of a ledger.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rand_core::OsRng;
use signed_note::{Note, Signature, Signer as _, StandardSigner, generate_key, key_id};

use super::*;
use crate::ledger::tree::{Key, Keys, Proof, ProofError, Prover, Signed, SignedError, Tree};

struct Host {
    _dir: TempDir,
    key: Key,
    lines: Vec<String>,
    ledger: Ledger,
}

fn host(records: u64) -> Host {
    let (dir, path) = ledger(records);
    let key = Key::open(dir.path(), "build-7").unwrap();
    let ledger = Ledger::open(dir.path()).unwrap();
    let lines = fs::read_to_string(&path).unwrap().split_inclusive('\n').map(str::to_owned).collect();
    Host { _dir: dir, key, lines, ledger }
}

impl Host {
    fn keys(&self) -> Keys {
        Keys::read(self.key.public(), &[]).unwrap()
    }

    fn checkpoint(&self) -> Vec<u8> {
        Signed::make(self.ledger.tree().unwrap(), self.key.signer()).unwrap()
    }

    fn proof(&self, seq: u64) -> Proof {
        let size = self.lines.len() as u64;
        let mut prover = Prover::new(size, seq - 1).unwrap();
        self.lines.iter().for_each(|line| prover.push(line.as_bytes()));
        let line = self.lines[seq as usize - 1].clone().into_bytes();
        Proof { index: seq - 1, path: prover.finish().unwrap(), line, checkpoint: self.checkpoint() }
    }
}

/// A witness, and its cosignature at a time.
fn witness(checkpoint: &[u8], time: u64) -> (String, Vec<u8>) {
    let (secret, public) = generate_key(&mut OsRng, "witness.test/w1");
    let key = BASE64_STANDARD.decode(public.splitn(3, '+').nth(2).unwrap()).unwrap();
    let key = [&[4][..], &key[1..]].concat();
    let id = key_id("witness.test/w1", &key);
    let vkey = format!("witness.test/w1+{id:08x}+{}", BASE64_STANDARD.encode(&key));
    let note = Note::from_bytes(checkpoint).unwrap();
    let message = [format!("cosignature/v1\ntime {time}\n").as_bytes(), note.text()].concat();
    let signature = StandardSigner::new(&secret).unwrap().sign(&message).unwrap();
    let signature = [&time.to_be_bytes()[..], &signature].concat();
    let line = Signature::new("witness.test/w1".into(), id, signature).unwrap().to_bytes();
    (vkey, [checkpoint, &line].concat())
}

#[test]
fn a_checkpoint_says_what_the_ledger_was_and_who_signed_it() {
    let host = host(5);
    let checkpoint = host.checkpoint();
    let text = String::from_utf8(checkpoint.clone()).unwrap();
    assert!(text.starts_with("build-7/interlock/"), "{text}");
    assert_eq!(text.lines().nth(1), Some("5"));
    let signed = Signed::read(&checkpoint, &host.keys()).unwrap();
    assert_eq!((signed.size, signed.root), (5, host.ledger.tree().unwrap().root()));
}

#[test]
fn every_changed_byte_of_a_checkpoint_is_found() {
    let host = host(3);
    let checkpoint = host.checkpoint();
    let keys = host.keys();
    for at in 0..checkpoint.len() {
        for bit in 0..8 {
            let mut changed = checkpoint.clone();
            changed[at] ^= 1 << bit;
            assert!(Signed::read(&changed, &keys).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn another_hosts_key_proves_nothing() {
    let (one, two) = (host(2), host(2));
    let refused = Signed::read(&one.checkpoint(), &two.keys()).unwrap_err();
    assert!(matches!(refused, SignedError::Other { .. }), "{refused}");
}

#[test]
fn a_witness_that_is_asked_for_must_have_signed() {
    let host = host(4);
    let checkpoint = host.checkpoint();
    let (vkey, cosigned) = witness(&checkpoint, 1_767_000_000);
    let keys = Keys::read(host.key.public(), std::slice::from_ref(&vkey)).unwrap();
    let signed = Signed::read(&cosigned, &keys).unwrap();
    assert_eq!(signed.witnesses[0].0, "witness.test/w1");
    assert_eq!(signed.witnesses[0].1.unwrap().to_string(), "2025-12-29T09:20:00Z");
    assert!(
        matches!(Signed::read(&checkpoint, &keys), Err(SignedError::Unsigned(name)) if name == "witness.test/w1")
    );
    // A key that nobody asked for is passed over.
    assert!(Signed::read(&cosigned, &host.keys()).is_ok());
    // The time is signed.
    let text = String::from_utf8(cosigned).unwrap();
    let last = text.lines().last().unwrap();
    let mut bytes = BASE64_STANDARD.decode(last.rsplit_once(' ').unwrap().1).unwrap();
    bytes[11] ^= 1;
    let forged = text.replace(last.rsplit_once(' ').unwrap().1, &BASE64_STANDARD.encode(bytes));
    assert!(matches!(Signed::read(forged.as_bytes(), &keys), Err(SignedError::Forged(_))));
    assert!(
        Keys::read(&vkey, &[]).is_err()
            && Keys::read(host.key.public(), &[host.key.public().into()]).is_err()
    );
}

#[test]
fn each_record_is_proved_by_a_file_of_its_own() {
    let host = host(7);
    for seq in 1..=7 {
        let proof = host.proof(seq);
        let read = Proof::read(&proof.text()).unwrap();
        assert_eq!(read, proof);
        let (link, signed) = read.check(&host.keys()).unwrap();
        assert_eq!((link.seq, signed.size), (seq, 7));
    }
}

#[test]
fn every_changed_byte_of_a_proof_is_found() {
    let host = host(6);
    let (text, keys) = (host.proof(3).text(), host.keys());
    for (at, _) in text.char_indices() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        let holds = Proof::read(&changed).is_ok_and(|proof| proof.check(&keys).is_ok());
        assert!(!holds, "byte {at}: {changed}");
    }
}

#[test]
fn a_proof_of_another_record_place_or_size_is_refused() {
    let host = host(6);
    let keys = host.keys();
    let other = Proof { line: host.proof(4).line, ..host.proof(3) };
    assert!(matches!(other.check(&keys), Err(ProofError::NotIncluded)));
    let beyond = Proof { index: 6, ..host.proof(3) };
    assert!(matches!(beyond.check(&keys), Err(ProofError::Beyond { record: 7, size: 6 })));
    let nothing = Proof { line: Vec::new(), ..host.proof(3) };
    assert!(matches!(nothing.check(&keys), Err(ProofError::NoRecord(_))));
}

proptest::proptest! {
    #[test]
    fn any_text_as_a_proof_or_a_checkpoint_is_an_answer(text in "(?s).{0,400}", number: u64, hashes in 0usize..70) {
        let (_, public) = generate_key(&mut OsRng, "a");
        let keys = Keys::read(&public, &[]).unwrap();
        let _ = Proof::read(&text).map(|proof| proof.check(&keys).is_ok());
        let _ = Signed::read(text.as_bytes(), &keys);
        let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".repeat(hashes);
        let _ = Proof::read(&format!("c2sp.org/tlog-proof@v1\nindex {number}\n{hash}\n{text}"));
    }
}

#[test]
fn a_ledger_that_is_opened_is_compared_with_what_was_signed_of_it() {
    let (dir, path) = ledger(5);
    let key = Key::open(dir.path(), "build-7").unwrap();
    let keys = Keys::read(key.public(), &[]).unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let tree = ledger.tree().unwrap().clone();
    let signed = |tree: &Tree| Signed::read(&Signed::make(tree, key.signer()).unwrap(), &keys).unwrap();
    ledger.compare_with_signed(&signed(&tree)).unwrap();
    assert_eq!(ledger.take_doubts(), [""; 0]);

    let mut other = Tree::EMPTY;
    (0..5).for_each(|_| other.push(b"x\n"));
    ledger.tree = Some(other.clone());
    ledger.compare_with_signed(&signed(&tree)).unwrap();
    assert!(ledger.take_doubts()[0].contains("made anew"));
    assert_eq!(ledger.tree(), Some(&tree), "of the files again");
    ledger.compare_with_signed(&signed(&other)).unwrap();
    assert!(ledger.take_doubts()[0].contains("records were changed"));

    other.push(b"x\n");
    ledger.compare_with_signed(&signed(&other)).unwrap();
    assert!(ledger.take_doubts()[0].contains("6 records of the ledger were signed, and only 5"));
    assert_eq!(records(&path), 5);
}
