//! Signatures of a security key in software, compared with what the real `ssh-keygen` takes.

use std::{
    fs,
    process::{Command, Stdio},
};

use p256::ecdsa::{Signature as EcdsaSignature, SigningKey as EcdsaKey, signature::Signer as _};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::factor::testing::{Token, armoured, field, pem};

/// What `ssh-keygen -Y verify` says of a signature; `None` where there is none on this machine.
fn openssh_takes(public: &str, text: &str, signature: &str) -> Option<bool> {
    let dir = tempfile::tempdir().unwrap();
    let (signers, file) = (dir.path().join("signers"), dir.path().join("text.sig"));
    fs::write(&signers, format!("ann {public}\n")).unwrap();
    fs::write(&file, signature).unwrap();
    fs::write(dir.path().join("text"), text).unwrap();
    let verified = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-I", "ann", "-n", NAMESPACE, "-f"])
        .arg(&signers)
        .arg("-s")
        .arg(&file)
        .stdin(fs::File::open(dir.path().join("text")).unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match verified {
        Ok(status) => Some(status.success()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: there is no ssh-keygen here (openssh-client)");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn agree(public: &str, text: &str, signature: &str) {
    let ours = Key::parse(public).unwrap().verify(text, &Signature::parse(signature).unwrap()).is_ok();
    if let Some(openssh) = openssh_takes(public, text, signature) {
        assert_eq!(ours, openssh, "{text:?} {signature}");
    }
}

/// The other type, `sk-ecdsa-sha2-nistp256@openssh.com`.
fn ecdsa(text: &str, counter: u32) -> (String, String) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    const TYPE: &[u8] = b"sk-ecdsa-sha2-nistp256@openssh.com";
    let key = EcdsaKey::from_bytes(&[7; 32].into()).unwrap();
    let point = key.verifying_key().to_encoded_point(false);
    let public: Vec<u8> =
        [TYPE, b"nistp256", point.as_bytes(), b"ssh:"].iter().flat_map(|part| field(part)).collect();
    let message = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, text.as_bytes()).unwrap();
    let trailer = [[1].as_slice(), &counter.to_be_bytes()].concat();
    let signed = [&Sha256::digest(b"ssh:")[..], &trailer, &Sha256::digest(&message)[..]].concat();
    let made: EcdsaSignature = key.sign(&signed);
    let (r, s) = made.split_bytes();
    let number = |bytes: &[u8]| {
        let mut bytes: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
            bytes.insert(0, 0);
        }
        field(&bytes)
    };
    let numbers = [number(&r), number(&s)].concat();
    let signature = [field(TYPE), field(&numbers), trailer].concat();
    let line = format!("sk-ecdsa-sha2-nistp256@openssh.com {} test", STANDARD.encode(&public));
    (line, pem(&public, NAMESPACE, &signature))
}

#[test]
fn a_touched_keys_signature_counts_and_says_how_it_was_made() {
    let token = Token { flags: 1 | 4, counter: 77, ..Token::new(1) };
    let key = Key::parse(&token.public()).unwrap();
    let signature = Signature::parse(&token.signs("text")).unwrap();
    assert!(key.made(&signature));
    assert_eq!(key.verify("text", &signature), Ok(Touch { verified: true, counter: 77 }));
    assert!(key.fingerprint().starts_with("SHA256:"));
    agree(&token.public(), "text", &token.signs("text"));
    agree(&token.public(), "another text", &token.signs("text"));
}

#[test]
fn a_signature_whose_lines_were_broken_anew_is_the_same() {
    let signed = Token::new(1).signs("text");
    let inner: String = signed.lines().filter(|line| !line.starts_with('-')).collect();
    let chunks: Vec<String> =
        inner.as_bytes().chunks(50).map(|line| String::from_utf8(line.to_vec()).unwrap() + "\r\n").collect();
    let wrapped =
        format!("\n-----BEGIN SSH SIGNATURE-----\r\n{}-----END SSH SIGNATURE-----\r\n\n", chunks.concat());
    assert_eq!(Signature::parse(&wrapped), Signature::parse(&signed));
    assert!(Signature::parse(&wrapped).is_ok());
}

#[test]
fn the_other_type_of_key_counts_as_well() {
    let (public, signature) = ecdsa("text", 9);
    let key = Key::parse(&public).unwrap();
    let parsed = Signature::parse(&signature).unwrap();
    assert_eq!(key.verify("text", &parsed), Ok(Touch { verified: false, counter: 9 }));
    assert!(key.verify("texT", &parsed).is_err());
    agree(&public, "text", &signature);
    agree(&public, "texT", &signature);
}

#[test]
fn what_the_key_did_not_sign_does_not_count() {
    let token = Token::new(1);
    let key = Key::parse(&token.public()).unwrap();
    let verify = |text: &str, signature: &str| key.verify(text, &Signature::parse(signature).unwrap());
    assert!(verify("other", &token.signs("text")).is_err());
    assert!(verify("text", &Token::new(2).signs("text")).is_err(), "another key");
    assert!(verify("text", &Token { application: "ssh:other", ..Token::new(1) }.signs("text")).is_err());
    let untouched = Token { flags: 0, ..Token::new(1) }.signs("text");
    assert!(verify("text", &untouched).is_err_and(|text| text.contains("nobody touched")));
    let elsewhere = token.signs_for("git", "text");
    assert!(verify("text", &elsewhere).is_err_and(|text| text.contains("\"git\"")));
    assert!(Signature::parse("-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----").is_err());
    assert!(Signature::parse("").is_err());
}

/// Flags and counter stand behind the signature, and are signed: who changes them breaks it.
#[test]
fn flags_and_counter_cannot_be_changed_afterwards() {
    let honest = Token { flags: 0, counter: 5, ..Token::new(1) };
    let touched = Token { flags: 1, counter: 6, ..Token::new(1) };
    let decode = |text: &str| {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let inner: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(inner).unwrap()
    };
    let (mut forged, other) = (decode(&honest.signs("text")), decode(&touched.signs("text")));
    let end = forged.len() - TRAILER;
    forged[end..].copy_from_slice(&other[end..]);
    let signature = Signature::parse(&armoured(&forged)).unwrap();
    let key = Key::parse(&honest.public()).unwrap();
    assert!(key.verify("text", &signature).is_err_and(|text| text.contains("no signature of this text")));
}

#[test]
fn ordinary_keys_and_keys_of_web_sites_are_refused_in_words() {
    let ordinary = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrb7tVDjRqEDsKA1XKmgMLHkfZA80fTLwtn58jl+E0l test";
    assert!(Key::parse(ordinary).is_err_and(|text| text.contains("without a touch")));
    let site = Token { application: "https://example", ..Token::new(1) };
    assert!(Key::parse(&site.public()).is_err_and(|text| text.contains("https://example")));
    assert!(Key::parse("ssh-ed25519").is_err());
}
