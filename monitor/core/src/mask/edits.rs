//! Parts of a text that are to be replaced.

use std::ops::Range;

/// Replacements in the order of their places. One that begins before the end of the one before it is left out.
#[derive(Debug, Default)]
pub struct Edits {
    of: Vec<(Range<usize>, String)>,
}

impl Edits {
    pub fn replace(&mut self, range: Range<usize>, by: String) {
        let behind = self.of.last().is_none_or(|(before, _)| before.end <= range.start);
        if behind && !range.is_empty() {
            self.of.push((range, by));
        }
    }

    /// The text with them; `None` where they change nothing.
    pub fn apply(self, text: &str) -> Option<String> {
        let mut changed = String::with_capacity(text.len());
        let mut rest = 0;
        for (range, by) in self.of {
            // A range that is no part of the text would be a mistake of who made it: it changes nothing.
            let (Some(before), Some(part)) = (text.get(rest..range.start), text.get(range.clone())) else {
                continue;
            };
            if part == by {
                continue;
            }
            changed.push_str(before);
            changed.push_str(&by);
            rest = range.end;
        }
        if rest == 0 {
            return None;
        }
        changed.push_str(text.get(rest..).unwrap_or_default());
        Some(changed)
    }
}
