//! Public keys: that of a host, and those of witnesses.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use signed_note::{StandardVerifier, Verifier, VerifierList, key_id};

/// Kinds of keys, as C2SP's signed-note numbers them.
const ED25519: u8 = 1;
const COSIGNATURE: u8 = 4;
/// Bytes of a cosignature's time.
const TIME: usize = 8;

/// Why a text is no key that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    #[error(
        "{0:?} is no verifier key; expected NAME+ID+KEY, as `interlock ledger checkpoint --key` prints it"
    )]
    Form(String),
    #[error("the key of {0} is that of a witness; expected a host's")]
    NoHost(String),
    #[error("the key of {0} is no witness's (cosignature/v1, Ed25519)")]
    NoWitness(String),
}

/// A host's key, and those of the witnesses that must have signed as well.
#[derive(Clone)]
pub struct Keys {
    host: StandardVerifier,
    witnesses: Vec<Witness>,
}

impl Keys {
    /// Reads the keys as `NAME+ID+KEY`.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn read(host: &str, witnesses: &[String]) -> Result<Self, KeyProblem> {
        let mut witnesses: Vec<_> =
            witnesses.iter().map(|key| Witness::read(key)).collect::<Result<_, _>>()?;
        // One that is named twice signs once.
        witnesses.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        witnesses.dedup_by(|a, b| (&a.name, a.id) == (&b.name, b.id));
        let key = host.trim();
        if let Ok(host) = StandardVerifier::new(key) {
            return Ok(Self { host, witnesses });
        }
        Err(match Witness::read(key) {
            Ok(witness) => KeyProblem::NoHost(witness.name),
            Err(_) => KeyProblem::Form(key.to_owned()),
        })
    }

    /// The host's name, which its checkpoints begin with.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.name()
    }

    pub(super) fn host_id(&self) -> u32 {
        self.host.key_id()
    }

    pub(super) fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    pub(super) fn list(&self) -> VerifierList {
        let mut all: Vec<Box<dyn Verifier>> = vec![Box::new(self.host.clone())];
        for witness in &self.witnesses {
            all.push(Box::new(witness.clone()));
        }
        VerifierList::new(all)
    }
}

/// Somebody who adds to a checkpoint that it goes on with all that they saw before, at a time (tlog-cosignature).
#[derive(Clone)]
pub struct Witness {
    pub name: String,
    pub id: u32,
    /// The same public key as one that signs plain notes: it verifies the bytes.
    key: StandardVerifier,
}

impl Witness {
    fn read(text: &str) -> Result<Self, KeyProblem> {
        let form = || KeyProblem::Form(text.to_owned());
        let (name, rest) = text.trim().split_once('+').ok_or_else(form)?;
        let (id, key) = rest.split_once('+').ok_or_else(form)?;
        let id = u32::from_str_radix(id, 16).map_err(|_| form())?;
        let key = BASE64_STANDARD.decode(key).map_err(|_| form())?;
        if id != key_id(name, &key) {
            return Err(form());
        }
        let Some((&COSIGNATURE, public)) = key.split_first() else {
            return Err(KeyProblem::NoWitness(name.to_owned()));
        };
        let plain = [&[ED25519], public].concat();
        let plain_id = key_id(name, &plain);
        let plain = format!("{name}+{plain_id:08x}+{}", BASE64_STANDARD.encode(plain));
        let key = StandardVerifier::new(&plain).map_err(|_| form())?;
        Ok(Self { name: name.to_owned(), id, key })
    }
}

impl Verifier for Witness {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Some(time) = cosigned_at(signature) else { return false };
        let head = format!("cosignature/v1\ntime {time}\n");
        let rest = signature.get(TIME..).unwrap_or_default();
        self.key.verify(&[head.as_bytes(), text].concat(), rest)
    }
}

/// When a witness says to have signed, seconds since 1970.
pub fn cosigned_at(signature: &[u8]) -> Option<u64> {
    let time: [u8; TIME] = signature.get(..TIME)?.try_into().ok()?;
    Some(u64::from_be_bytes(time)).filter(|time| i64::try_from(*time).is_ok())
}
