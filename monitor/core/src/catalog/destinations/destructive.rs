//! What a request that destroys looks like, by provider. Data for the reading of requests: today nothing reads them.

use crate::{
    catalog::{
        fields::{Placed, written},
        pattern::wildcard,
    },
    yaml::{Node, Report, Section},
};

const METHODS: [&str; 8] = ["*", "DELETE", "GET", "HEAD", "PATCH", "POST", "PUT", "PURGE"];

const FIELDS: &[&str] = &["requests", "graphql", "query", "headers", "body", "statements"];

/// The destructive operations of a provider. Each question answers with the pattern that matched.
#[derive(Debug, Default)]
pub struct Destructive {
    /// `DELETE /v1/projects/*`: method and path, `*` for any text and for any method.
    requests: Vec<String>,
    /// Root fields of GraphQL mutations: `volumeDelete`.
    graphql: Vec<String>,
    /// `Action=Terminate*`: a parameter of the query or of a form.
    query: Vec<String>,
    /// `X-Amz-Target: *.Delete*`.
    headers: Vec<String>,
    /// A field of a JSON body and its value: `is-destroy=true`.
    body: Vec<String>,
    /// First words of statements, in upper case: `DROP`, `FLUSHALL`.
    statements: Vec<String>,
}

impl Destructive {
    /// `path` with its query.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Option<&str> {
        let matches = |pattern: &&String| {
            let (wanted, place) = pattern.split_once(' ').unwrap_or(("*", pattern));
            wildcard(wanted, method) && wildcard(place, path)
        };
        self.requests.iter().find(matches).map(String::as_str)
    }

    /// `field` is the root field of a mutation, not its alias.
    #[must_use]
    pub fn graphql(&self, field: &str) -> Option<&str> {
        matching(&self.graphql, field)
    }

    /// A parameter of the query or of a form: `Action=DeleteVolume`.
    #[must_use]
    pub fn query(&self, name: &str, value: &str) -> Option<&str> {
        matching(&self.query, &format!("{name}={value}"))
    }

    /// The header's name counts in any case.
    #[must_use]
    pub fn header(&self, name: &str, value: &str) -> Option<&str> {
        let matches = |pattern: &&String| {
            let (wanted, content) = pattern.split_once(": ").unwrap_or((pattern, "*"));
            wanted.eq_ignore_ascii_case(name) && wildcard(content, value)
        };
        self.headers.iter().find(matches).map(String::as_str)
    }

    /// A field of a JSON body, at any depth, with its value as text.
    #[must_use]
    pub fn body(&self, field: &str, value: &str) -> Option<&str> {
        matching(&self.body, &format!("{field}={value}"))
    }

    /// The first word of a statement: SQL, or a command of Redis; in any case.
    #[must_use]
    pub fn statement(&self, verb: &str) -> Option<&str> {
        matching(&self.statements, &verb.to_ascii_uppercase())
    }

    /// How many patterns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        [&self.requests, &self.graphql, &self.query, &self.headers, &self.body, &self.statements]
            .iter()
            .map(|patterns| patterns.len())
            .sum()
    }

    /// Whether nothing is known of the provider.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads them; a pattern that could never match is noted.
    pub fn read(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Self> {
        let section = Section::open(node, path, FIELDS, report)?;
        let mut read = |field: &str, expected: &str, is_good: fn(&str) -> bool| -> Vec<String> {
            let patterns = written(&section, field, report);
            for Placed { value, at, field } in patterns.iter().filter(|pattern| !is_good(&pattern.value)) {
                report.add(*at, field, format!("found {value:?}")).expected(expected);
            }
            patterns.into_iter().map(|pattern| pattern.value).collect()
        };
        Some(Self {
            requests: read("requests", "a method and a path, such as DELETE /v1/*", |pattern| {
                pattern
                    .split_once(' ')
                    .is_some_and(|(method, path)| METHODS.contains(&method) && path.starts_with(['/', '*']))
            }),
            graphql: read("graphql", "a root field of a mutation, such as volumeDelete", |pattern| {
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '*');
                pattern.chars().all(plain) && pattern.len() > 1
            }),
            query: read("query", "NAME=VALUE", is_assignment),
            headers: read("headers", "NAME: VALUE", |pattern| pattern.contains(": ")),
            body: read("body", "FIELD=VALUE", is_assignment),
            statements: read("statements", "one word in upper case, such as DROP", |pattern| {
                !pattern.is_empty() && pattern.chars().all(|c| c.is_ascii_uppercase())
            }),
        })
    }
}

fn is_assignment(pattern: &str) -> bool {
    pattern.split_once('=').is_some_and(|(name, value)| !name.is_empty() && !value.is_empty())
}

fn matching<'a>(patterns: &'a [String], text: &str) -> Option<&'a str> {
    patterns.iter().find(|pattern| wildcard(pattern, text)).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use crate::catalog::destinations::Destinations;

    #[test]
    fn operations_are_known_by_their_form() {
        let catalogue = Destinations::builtin().unwrap();
        let of = |provider: &str| catalogue.destructive(provider).unwrap();
        assert_eq!(of("railway").graphql("volumeDelete"), Some("volumeDelete"));
        assert_eq!(of("railway").graphql("somethingNewDelete"), Some("*Delete*"));
        assert_eq!(of("railway").graphql("volumeCreate"), None);
        assert_eq!(of("aws").query("Action", "TerminateInstances"), Some("Action=Terminate*"));
        assert_eq!(of("aws").query("Action", "DescribeInstances"), None);
        assert!(of("aws").header("x-amz-target", "DynamoDB_20120810.DeleteTable").is_some());
        assert!(of("aws").header("x-amz-target", "DynamoDB_20120810.GetItem").is_none());
        assert!(of("aws").request("POST", "/bucket?delete").is_some());
        assert!(of("vercel").request("DELETE", "/v9/projects/prj_1").is_some());
        assert!(of("vercel").request("GET", "/v9/projects/prj_1").is_none());
        assert!(of("vercel").request("GET", "/v3/env/pull/prj_1").is_some());
        assert!(of("kubernetes").request("DELETE", "/api/v1/namespaces/prod").is_some());
        assert!(of("database-port").statement("drop").is_some());
        assert!(of("database-port").statement("select").is_none());
        assert!(of("upstash").statement("FLUSHALL").is_some());
        assert!(of("terraform-cloud").body("is-destroy", "true").is_some());
        assert!(of("anthropic").is_empty());
        assert!(catalogue.destructive("nobody").is_none());
    }

    #[test]
    fn patterns_that_never_match_are_refused() {
        let text = "version: 1\nentries:\n  - id: a\n    class: infra\n    source: s\n    hosts: [a.example]\n    \
                    destructive: { requests: [delete /x, DELETE x], graphql: [a b], query: [x], headers: [x], statements: [drop] }\n";
        let lines: Vec<_> = Destinations::parse(text).unwrap_err().iter().map(ToString::to_string).collect();
        for expected in [
            "yaml:7:31: entries[0].destructive.requests[0]: found \"delete /x\"; expected a method and a path",
            "destructive.requests[1]: found \"DELETE x\"",
            "destructive.graphql[0]: found \"a b\"; expected a root field",
            "destructive.query[0]: found \"x\"; expected NAME=VALUE",
            "destructive.headers[0]: found \"x\"; expected NAME: VALUE",
            "destructive.statements[0]: found \"drop\"",
        ] {
            assert!(lines.iter().any(|line| line.contains(expected)), "{expected} not in {lines:#?}");
        }
        assert_eq!(lines.len(), 6, "{lines:#?}");
    }
}
