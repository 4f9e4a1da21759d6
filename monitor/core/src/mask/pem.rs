//! Private keys in PEM, in one argument or over several. Certificates and public keys stay.

use super::{MASK, NUL, edits::Edits};

const BEGIN: &str = "-----BEGIN";
const END: &str = "-----END";
const DASHES: &str = "-----";

/// What lies between the first and the last line of each private key; one without an end is masked to the text's.
pub fn blocks(text: &str) -> Edits {
    let mut edits = Edits::default();
    let mut rest = 0;
    while let Some(found) = text.get(rest..).and_then(|rest| rest.find(BEGIN)) {
        let label = rest + found + BEGIN.len();
        rest = label;
        let Some(line) = text.get(label..) else { break };
        // A label is short: what looks for its end looks at no more.
        let near = line
            .char_indices()
            .take(64)
            .find(|(at, _)| line.get(*at..).is_some_and(|end| end.starts_with(DASHES)));
        let Some((length, _)) = near else { continue };
        if !line.get(..length).is_some_and(|label| label.contains("PRIVATE") && label.contains("KEY")) {
            continue;
        }
        let body = label + length + DASHES.len();
        let end = text.get(body..).and_then(|body| body.find(END)).map_or(text.len(), |length| body + length);
        mask(text, body, end, &mut edits);
        rest = end;
    }
    edits
}

/// Arguments stay as many as they are.
fn mask(text: &str, from: usize, end: usize, edits: &mut Edits) {
    let mut at = from;
    for part in text.get(from..end).unwrap_or_default().split(NUL) {
        if !part.is_empty() {
            edits.replace(at..at + part.len(), MASK.to_string());
        }
        at += part.len() + NUL.len_utf8();
    }
}
