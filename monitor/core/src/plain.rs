//! Text of others on a screen: agents choose their paths and arguments, anybody writes files, and people decide by what they read.

/// Returns `text` without what could change the screen, or what stands on it unseen: such characters are escaped.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if misleads(character) {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Whether a terminal would obey a character, or show nothing for it: control characters, the direction marks that reorder a
/// line, separators of lines, and Unicode's `Default_Ignorable_Code_Point`.
#[must_use]
pub fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_change_the_screen() {
        assert_eq!(plain("/tmp/\u{1b}[2Jx\n\u{202e}gpj"), "/tmp/\\u{1b}[2Jx\\n\\u{202e}gpj");
        assert_eq!(plain("größe 大 é 👍"), "größe 大 é 👍");
    }

    #[test]
    fn what_is_not_seen_is_shown() {
        let unseen = "\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{180e}\u{200b}\u{2028}\u{2029}\u{2066}\u{3164}\u{fe0f}\u{feff}\
            \u{e0041}\u{e0100}\u{85}";
        for character in unseen.chars() {
            let text = plain(&format!("a{character}b"));
            assert_eq!(text, format!("a{}b", character.escape_default()));
        }
    }
}
