//! The text of suggestions: a file of overrides, with comments for who reads it.

/// Width of a comment's lines, characters.
const COLUMNS: usize = 100;

/// A part of an item's comment.
pub fn section(title: &str, lines: &[String]) -> String {
    let lines = lines.iter().map(|line| comment("  # -", line));
    comment("  #", title) + &lines.collect::<String>()
}

/// A file with these items of `override`.
pub fn document(items: &[String]) -> String {
    format!("version: 1\noverride:\n{}", items.concat())
}

/// A comment whose lines begin with `mark`, or with as much space after the first; what agents chose cannot end it.
pub fn comment(mark: &str, text: &str) -> String {
    let text: String = text.chars().map(|letter| if misleads(letter) { '�' } else { letter }).collect();
    let mut lines = vec![mark.to_owned()];
    for word in text.split(' ') {
        let room = lines.last().is_some_and(|line| line.chars().count() + word.chars().count() < COLUMNS);
        if !room {
            lines.push(mark.replace('-', " "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What could end a line, or change how it looks: agents choose their paths and arguments, people decide by what they read.
pub fn misleads(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
