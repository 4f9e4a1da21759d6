//! Values: where one ends, what stays of it, and what is none.

use super::{MASK, NUL, names::Says, tokens};

/// What stands for a value: of a known token its prefix and length.
#[must_use]
pub fn masked(value: &str) -> String {
    if is_mask(value) { value.to_owned() } else { tokens::masked(value).unwrap_or_else(|| MASK.to_string()) }
}

/// Whether it is what this module writes, so that a second time changes nothing: `…`, `ghp_…(40)`.
#[must_use]
pub fn is_mask(value: &str) -> bool {
    let Some((prefix, length)) = value.split_once(MASK) else { return false };
    if length.is_empty() {
        return prefix.is_empty();
    }
    let digits = length.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let counts =
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    counts && tokens::is_prefix(prefix)
}

/// Whether a value with a name that says so is a credential. A path stays where a file is as usual, what a shell will put in stays,
/// and so do the words that turn something on or off.
#[must_use]
pub fn is_credential(value: &str, says: Says) -> bool {
    let is_word = || {
        let words = ["true", "false", "null", "none", "nil", "yes", "no", "undefined"];
        words.iter().any(|word| value.eq_ignore_ascii_case(word))
    };
    if value.is_empty() || is_mask(value) || is_word() || is_variable(value) {
        return false;
    }
    match says {
        Says::Nothing => false,
        Says::Maybe => is_random(value),
        Says::OrItsFile => !is_path(value),
        Says::Credential => true,
    }
}

/// Whether a shell puts the value in: `$TOKEN`, `${TOKEN}`, `$(pass show x)`. A password may begin with `$`, so not just that.
fn is_variable(value: &str) -> bool {
    let Some(name) = value.strip_prefix('$') else { return false };
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    name.starts_with('(')
        || name.strip_prefix('{').is_some_and(|rest| is_name(rest.strip_suffix('}').unwrap_or(rest)))
        || is_name(name)
}

/// Base64 may begin with a slash too, so only under a directory that machines have.
fn is_path(value: &str) -> bool {
    const ROOTS: &[&str] = &[
        "home",
        "root",
        "etc",
        "tmp",
        "var",
        "usr",
        "opt",
        "run",
        "mnt",
        "srv",
        "dev",
        "proc",
        "media",
        "data",
        "app",
        "workspace",
        "workspaces",
        "secrets",
        "build",
        "github",
        "Users",
        "nix",
    ];
    let value = value.strip_prefix("file://").or_else(|| value.strip_prefix('@')).unwrap_or(value);
    let under = |rest: &str| ROOTS.contains(&rest.split('/').next().unwrap_or_default());
    value.strip_prefix('/').is_some_and(under)
        || ["~/", "./", "../"].iter().any(|begin| value.starts_with(begin))
}

/// Whether nobody would type it: letters of both cases and digits, or hexadecimal as long as a key.
#[must_use]
pub fn is_random(value: &str) -> bool {
    let all = |fits: fn(u8) -> bool| value.bytes().all(fits);
    let any = |fits: fn(u8) -> bool| value.bytes().any(fits);
    let digit = |byte: u8| byte.is_ascii_digit();
    let mixed = any(|byte| byte.is_ascii_lowercase()) && any(|byte| byte.is_ascii_uppercase()) && any(digit);
    let key = all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte));
    key && (value.len() >= 16 && mixed
        || value.len() >= 32 && any(digit) && all(|byte| byte.is_ascii_hexdigit()))
}

/// Length of the value at the begin of `rest`, bytes. One in quotes ends with them; `whole` is one that its argument ends; any other
/// ends at white space or at what separates values. What was masked before is taken as it was written.
#[must_use]
pub fn length(rest: &str, whole: bool) -> usize {
    let end = |found: Option<usize>| found.unwrap_or(rest.len());
    if whole {
        return end(rest.find(NUL));
    }
    let mut last = ' ';
    let mut counts = false; // inside the parentheses of a mask
    end(rest.find(|character: char| {
        counts = match character {
            '(' => last == MASK,
            _ => counts && (character.is_ascii_digit() || character == ')' && last != ')'),
        };
        last = character;
        let closes = character == ')' && counts;
        !closes && (character.is_whitespace() || character == NUL || "\"'`,;&|<>)]}".contains(character))
    }))
}

/// Length of what stands in quotes, `rest` being what follows the opening `quote`: up to the closing one, or to the end of the
/// argument.
#[must_use]
pub fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    rest.find(|character: char| {
        let ends = character == NUL || character == quote && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })
    .unwrap_or(rest.len())
}

/// As much of a text as tells whether it is a credential: one that repeats a name takes no longer for that.
#[must_use]
pub fn near(text: &str) -> &str {
    const NEAR: usize = 256;
    text.get(..text.floor_char_boundary(NEAR)).unwrap_or(text)
}
