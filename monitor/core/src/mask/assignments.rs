//! Values whose name stands before them: `TOKEN=…`, `--password=…`, `"secret": "…"`, `Authorization: Bearer …`, `?sig=…`.

use super::{
    NUL,
    edits::Edits,
    names::{self, Says},
    value,
};

/// Headers whose whole value is the credential, whatever it contains.
const HEADERS: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie"];
/// How a credential of a header is told, before it.
const SCHEMES: &[&str] = &[
    "bearer",
    "basic",
    "token",
    "digest",
    "negotiate",
    "apikey",
    "key",
    "bot",
    "sso-key",
    "ssws",
    "aws4-hmac-sha256",
];
/// Longest name that is looked at, bytes.
const NAME_MAX: usize = 80;

/// A name and its `=` or `:`.
struct Name<'t> {
    text: &'t str,
    name: &'t str,
    /// What stands before the name.
    before: Option<char>,
    /// It stands in quotes of its own, as in JSON.
    quoted: bool,
    separator: char,
    /// Place of what follows the separator.
    value: usize,
}

/// The values of all names that say so.
pub fn values(text: &str) -> Edits {
    let mut edits = Edits::default();
    let mut done = 0;
    for (at, separator) in text.char_indices().filter(|(_, character)| matches!(character, '=' | ':' | ' ')) {
        if at < done {
            continue;
        }
        let found = match separator {
            '=' | ':' => Name::before(text, at, separator).and_then(|name| name.credential()),
            ' ' => bearer(text, at),
            _ => None,
        };
        if let Some((at, length)) = found
            && let Some(credential) = text.get(at..at + length)
        {
            done = at + length;
            edits.replace(at..done, value::masked(credential));
        }
    }
    edits
}

impl<'t> Name<'t> {
    fn before(text: &'t str, at: usize, separator: char) -> Option<Self> {
        let bare = text.get(..at)?.trim_end_matches(' ');
        let unquoted = bare.trim_end_matches(['"', '\'', '\\']);
        let start = name_start(unquoted);
        let name = unquoted.get(start..).filter(|name| !name.is_empty())?;
        let quoted = unquoted.len() < bare.len();
        let before = unquoted.get(..start)?.chars().next_back();
        Some(Self { text, name, before, quoted, separator, value: at + 1 })
    }

    /// Where the credential lies that is its value, and how long it is.
    fn credential(&self) -> Option<(usize, usize)> {
        let is_header =
            HEADERS.iter().any(|header| self.name.trim_start_matches('-').eq_ignore_ascii_case(header));
        let says = if is_header { Says::Credential } else { names::says(self.name) };
        if says == Says::Nothing {
            return None;
        }
        let rest = self.text.get(self.value..)?;
        // `:=` and `=>` are one separator; `==` compares, and `://` is a URL's.
        let rest = rest.strip_prefix(if self.separator == ':' { '=' } else { '>' }).unwrap_or(rest);
        if rest.starts_with('=') || rest.starts_with("//") {
            return None;
        }
        let spaced = rest.trim_start_matches(' ');
        let unescaped = spaced.trim_start_matches('\\');
        if let Some(quote @ ('"' | '\'')) = unescaped.chars().next() {
            let inner = unescaped.get(1..)?;
            let length = match unescaped.len() < spaced.len() {
                true => inner.find(['"', '\'', '\\', NUL]).unwrap_or(inner.len()),
                false => value::quoted_length(inner, quote),
            };
            return self.found(inner, length, says, is_header);
        }
        let is_spaced = spaced.len() < rest.len();
        let own_words = matches!(self.before, None | Some(NUL | '"' | '\''));
        if self.separator == '=' && is_spaced || is_call(spaced) {
            return None; // source code
        }
        let length = if is_header {
            self.header_length(spaced)
        } else {
            let length = value::length(value::near(spaced), false);
            // `registry/token:latest` names no token.
            let is_told = self.separator == '=' || is_spaced || self.quoted || own_words;
            if !is_told && !value::is_random(spaced.get(..length)?) {
                return None;
            }
            length
        };
        let found = self.found(spaced, length, says, is_header)?;
        if length < value::near(spaced).len() || is_header {
            return Some(found);
        }
        // What looks random only at its begin is masked there: unmasked, the next name would have all of it looked at again.
        self.found(spaced, value::length(spaced, false), says, is_header).or(Some(found))
    }

    /// A header ends with the quotes or the argument that it is in; elsewhere its scheme and a word count.
    fn header_length(&self, value: &str) -> usize {
        match self.before {
            Some(quote @ ('"' | '\'')) if !self.quoted => value::quoted_length(value, quote),
            Some(NUL) => value::length(value, true),
            // `--header=Cookie: a=1; b=2`, an argument of its own
            Some('=') if self.begins_argument() => value::length(value, true),
            _ => {
                scheme_length(value)
                    + value::length(value.get(scheme_length(value)..).unwrap_or_default(), false)
            }
        }
    }

    /// Whether an option's name and `=` are all that stands before the name in its argument.
    fn begins_argument(&self) -> bool {
        let before = self
            .text
            .get(..self.value)
            .and_then(|text| text.get(..text.rfind(self.name)?)?.strip_suffix('='));
        before.is_some_and(|option| {
            option.get(..name_start(option)).is_some_and(|before| before.ends_with(NUL))
        })
    }

    /// `rest` begins with the value.
    fn found(&self, rest: &str, length: usize, says: Says, is_header: bool) -> Option<(usize, usize)> {
        let scheme = if is_header { scheme_length(rest.get(..length)?) } else { 0 };
        let credential = rest.get(scheme..length)?;
        let at = self.text.len() - rest.len() + scheme;
        value::is_credential(credential, says).then_some((at, credential.len()))
    }
}

/// A token after the word that announces it, in a text.
fn bearer(text: &str, at: usize) -> Option<(usize, usize)> {
    let before = text.get(..at)?;
    let word = before.get(name_start(before)..)?;
    let rest = text.get(at + 1..)?;
    if !word.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let credential = rest.get(..value::length(value::near(rest), false))?;
    let is_drawn = credential.len() >= 8 && credential.bytes().any(|byte| byte.is_ascii_digit());
    (is_drawn && !value::is_mask(credential)).then_some((at + 1, credential.len()))
}

/// Where the name begins that `text` ends with.
fn name_start(text: &str) -> usize {
    let is_of_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    let mut start = text.len();
    for (at, character) in text.char_indices().rev() {
        if !is_of_name(character) || text.len() - at > NAME_MAX {
            break;
        }
        start = at;
    }
    start
}

/// Length of the scheme at the begin of a header's value, with the spaces after it.
fn scheme_length(value: &str) -> usize {
    let Some((scheme, rest)) = value.split_once(' ') else { return 0 };
    let rest = rest.trim_start_matches(' ');
    let is_scheme = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if is_scheme { value.len() - rest.len() } else { 0 }
}

/// Whether a program's text goes on here: `os.environ["X"]`, `getpass()`.
fn is_call(text: &str) -> bool {
    let name = text
        .bytes()
        .take(NAME_MAX)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte))
        .count();
    name > 0 && text.get(name..).is_some_and(|rest| rest.starts_with(['(', '[']))
}
