//! Why a person decided so, in their own words. It goes to terminals, the ledger and events, so it is short and plain.

use crate::{mask, plain::misleads};

/// Longest reason, characters.
pub const MAX: usize = 500;

/// Why a text is no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("the reason is empty")]
    Empty,
    #[error("the reason has {0} characters; at most {MAX} are kept")]
    Long(usize),
    #[error("the reason holds {}, which a terminal would obey or not show; write plain text in one line", .0.escape_default())]
    Misleading(char),
}

/// The reason as it is kept: without credentials.
///
/// # Errors
/// It is empty, longer than [`MAX`], or holds what would change a screen.
pub fn reason(text: &str) -> Result<String, Unfit> {
    let text = text.trim();
    let length = text.chars().count();
    match text.chars().find(|character| misleads(*character)) {
        _ if length == 0 => Err(Unfit::Empty),
        _ if length > MAX => Err(Unfit::Long(length)),
        Some(character) => Err(Unfit::Misleading(character)),
        None => Ok(mask::text(text).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_short_and_plain() {
        assert_eq!(reason(" ticket OPS-7: größer 大 "), Ok("ticket OPS-7: größer 大".to_owned()));
        assert_eq!(reason("  "), Err(Unfit::Empty));
        assert_eq!(reason(&"é".repeat(MAX)).map(|text| text.chars().count()), Ok(MAX));
        assert_eq!(reason(&"é".repeat(MAX + 1)), Err(Unfit::Long(MAX + 1)));
        for character in ['\u{1b}', '\n', '\u{202e}', '\u{200b}', '\u{7f}'] {
            assert_eq!(reason(&format!("a{character}b")), Err(Unfit::Misleading(character)));
        }
    }
}
