//! Patterns as the catalogues write them.

use globset::{Glob, GlobBuilder};

/// Whether `text` is what `pattern` says, where each `*` stands for any text, also none.
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    text.ends_with(end)
}

/// Compiles a glob, whose `*` never matches a slash.
///
/// # Errors
/// What is wrong with it.
pub fn glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build()
}

/// Writes out `{a,b}` alternatives, nested ones too; `None` when the braces don't match.
pub fn expand_braces(pattern: &str) -> Option<Vec<String>> {
    let Some(open) = pattern.find('{') else {
        return (!pattern.contains('}')).then(|| vec![pattern.to_owned()]);
    };
    let (head, rest) = pattern.split_at(open);
    if head.contains('}') {
        return None;
    }
    let (alternatives, tail) = alternatives(rest)?;
    let tails = expand_braces(tail)?;
    let mut expanded = Vec::new();
    for alternative in alternatives {
        for middle in expand_braces(alternative)? {
            expanded.extend(tails.iter().map(|tail| format!("{head}{middle}{tail}")));
        }
    }
    Some(expanded)
}

/// Splits `{a,b}tail` at its outermost commas.
fn alternatives(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 1);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => {
                parts.push(text.get(start..at)?);
                return Some((parts, text.get(at + 1..)?));
            }
            b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 1 => {
                parts.push(text.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{expand_braces, wildcard};

    #[test]
    fn a_star_stands_for_any_text() {
        let cases = [
            ("run", "run", true),
            ("run", "runs", false),
            ("*Delete*", "volumeDelete", true),
            ("*Delete*", "projectScheduleDeleteForce", true),
            ("*Delete*", "deleted", false),
            ("/v*/projects/*", "/v9/projects/p1", true),
            ("/v*/projects/*", "/v9/project/p1", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*", "", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(wildcard(pattern, text), expected, "{pattern} and {text}");
        }
    }

    #[test]
    fn braces_are_written_out() {
        assert_eq!(expand_braces("a/{b,c}/{d,e}.x").unwrap(), ["a/b/d.x", "a/b/e.x", "a/c/d.x", "a/c/e.x"]);
        assert_eq!(expand_braces("{a,b{1,2}}").unwrap(), ["a", "b1", "b2"]);
        assert_eq!(expand_braces("plain").unwrap(), ["plain"]);
        for bad in ["{a", "a}", "a}{b", "{a,{b}"] {
            assert_eq!(expand_braces(bad), None, "{bad}");
        }
    }
}
