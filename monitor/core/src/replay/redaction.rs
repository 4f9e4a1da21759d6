//! What a record leaves out: credentials in command lines. Of events of a daemon that masks them itself, nothing more.

use serde_json::Value;

use crate::event_fields;

/// The event without credentials in its command lines. Names of files, hosts and programs stay.
#[must_use]
pub fn redacted(mut event: Value) -> Value {
    if let Value::Object(fields) = &mut event {
        event_fields::masked(fields);
    }
    event
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
        assert_eq!(args(&["echo", "ghp_0123456789abcdef"]), json!(["echo", "ghp_…(20)"]));
        assert_eq!(args(&["curl", "-u", "ann:pw", "x.example"]), json!(["curl", "-u", "ann:…", "x.example"]));
        let plain =
            ["rg", "-l", "RAILWAY_TOKEN", "/home/ann", "http://localhost:8080/x", "postgres://db:5432"];
        assert_eq!(args(&plain), json!(plain));
    }
}
