//! Patterns of a rule: hosts and globs.

use std::{borrow::Cow, fmt, net::IpAddr};

use globset::{GlobBuilder, GlobMatcher};
use serde::{Serialize, Serializer};

/// A host as rules name it: lower case, without the final dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// `api.example.com`
    Exact(String),
    /// `*.example.com`: every name below `example.com`, but not that name itself.
    Below(String),
    /// `10.0.0.1`: that address, whatever its name is.
    Address(IpAddr),
}

impl HostPattern {
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let host = normal(text);
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        let (name, below) = match host.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (&*host, false),
        };
        if name.contains('*') {
            return Err("a star stands only for whole labels at the front");
        }
        if name.contains('/') || name.contains(char::is_whitespace) {
            return Err("that is no host name");
        }
        if name.is_empty() || name.split('.').any(str::is_empty) {
            return Err("a label is empty");
        }
        if name.contains(':') {
            return Err("a port has its own field");
        }
        Ok(if below { Self::Below(name.to_owned()) } else { Self::Exact(name.to_owned()) })
    }

    /// Whether an endpoint matches: its name in the form that `normal` gives, if it has one, and its address.
    #[must_use]
    pub fn matches(&self, name: Option<&str>, address: IpAddr) -> bool {
        match self {
            Self::Exact(host) => name == Some(host),
            Self::Below(parent) => {
                name.and_then(|name| name.strip_suffix(&**parent)).is_some_and(|rest| rest.ends_with('.'))
            }
            Self::Address(own) => *own == address.to_canonical(),
        }
    }
}

/// A host name in the one spelling that is compared: lower case, without the final dot.
#[must_use]
pub fn normal(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Below(parent) => write!(f, "*.{parent}"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl Serialize for HostPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A glob over text: `*`, `?`, `[…]`, `{a,b}`.
#[derive(Clone, Debug)]
pub struct Glob {
    matcher: GlobMatcher,
    text: String,
}

impl Glob {
    /// A glob over paths: `*` stops at `/`, `**` does not.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn path(text: &str) -> Result<Self, String> {
        Self::build(text, true)
    }

    /// A glob over any text: `*` goes over `/` too.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn text(text: &str) -> Result<Self, String> {
        Self::build(text, false)
    }

    fn build(text: &str, separator: bool) -> Result<Self, String> {
        let glob = GlobBuilder::new(text).literal_separator(separator).build();
        let glob = glob.map_err(|error| error.kind().to_string())?;
        Ok(Self { matcher: glob.compile_matcher(), text: text.to_owned() })
    }

    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.matcher.is_match(text)
    }

    /// For sets of globs.
    pub(super) fn glob(&self) -> &globset::Glob {
        self.matcher.glob()
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text that alone matches, where the glob has no special character.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        (!self.text.contains(['*', '?', '[', ']', '{', '}', '\\'])).then_some(&*self.text)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Glob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_means_below_and_never_the_name_itself() {
        let pattern = HostPattern::parse("*.Railway.app.").unwrap();
        assert_eq!(pattern, HostPattern::Below("railway.app".into()));
        let address = "66.33.22.1".parse().unwrap();
        assert!(pattern.matches(Some("backboard.railway.app"), address));
        assert!(pattern.matches(Some("a.b.railway.app"), address));
        assert!(!pattern.matches(Some("railway.app"), address));
        assert!(!pattern.matches(Some("evilrailway.app"), address));
        assert!(!pattern.matches(None, address));
    }

    #[test]
    fn an_address_matches_in_every_spelling_and_with_a_name_too() {
        let pattern = HostPattern::parse("10.0.0.1").unwrap();
        assert!(pattern.matches(None, "10.0.0.1".parse().unwrap()));
        assert!(pattern.matches(Some("db.internal"), "::ffff:10.0.0.1".parse().unwrap()));
        assert!(!pattern.matches(Some("10.0.0.1"), "10.0.0.2".parse().unwrap()));
    }

    #[test]
    fn hosts_that_cannot_match_are_refused() {
        for text in ["", "*", "*.", "a.*.b", "a..b", "https://a.b", "a.b:443", "a b"] {
            assert!(HostPattern::parse(text).is_err(), "{text:?}");
        }
        assert!(HostPattern::parse("::1").is_ok());
    }

    #[test]
    fn globs_over_paths_stop_at_a_slash() {
        assert!(Glob::path("/usr/bin/*").unwrap().matches("/usr/bin/curl"));
        assert!(!Glob::path("/usr/*").unwrap().matches("/usr/bin/curl"));
        assert!(Glob::text("*DELETE*").unwrap().matches("-X DELETE https://a/b"));
        assert!(Glob::path("a[").is_err());
    }

    #[test]
    fn only_plain_text_is_literal() {
        assert_eq!(Glob::path("curl").unwrap().literal(), Some("curl"));
        assert_eq!(Glob::path("c?rl").unwrap().literal(), None);
    }
}
