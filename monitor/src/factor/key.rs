//! Keys that answer only to a touch: FIDO2 keys by OpenSSH's `sk-` types, and the signatures that `ssh-keygen -Y sign` gives.
//!
//! Such a signature says of itself whether a person touched the key (user presence) and showed who they are (user verification),
//! and how often the key has signed: OpenSSH's PROTOCOL.u2f. An ordinary key is not taken: an agent that reaches the person's
//! `ssh-agent` signs with it, and nobody notices.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use ssh_key::{HashAlg, PublicKey, SshSig, public::KeyData};

use super::same::Same;

/// What `ssh-keygen -Y sign -n` must be told: a signature that was made for anything else says nothing here.
pub const NAMESPACE: &str = "decision@interlock";

/// Prefix of the application that OpenSSH makes keys for. A key of a web site has another one, and signs other things.
const APPLICATION: &str = "ssh:";

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
/// Flags and counter, behind the signature itself.
const TRAILER: usize = 5;

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// Letters of a line between them.
const WIDTH: usize = 70;

/// Bytes of a line of a `.pub` file: about 200, and a comment.
pub const LINE_MOST: usize = 1024;

/// The public part of such a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(PublicKey);

/// What a signature that fits says of its making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The key made sure of who touched it, by a PIN or a finger.
    pub verified: bool,
    /// How often the key has signed; 0 where it does not count.
    pub counter: u32,
}

impl Key {
    /// A line of a `.pub` file.
    ///
    /// # Errors
    /// It is no public key, or none that asks for a touch.
    pub fn parse(line: &str) -> Result<Self, String> {
        let key = PublicKey::from_openssh(line.trim())
            .map_err(|error| format!("no OpenSSH public key: {error}"))?;
        let application = match key.key_data() {
            KeyData::SkEd25519(key) => key.application(),
            KeyData::SkEcdsaSha2NistP256(key) => key.application(),
            other => {
                return Err(format!(
                    "{} is an ordinary key: whoever reaches an ssh-agent that has it signs without a touch; make one that asks \
                     for it with `ssh-keygen -t ed25519-sk`",
                    other.algorithm()
                ));
            }
        };
        if !application.starts_with(APPLICATION) {
            return Err(format!(
                "the key is made for {application:?}; expected one of OpenSSH's own, {APPLICATION:?}"
            ));
        }
        Ok(Self(key))
    }

    /// As `ssh-keygen -l` names it: `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    #[must_use]
    pub fn algorithm(&self) -> String {
        self.0.algorithm().to_string()
    }

    #[must_use]
    pub fn comment(&self) -> &str {
        self.0.comment()
    }

    /// What two keys of the same hand have in common.
    #[must_use]
    pub fn same(&self) -> Same {
        Same::Key(match self.0.key_data() {
            KeyData::SkEd25519(key) => key.public_key().as_ref().to_vec(),
            KeyData::SkEcdsaSha2NistP256(key) => key.ec_point().as_bytes().to_vec(),
            other => other.fingerprint(HashAlg::Sha256).as_bytes().to_vec(), // none is taken
        })
    }

    /// As in its file.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_openssh().unwrap_or_default()
    }

    /// Whether this is the key of a signature.
    #[must_use]
    pub fn made(&self, signature: &Signature) -> bool {
        self.0.key_data() == signature.0.public_key()
    }

    /// Looks whether the key signed this text, for Interlock, and was touched for it.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, text: &str, signature: &Signature) -> Result<Touch, String> {
        let Signature(signed) = signature;
        if signed.namespace() != NAMESPACE {
            return Err(format!("it was signed for {:?}; expected -n {NAMESPACE}", signed.namespace()));
        }
        self.0
            .verify(NAMESPACE, text.as_bytes(), signed)
            .map_err(|_| "it is no signature of this text by this key".to_owned())?;
        // Signed with the text, so it is believed only from here on.
        let bytes = signed.signature_bytes();
        let trailer = bytes.len().checked_sub(TRAILER).and_then(|start| bytes.get(start..));
        let Some(&[flags, a, b, c, d]) = trailer else { return Err("it is cut off".to_owned()) };
        if flags & USER_PRESENT == 0 {
            return Err("nobody touched the key (it was made with no-touch-required)".to_owned());
        }
        Ok(Touch { verified: flags & USER_VERIFIED != 0, counter: u32::from_be_bytes([a, b, c, d]) })
    }
}

/// What `ssh-keygen -Y sign` writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(SshSig);

impl Signature {
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| {
            format!("no signature as `ssh-keygen -Y sign` writes it: {error}")
        };
        let inner = text.trim().strip_prefix(BEGIN).and_then(|text| text.strip_suffix(END));
        let inner = inner.ok_or_else(|| wrong(&format_args!("expected {BEGIN} … {END}")))?;
        // The crate wants lines of ssh-keygen's very width, and what carried it may have broken them anew.
        let letters: Vec<char> = inner.chars().filter(|letter| !letter.is_whitespace()).collect();
        let lines: Vec<String> = letters.chunks(WIDTH).map(|line| line.iter().collect()).collect();
        let text = format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"));
        SshSig::from_pem(text).map(Self).map_err(|error| wrong(&error))
    }

    /// Fingerprint of the key that it says it is of.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.public_key().fingerprint(HashAlg::Sha256).to_string()
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
