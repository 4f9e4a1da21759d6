//! The word that was meant.

use strsim::osa_distance;

/// Letters of a word that are looked at.
const LETTERS_MAX: usize = 64;

/// Returns the nearest of `words`, where it is at most a third of its letters away: insertions, deletions, replacements and swaps
/// of neighbours, in any case.
pub fn nearest<'w>(found: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let found: String = found.to_lowercase().chars().take(LETTERS_MAX).collect();
    let near = words.into_iter().filter_map(|word| {
        let meant = word.to_lowercase();
        let (away, letters) = (osa_distance(&found, &meant), meant.chars().count());
        (away <= (letters / 3).max(1) && away < letters).then_some((away, word))
    });
    near.min_by_key(|(away, _)| *away).map(|(_, word)| word)
}
