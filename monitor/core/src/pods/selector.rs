//! Label selectors, in the syntax of the Kubernetes API (`kubectl get -l`).

use std::{collections::BTreeMap, fmt, str::FromStr};

/// What [`Selector`] takes, in words.
pub const SELECTOR: &str = "a label selector, as \"app=web,tier in (a, b),!legacy\"";

/// What the labels of a pod must meet: every requirement. Without any, all pods do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    /// Also met where the label is absent, as in the API.
    NotIn(String, Vec<String>),
}

impl Selector {
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| requirement.is_met(labels))
    }

    /// Whether every pod meets it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }
}

impl Requirement {
    fn is_met(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Exists(key) => labels.contains_key(key),
            Self::Absent(key) => !labels.contains_key(key),
            Self::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Self::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
        }
    }

    /// `Err`: what is wrong with it.
    fn read(text: &str) -> Result<Self, String> {
        if let Some(key) = text.strip_prefix('!') {
            return Ok(Self::Absent(key_of(key)?));
        }
        if let Some((head, list)) = text.split_once('(') {
            let list = list.strip_suffix(')').ok_or_else(|| format!("{text:?} lacks its closing bracket"))?;
            let values = list.split(',').map(value_of).collect::<Result<_, _>>()?;
            let mut words = head.split_ascii_whitespace();
            return match (words.next(), words.next(), words.next()) {
                (Some(key), Some("in"), None) => Ok(Self::In(key_of(key)?, values)),
                (Some(key), Some("notin"), None) => Ok(Self::NotIn(key_of(key)?, values)),
                _ => Err(format!("{text:?} has a list, and neither \"in\" nor \"notin\" before it")),
            };
        }
        let Some((key, value)) = text.split_once('=') else { return Ok(Self::Exists(key_of(text)?)) };
        match key.strip_suffix('!') {
            Some(key) => Ok(Self::NotIn(key_of(key)?, vec![value_of(value)?])),
            None => Ok(Self::In(key_of(key)?, vec![value_of(value.strip_prefix('=').unwrap_or(value))?])),
        }
    }
}

impl serde::Serialize for Selector {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |part: &str| Requirement::read(part.trim());
        let requirements = match text.trim() {
            "" => Vec::new(),
            text => parts(text).map(read).collect::<Result<_, _>>()?,
        };
        Ok(Self { requirements, text: text.trim().to_owned() })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// The requirements of a text: commas within brackets part no requirements.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut within = false;
    text.split(move |letter| {
        within = (within || letter == '(') && letter != ')';
        letter == ',' && !within
    })
}

/// `PREFIX/NAME` or `NAME`: the prefix a DNS subdomain of 253 bytes at most, the name as a value.
fn key_of(text: &str) -> Result<String, String> {
    let key = text.trim();
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let is_domain = |prefix: &str| {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        (1..=253).contains(&prefix.len()) && prefix.bytes().all(letters)
    };
    let is_fit = !name.is_empty() && is_value(name) && prefix.is_none_or(is_domain);
    is_fit.then(|| key.to_owned()).ok_or_else(|| format!("{key:?} is no key of a label"))
}

fn value_of(text: &str) -> Result<String, String> {
    let value = text.trim();
    is_value(value).then(|| value.to_owned()).ok_or_else(|| format!("{value:?} is no value of a label"))
}

/// 63 bytes at most: letters, digits, and `-_.` between them.
fn is_value(text: &str) -> bool {
    let ends = [text.bytes().next(), text.bytes().next_back()];
    text.len() <= 63
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && ends.into_iter().flatten().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> BTreeMap<String, String> {
        text.split_ascii_whitespace()
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn each_form_is_met_as_the_api_meets_it() {
        for (selector, met, not_met) in [
            ("", "", None),
            ("app=web", "app=web tier=a", Some("app=db")),
            ("app==web", "app=web", Some("")),
            ("app!=web", "", Some("app=web")),
            ("app", "app=", Some("tier=a")),
            ("!app", "tier=a", Some("app=x")),
            ("tier in (a, b)", "tier=b", Some("tier=c")),
            ("tier notin (a,b)", "", Some("tier=a")),
            (
                "a.example/x=1, tier in (a,b) , !legacy",
                "a.example/x=1 tier=a",
                Some("a.example/x=1 tier=a legacy="),
            ),
            ("app=", "app=", Some("app=web")),
        ] {
            let selector: Selector = selector.parse().unwrap();
            assert!(selector.matches(&labels(met)), "{selector} and {met}");
            assert!(not_met.is_none_or(|other| !selector.matches(&labels(other))), "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_says_why() {
        for (text, why) in [
            ("app=we b", "\"we b\" is no value of a label"),
            ("=web", "\"\" is no key of a label"),
            ("app,", "\"\" is no key of a label"),
            ("a/b/c=1", "\"a/b/c\" is no key of a label"),
            ("Ex.com/a", "\"Ex.com/a\" is no key of a label"),
            ("tier in (a", "\"tier in (a\" lacks its closing bracket"),
            ("tier on (a)", "\"tier on (a)\" has a list, and neither \"in\" nor \"notin\" before it"),
            ("-a", "\"-a\" is no key of a label"),
        ] {
            assert_eq!(text.parse::<Selector>(), Err(why.to_owned()), "{text}");
        }
        assert!("a".repeat(64).parse::<Selector>().is_err());
    }
}
