//! One file of the bundle.

use serde::Serialize;
use serde_json::Value;

use interlock_core::mask;

/// A file of the bundle, masked; or why it is not there.
#[derive(Debug)]
pub struct Part {
    /// Its path in the archive.
    pub name: String,
    pub content: Result<Vec<u8>, String>,
}

impl Part {
    pub fn missing(name: impl Into<String>, why: impl ToString) -> Self {
        Self { name: name.into(), content: Err(why.to_string()) }
    }

    /// A text, masked: as a whole, because a key in PEM has many lines, and line by line, because one line says nothing of the next.
    pub fn text(name: impl Into<String>, text: &str) -> Self {
        let whole = mask::text(text);
        let masked: String = whole.lines().map(|line| mask::text(line).into_owned() + "\n").collect();
        Self { name: name.into(), content: Ok(masked.into_bytes()) }
    }

    /// A value, each of its texts masked.
    pub fn json(name: impl Into<String>, value: &impl Serialize) -> Self {
        let name = name.into();
        let written = serde_json::to_value(value).map(masked);
        match written.and_then(|value| serde_json::to_vec_pretty(&value)) {
            Ok(bytes) => Self { name, content: Ok(bytes) },
            Err(error) => Self::missing(name, error),
        }
    }

    /// Values, one a line, each of their texts masked.
    pub fn lines(name: impl Into<String>, values: Vec<Value>) -> Self {
        let lines: String = values.into_iter().map(|value| format!("{}\n", masked(value))).collect();
        Self { name: name.into(), content: Ok(lines.into_bytes()) }
    }
}

fn masked(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask::text(&text).into_owned()),
        Value::Array(values) => Value::Array(values.into_iter().map(masked).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, masked(value))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(part: &Part) -> String {
        String::from_utf8(part.content.clone().unwrap()).unwrap()
    }

    #[test]
    fn a_private_key_has_many_lines() {
        let body = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB";
        let key = format!(
            "a\n-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n{body}\n-----END OPENSSH PRIVATE KEY-----\nb\n"
        );
        let text = content(&Part::text("a", &key));
        assert!(!text.contains(body) && text.starts_with("a\n") && text.ends_with("b\n"), "{text}");
    }

    #[test]
    fn texts_and_values_are_masked_and_stay_readable() {
        let text =
            Part::text("a", "curl -H 'Authorization: Bearer fake-token-0000' https://a.example\nsecond\n");
        assert!(!content(&text).contains("fake-token-0000"), "{}", content(&text));
        assert!(content(&text).contains("https://a.example") && content(&text).ends_with("second\n"));
        let value =
            serde_json::json!({ "command": ["psql postgres://u:fake-word-0000@db.example/x"], "n": 1 });
        let json = Part::json("b", &value);
        assert!(!content(&json).contains("fake-word-0000") && content(&json).contains("db.example"));
        assert!(serde_json::from_str::<Value>(&content(&json)).is_ok());
        let lines = Part::lines("c", vec![value.clone(), value]);
        assert_eq!(content(&lines).lines().count(), 2);
        assert!(!content(&lines).contains("fake-word-0000"));
    }
}
