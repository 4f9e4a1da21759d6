//! A target with its credentials read: anew for each message, so that a new one needs no restart.

use std::path::Path;

use crate::config::{Address, Credential, CredentialError, Given, Kind, Target};

/// Where and how a target is spoken to. Nothing of it is printed.
pub struct Access {
    pub kind: Kind,
    pub address: Address,
    pub place: Option<String>,
    pub token: Option<Credential>,
    pub secret: Option<Credential>,
}

impl Access {
    /// Reads the files that a target names.
    ///
    /// # Errors
    /// The first that cannot be used, in words.
    pub fn of(target: &Target) -> Result<Self, String> {
        let file = |path: &Path| Credential::read(path).map_err(|error: CredentialError| error.to_string());
        let given = |given: &Given| match given {
            Given::Text(text) => Ok(text.clone()),
            Given::File(path) => file(path).map(|credential| credential.expose().to_owned()),
        };
        let url = given(&target.url)?;
        Ok(Self {
            kind: target.kind,
            address: Address::parse(&url, target.insecure).map_err(|error| format!("its URL is {error}"))?,
            place: target.place.as_ref().map(given).transpose()?,
            token: target.token.as_deref().map(file).transpose()?,
            secret: target.secret.as_deref().map(file).transpose()?,
        })
    }

    /// The token, or nothing.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_ref().map(Credential::expose)
    }

    /// The topic, channel, room or chat, or nothing.
    #[must_use]
    pub fn place(&self) -> &str {
        self.place.as_deref().unwrap_or_default()
    }
}
