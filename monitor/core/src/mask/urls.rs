//! The password of a URL, and a user that is a token: `https://ann:…@example.com`, `https://ghp_…(40)@github.com`.

use super::{edits::Edits, names::Says, tokens, value};

/// What stands before the host of each URL. Queries are assignments like any others.
pub fn credentials(text: &str) -> Edits {
    let mut edits = Edits::default();
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("://")) {
        let start = from + found + "://".len();
        from = start;
        let Some(rest) = text.get(start..) else { break };
        let authority = rest.get(..rest.find(ends_authority).unwrap_or(rest.len())).unwrap_or_default();
        from += authority.len();
        // The last one: a password that was not encoded may have more.
        let Some((user, _)) = authority.rsplit_once('@') else { continue };
        match user.split_once(':') {
            Some((name, password)) => {
                let at = start + name.len() + 1;
                if name.is_empty() || is_user(name) {
                    edits.replace(at..at + password.len(), value::masked(password));
                } else {
                    edits.replace(start..start + user.len(), format!("{}:…", value::masked(name)));
                }
            }
            None if !is_user(user) => edits.replace(start..start + user.len(), value::masked(user)),
            None => {}
        }
    }
    edits
}

/// `/`, `?` and `#` end it, and what ends a URL in a text.
fn ends_authority(character: char) -> bool {
    character.is_whitespace() || "/?#\"'`<>\0".contains(character)
}

/// Whether it names somebody: neither a token nor what nobody would type.
fn is_user(name: &str) -> bool {
    value::is_mask(name) || tokens::masked(name).is_none() && !value::is_credential(name, Says::Maybe)
}
