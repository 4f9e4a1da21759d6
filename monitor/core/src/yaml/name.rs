//! Names that people give to things.

/// Whether a text has lower-case letters, digits and hyphens alone, at most 64: fit for a metric's label and a command line.
pub fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= 64 && text.chars().all(plain)
}
