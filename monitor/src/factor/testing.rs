//! Factors for tests, and a security key in software: what OpenSSH's PROTOCOL.u2f says that one signs.
//!
//! Every signature that it makes is one that `ssh-keygen -Y verify` takes (`factor::key::tests`).

use ed25519_dalek::{Signer as _, SigningKey};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use ssh_key::{HashAlg, LineEnding, SshSig};

use super::{
    enrolled::{Device, Enrolled, EnrolledKey},
    key::{Key, NAMESPACE},
    secret::Secret,
};

pub const SECRET: &[u8] = b"12345678901234567890";

/// A user with one device.
pub fn with_device(user: u32) -> Enrolled {
    let device = Device {
        id: "f1".into(),
        enrolled: Timestamp::UNIX_EPOCH,
        secret: Secret::of_bytes(SECRET).unwrap(),
        last_step: 0,
        drift: 0,
    };
    Enrolled { next: 2, devices: vec![device], ..Enrolled::none_of(user) }
}

/// A user with one key.
pub fn with_key(user: u32, key: &Token, verify_required: bool) -> Enrolled {
    let public = Key::parse(&key.public()).unwrap();
    let key =
        EnrolledKey { id: "f1".into(), enrolled: Timestamp::UNIX_EPOCH, public, verify_required, counter: 0 };
    Enrolled { next: 2, keys: vec![key], ..Enrolled::none_of(user) }
}

/// A security key of the type `sk-ssh-ed25519@openssh.com`.
pub struct Token {
    pub key: SigningKey,
    pub application: &'static str,
    /// Touched, and verified.
    pub flags: u8,
    pub counter: u32,
}

impl Token {
    pub fn new(seed: u8) -> Self {
        Self { key: SigningKey::from_bytes(&[seed; 32]), application: "ssh:", flags: 1, counter: 0 }
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = field(b"sk-ssh-ed25519@openssh.com");
        blob.extend(field(self.key.verifying_key().as_bytes()));
        blob.extend(field(self.application.as_bytes()));
        blob
    }

    /// The line of its `.pub` file.
    pub fn public(&self) -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        format!("sk-ssh-ed25519@openssh.com {} test", STANDARD.encode(self.blob()))
    }

    /// What `ssh-keygen -Y sign` would write.
    pub fn signs(&self, text: &str) -> String {
        self.signs_for(NAMESPACE, text)
    }

    pub fn signs_for(&self, namespace: &str, text: &str) -> String {
        let message = SshSig::signed_data(namespace, HashAlg::Sha512, text.as_bytes()).unwrap();
        let mut trailer = vec![self.flags];
        trailer.extend(self.counter.to_be_bytes());
        let mut signed = Sha256::digest(self.application.as_bytes()).to_vec();
        signed.extend(&trailer);
        signed.extend(Sha256::digest(&message));
        let mut signature = field(b"sk-ssh-ed25519@openssh.com");
        signature.extend(field(&self.key.sign(&signed).to_bytes()));
        signature.extend(trailer);
        pem(&self.blob(), namespace, &signature)
    }
}

/// An SSHSIG: PROTOCOL.sshsig.
pub fn pem(public: &[u8], namespace: &str, signature: &[u8]) -> String {
    let mut blob = b"SSHSIG".to_vec();
    blob.extend(1_u32.to_be_bytes());
    for part in [public, namespace.as_bytes(), b"", b"sha512", signature] {
        blob.extend(field(part));
    }
    armoured(&blob)
}

pub fn armoured(blob: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = STANDARD.encode(blob);
    let lines: Vec<&str> =
        text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

/// Length and bytes, as SSH writes them.
pub fn field(bytes: &[u8]) -> Vec<u8> {
    let mut field = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    field.extend(bytes);
    field
}

#[test]
fn the_crate_reads_what_the_token_writes() {
    let token = Token::new(1);
    let signature: SshSig = token.signs("text").parse().unwrap();
    assert_eq!(signature.namespace(), NAMESPACE);
    assert!(signature.to_pem(LineEnding::LF).unwrap().starts_with("-----BEGIN SSH SIGNATURE-----"));
}
