//! Where a target's server is, and whether it may be spoken to in the clear.

use std::net::IpAddr;

use axum::http::Uri;

/// A URL that may be spoken to. It may hold a secret, so nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

/// Why a URL is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("no URL with a host")]
    NoUrl,
    #[error("a URL with a user name or a password")]
    Credential,
    #[error("HTTP without TLS to another machine")]
    Clear,
}

impl AddressError {
    /// What was expected instead, and how else it could be.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::NoUrl => "https://HOST/…",
            Self::Credential => "https://HOST/…; a token belongs into a file (token_file)",
            Self::Clear => {
                "https://HOST/…; without TLS whoever is on the way reads and changes the messages, so that has to be \
                 meant: insecure = true"
            }
        }
    }
}

impl Address {
    /// Checks a URL. Without TLS it must lead to this machine itself, unless that is meant.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn parse(text: &str, insecure: bool) -> Result<Self, AddressError> {
        let uri: Uri = text.trim().parse().map_err(|_| AddressError::NoUrl)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(AddressError::NoUrl);
        };
        if authority.host().is_empty() {
            return Err(AddressError::NoUrl);
        }
        if authority.as_str().contains('@') {
            return Err(AddressError::Credential);
        }
        match scheme {
            "https" => {}
            "http" if insecure || is_loopback(authority.host()) => {}
            "http" => return Err(AddressError::Clear),
            _ => return Err(AddressError::NoUrl),
        }
        Ok(Self(text.trim().trim_end_matches('/').to_owned()))
    }

    /// The whole URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its host, which says where messages go and is no secret.
    #[must_use]
    pub fn host(&self) -> String {
        let uri: Option<Uri> = self.0.parse().ok();
        uri.and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
    }

    /// Whether it is spoken to without TLS, to another machine.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.0.starts_with("http:") && !is_loopback(&self.host())
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({})", self.host())
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_leaves_the_machine_unless_it_is_meant() {
        for fine in
            ["https://hooks.example/x", "http://127.0.0.1:80/x", "http://[::1]:8080", "http://localhost/"]
        {
            assert!(Address::parse(fine, false).is_ok(), "{fine}");
        }
        let clear = "http://127.0.0.1.example/x";
        assert_eq!(Address::parse(clear, false), Err(AddressError::Clear));
        assert!(Address::parse(clear, true).unwrap().is_clear());
        assert!(!Address::parse("http://127.0.0.1/", true).unwrap().is_clear());
    }

    #[test]
    fn what_is_no_url_is_refused_and_a_password_in_one() {
        for wrong in ["", "hooks.example/x", "ftp://x/", "https://", "https:///x", "/x", "https://a b/"] {
            assert_eq!(Address::parse(wrong, true), Err(AddressError::NoUrl), "{wrong}");
        }
        assert_eq!(Address::parse("https://a:b@c/", false), Err(AddressError::Credential));
    }

    #[test]
    fn its_path_is_not_printed() {
        let address = Address::parse("https://hooks.example/services/SECRET/", false).unwrap();
        assert_eq!(format!("{address:?}"), "Address(hooks.example)");
        assert_eq!(address.as_str(), "https://hooks.example/services/SECRET");
    }
}
