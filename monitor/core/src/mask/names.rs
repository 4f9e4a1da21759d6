//! Names of values: which say that the value is a credential.

/// What a name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    Nothing,
    /// It may be one: `key`, `auth`. So it is if it looks like nothing that a person would type.
    Maybe,
    /// It is one, or a file that holds it: `private_key`, `credentials`.
    OrItsFile,
    Credential,
}

/// Words that say it where they are the last of a name.
const CREDENTIALS: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "pass",
    "pw",
    "secret",
    "token",
    "bearer",
    "authorization",
    "cookie",
    "signature",
    "sig",
    "apikey",
    "authkey",
    "authtoken",
    "accesstoken",
    "apitoken",
    "secretkey",
    "accesskey",
    "jwt",
    "pat",
    "sas",
];
/// The same where names are written as one word: `PGPASSWORD`.
const ENDS: &[&str] = &["password", "passwd", "passphrase", "secret", "token", "apikey"];
const FILES_TOO: &[&str] = &["credential", "credentials", "creds", "pwd"];
/// Words before `key` that make it one.
const KEYS: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "account",
    "auth",
    "encryption",
    "signing",
    "master",
    "storage",
    "shared",
    "admin",
    "deploy",
    "webhook",
    "server",
    "app",
    "application",
    "preauth",
    "unseal",
    "recovery",
    "license",
];
/// First words of an option that asks for a credential and has none: `--ask-password`.
const ASKS: &[&str] = &[
    "no", "ask", "prompt", "require", "show", "has", "use", "list", "get", "print", "check", "rotate",
    "with", "without", "skip", "enable", "disable", "reset", "generate",
];

/// What a name says: `DB_PASSWORD`, `--api-key`, `X-Amz-Signature`, `accountKey`.
#[must_use]
pub fn says(name: &str) -> Says {
    let words = words(name);
    let last =
        |back: usize| words.len().checked_sub(back).and_then(|at| words.get(at)).map_or("", String::as_str);
    let (word, before) = (last(1), last(2));
    // Where a shell is, and was.
    if words.len() == 1 && matches!(name, "PWD") || word == "oldpwd" {
        return Says::Nothing;
    }
    match word {
        "key" if KEYS.contains(&before) => Says::OrItsFile,
        "key" | "auth" => Says::Maybe,
        word if CREDENTIALS.contains(&word) || ENDS.iter().any(|end| word.ends_with(end)) => Says::Credential,
        word if FILES_TOO.contains(&word) => Says::OrItsFile,
        _ => Says::Nothing,
    }
}

/// Whether an option that is so called takes no value, or asks for one on the terminal.
#[must_use]
pub fn asks(name: &str) -> bool {
    let words = words(name);
    words.len() > 1 && words.first().is_some_and(|first| ASKS.contains(&first.as_str()))
}

/// The words of a name, in lower case: at most the last eight, of at most 64 bytes, decide.
fn words(name: &str) -> Vec<String> {
    let from = name.len().saturating_sub(64);
    let from = (from..=name.len()).find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    let mut words = vec![String::new()];
    let mut before = ' ';
    for character in name.get(from..).unwrap_or_default().chars() {
        let begins =
            character.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        if begins || !character.is_alphanumeric() {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        before = character;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_by_its_last_words_what_it_holds() {
        for name in [
            "password",
            "--db-password",
            "PGPASSWORD",
            "RAILWAY_TOKEN",
            "clientSecret",
            "X-Amz-Signature",
            "GITHUBTOKEN",
        ] {
            assert_eq!(says(name), Says::Credential, "{name}");
        }
        for name in
            ["private_key", "--api-key", "AccountKey", "AWS_SECRET_ACCESS_KEY", "credentials", "MYSQL_PWD"]
        {
            assert_eq!(says(name), Says::OrItsFile, "{name}");
        }
        for name in ["key", "--key", "STRIPE_KEY", "_auth"] {
            assert_eq!(says(name), Says::Maybe, "{name}");
        }
        for name in [
            "max_tokens",
            "token_type",
            "AWS_ACCESS_KEY_ID",
            "--password-stdin",
            "--token-file",
            "keyboard",
            "PWD",
            "OLDPWD",
            "",
            "secretName",
            "tokenizer",
        ] {
            assert_eq!(says(name), Says::Nothing, "{name}");
        }
        assert!(asks("--ask-password") && asks("--with-token") && !asks("--password"));
    }
}
