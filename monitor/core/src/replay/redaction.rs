//! What a record leaves out: credentials that people and agents put into command lines.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

/// Stands for what was left out.
const GONE: &str = "…";

/// What follows these words, and what looks like a token by itself.
static CREDENTIALS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let patterns = [
        // Authorization: Bearer …, Authorization=Basic …
        r#"(?i)(authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)?\s*)([^\s"']{4,})"#,
        r#"(?i)(\bbearer\s+)([^\s"']{4,})"#,
        // TOKEN=…, "password": "…", --api-key …
        r#"(?i)((?:token|secret|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|credential)[a-z_-]*["']?\s*[:= ]\s*["']?)([^\s"'&,;]{4,})"#,
        // https://user:password@host, but not https://host:port
        r"(://[^/\s:@]+:)([^@\s/]+)(@)",
        // GitHub, GitLab, Slack, AWS, Stripe and OpenAI, npm, PyPI, JSON web tokens
        r"()\b((?:gh[pousr]_|github_pat_|glpat-|xox[abpr]-|AKIA|ASIA|sk[-_](?:live|test|proj|ant)?|npm_|pypi-)[A-Za-z0-9_\-]{8,}|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-.]+)",
    ];
    patterns.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect()
});

/// The event without credentials in its command lines. Names of files, hosts and programs stay.
#[must_use]
pub fn redacted(mut event: Value) -> Value {
    for field in ["process.args", "session.command"] {
        match event.get_mut(field) {
            Some(Value::Array(args)) => discreet_arguments(args),
            Some(Value::String(line)) => *line = without_secrets(line),
            _ => {}
        }
    }
    event
}

/// Also where the option that names it is one argument, and the credential the next.
fn discreet_arguments(args: &mut [Value]) {
    let mut announced = false;
    for arg in args {
        let Value::String(text) = arg else { continue };
        let is_option = text.starts_with('-') && !text.contains('=');
        let announces = is_option && names_a_credential(text);
        *text = if announced && !is_option { GONE.to_owned() } else { without_secrets(text) };
        announced = announces;
    }
}

fn names_a_credential(option: &str) -> bool {
    let option = option.to_lowercase();
    let words =
        ["token", "secret", "password", "passwd", "passphrase", "api-key", "apikey", "access-key", "user"];
    words.iter().any(|word| option.trim_start_matches('-') == *word || option.ends_with(&format!("-{word}")))
        || option == "-u"
}

fn without_secrets(text: &str) -> String {
    CREDENTIALS.iter().fold(text.to_owned(), |text, pattern| {
        pattern
            .replace_all(&text, |found: &Captures<'_>| {
                let kept = |group| found.get(group).map_or("", |kept| kept.as_str());
                format!("{}{GONE}{}", kept(1), kept(3))
            })
            .into_owned()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_in_command_lines_are_left_out_and_names_stay() {
        let args = |args: &[&str]| redacted(json!({ "process.args": args }))["process.args"].clone();
        assert_eq!(
            args(&[
                "curl",
                "-H",
                "Authorization: Bearer abcd1234",
                "https://api.example.com/a?token=zzzzzz&x=1"
            ]),
            json!(["curl", "-H", "Authorization: Bearer …", "https://api.example.com/a?token=…&x=1"])
        );
        assert_eq!(
            args(&["vault", "login", "--token", "s.12345678"]),
            json!(["vault", "login", "--token", "…"])
        );
        assert_eq!(args(&["x", "--password=hunter22"]), json!(["x", "--password=…"]));
        assert_eq!(
            args(&["git", "clone", "https://ann:pw@example.com/x"]),
            json!(["git", "clone", "https://ann:…@example.com/x"])
        );
        assert_eq!(args(&["echo", "ghp_0123456789abcdef"]), json!(["echo", "…"]));
        assert_eq!(args(&["curl", "-u", "ann:pw", "x.example"]), json!(["curl", "-u", "…", "x.example"]));
        let plain =
            ["rg", "-l", "RAILWAY_TOKEN", "/home/ann", "http://localhost:8080/x", "postgres://db:5432"];
        assert_eq!(args(&plain), json!(plain));
    }

    #[test]
    fn every_pattern_is_a_regular_expression() {
        assert_eq!(CREDENTIALS.len(), 5);
    }
}
