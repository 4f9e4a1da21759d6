//! Namespaces by name and pattern.

/// What [`Namespaces::read`] takes, in words.
pub const NAMESPACE: &str = "a namespace, or a pattern of some, as \"dev-*\"";

/// Patterns of namespaces' names, in which `*` stands for any letters. Without any, every namespace is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces(Vec<String>);

impl Namespaces {
    /// `None`: no namespace can have that name.
    #[must_use]
    pub fn read(pattern: &str) -> Option<String> {
        let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-*".contains(&byte);
        let fits = (1..=63).contains(&pattern.len()) && pattern.bytes().all(is_fit);
        fits.then(|| pattern.to_owned())
    }

    /// Of patterns that [`Self::read`] took.
    #[must_use]
    pub fn new(patterns: Vec<String>) -> Self {
        Self(patterns)
    }

    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.0
    }

    #[must_use]
    pub fn has(&self, namespace: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| is_like(pattern, namespace))
    }
}

fn is_like(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        let Some(at) = name.find(part) else { return false };
        name = name.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_letters() {
        for (pattern, name, expected) in [
            ("dev", "dev", true),
            ("dev", "dev-a", false),
            ("dev-*", "dev-a", true),
            ("dev-*", "dev-", true),
            ("dev-*", "adev-a", false),
            ("*", "anything", true),
            ("*-che", "ann-che", true),
            ("*-che", "ann-che-x", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(is_like(pattern, name), expected, "{pattern} and {name}");
        }
    }

    #[test]
    fn without_a_pattern_every_namespace_is_meant() {
        assert!(Namespaces::default().has("any"));
        assert!(!Namespaces::new(vec!["dev".into()]).has("any"));
        assert_eq!(Namespaces::read("dev-*").as_deref(), Some("dev-*"));
        for wrong in ["", "Dev", "a.b", "a/b", &"a".repeat(64)] {
            assert_eq!(Namespaces::read(wrong), None, "{wrong}");
        }
    }
}
