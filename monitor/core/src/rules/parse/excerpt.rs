//! A rule as it is written: its lines, out of its file.

/// Longest excerpt, lines. What a list expands to is not part of it, so that only long lists reach it.
const MAX_LINES: usize = 200;

/// The item of a list that begins at `line` and `column` (both from 1, the column in characters), without the
/// indentation of its list.
pub fn excerpt(lines: &[&str], line: u64, column: u64) -> String {
    let place = |number: u64| usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let (Some(first), Some(column)) = (place(line), place(column)) else { return String::new() };
    let Some(text) = lines.get(first) else { return String::new() };
    let head = text.char_indices().nth(column).map_or(text.len(), |(byte, _)| byte);
    let (before, own) = text.split_at(head);
    if !before.chars().all(|character| matches!(character, ' ' | '-')) {
        // Among other items on its line: a list in flow style.
        return flow(own, lines.get(first + 1..).unwrap_or_default());
    }
    // An item is indented deeper than its dash, or as deep as its first field where the dash has a line of its own.
    let dash = before.find('-');
    let depth = dash.map_or(column, |dash| dash + 1);
    let margin = dash.unwrap_or(column);
    let body = lines.iter().skip(first + 1).take(MAX_LINES);
    let mut kept = vec![text.get(margin..).unwrap_or_default()];
    let mut pending = Vec::new();
    for line in body {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        if !bare.is_empty() && !bare.starts_with('#') && indent < depth {
            break;
        }
        pending.push(line.get(margin.min(indent)..).unwrap_or_default());
        if !bare.is_empty() && indent >= depth {
            kept.append(&mut pending); // blank lines and comments belong to it where more of it follows
        }
    }
    kept.join("\n")
}

/// From the bracket at the beginning of `text` to the one that closes it.
fn flow(text: &str, more: &[&str]) -> String {
    let mut excerpt = String::new();
    let (mut depth, mut quote) = (0_usize, None);
    for line in std::iter::once(&text).chain(more).take(MAX_LINES) {
        for character in line.chars() {
            excerpt.push(character);
            match (quote, character) {
                (Some(open), close) if open == close => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(character),
                (None, '{' | '[') => depth += 1,
                (None, '}' | ']') => depth = depth.saturating_sub(1),
                (None, _) => {}
            }
            if depth == 0 && quote.is_none() {
                return excerpt;
            }
        }
        excerpt.push('\n');
    }
    excerpt.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, line: u64, column: u64) -> String {
        excerpt(&text.lines().collect::<Vec<_>>(), line, column)
    }

    #[test]
    fn a_rule_ends_where_the_next_one_or_its_comment_begins() {
        let text =
            "rules:\n  # a\n  - id: a # one\n\n    # why\n    on: exec\n\n  # b\n  - id: b\n    on: open\n";
        assert_eq!(of(text, 3, 5), "- id: a # one\n\n  # why\n  on: exec");
        assert_eq!(of(text, 9, 5), "- id: b\n  on: open");
    }

    #[test]
    fn a_comment_at_the_margin_does_not_end_a_rule() {
        let text = "rules:\n- id: a\n# note\n  on: exec\noverride:\n- id: b\n";
        assert_eq!(of(text, 2, 3), "- id: a\n# note\n  on: exec");
        assert_eq!(of(text, 6, 3), "- id: b");
    }

    #[test]
    fn flow_style_on_lines_of_its_own_and_among_others() {
        let text = "rules:\n  - {id: a,\n     on: exec}\n  - {id: b}\n";
        assert_eq!(of(text, 2, 5), "- {id: a,\n   on: exec}");
        let text = "rules: [{id: a, summary: 'it''s }'}, {id: b,\n  match: {agent: [x]}}]\n";
        assert_eq!(of(text, 1, 9), "{id: a, summary: 'it''s }'}");
        assert_eq!(of(text, 1, 38), "{id: b,\n  match: {agent: [x]}}");
    }

    #[test]
    fn a_dash_on_a_line_of_its_own() {
        assert_eq!(of("rules:\n-\n  id: a\n  on: exec\n-\n  id: b\n", 3, 3), "id: a\non: exec");
    }

    #[test]
    fn a_place_that_is_not_there_has_no_text() {
        assert_eq!((of("a", 9, 1), of("a", 0, 0), of("é", 1, 9)), Default::default());
    }
}
