//! Text in lines of a width that a terminal has.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// What becomes of a word that is wider than a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongWords {
    /// Cut into several lines: nothing leaves a window.
    Cut,
    /// Kept whole on a line of its own: it can be copied.
    Keep,
}

/// Lines of at most `width` columns: words go to the next line. Lines after the first begin below the first one's text, or `hanging` columns in.
pub fn wrapped(text: &str, width: usize, hanging: usize, long: LongWords) -> Vec<String> {
    let width = width.max(8);
    let begins = text.len() - text.trim_start_matches(' ').len();
    let indent = if hanging.max(begins) > width / 2 { 0 } else { hanging.max(begins) };
    let (mut lines, mut line) = (Vec::new(), String::new());
    let mut is_empty = true;
    for word in text.split(' ') {
        let space = usize::from(!is_empty);
        if !is_empty && line.width() + space + word.width() > width {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
        } else if !is_empty {
            line.push(' ');
        }
        is_empty = false;
        for letter in word.chars() {
            if long == LongWords::Cut && line.width() + letter.width().unwrap_or(0) > width {
                lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            }
            line.push(letter);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::{
        LongWords::{Cut, Keep},
        *,
    };

    #[test]
    fn nothing_of_a_text_is_lost_and_no_line_is_too_wide() {
        let url = format!("  curl -X POST https://{}.example/ -d 大大大大大大大大", "x".repeat(50));
        for width in [8, 20, 33, 200] {
            let lines = wrapped(&url, width, 0, Cut);
            assert!(lines.iter().all(|line| line.width() <= width), "{lines:#?}");
            let whole = |text: &str| text.chars().filter(|letter| *letter != ' ').collect::<String>();
            assert_eq!(whole(&lines.concat()), whole(&url));
        }
        assert_eq!(wrapped("  one two three", 10, 0, Cut), ["  one two", "  three"]);
        assert_eq!(wrapped("a  one two three", 10, 3, Cut), ["a  one two", "   three"]);
        assert_eq!(wrapped("", 10, 0, Cut), [""]);
        assert_eq!(
            wrapped("see https://long.example x", 10, 2, Keep),
            ["see", "  https://long.example", "  x"]
        );
    }
}
