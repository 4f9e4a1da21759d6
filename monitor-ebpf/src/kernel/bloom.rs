//! The bits in front of the tables, see `monitor_common::bits`.

use aya_ebpf::maps::Array;
use monitor_common::bits;

use crate::kernel::atomic;

/// Whether a key of this hash may be in the table behind these bits.
#[inline(always)]
pub fn passes(filter: &Array<u64>, hash: u64) -> bool {
    let (word, bit) = bits::place(hash);
    // Unreadable cannot be, as the word is within the map; if it were, the table itself answers.
    filter.get(word).is_none_or(|word| *word & bit != 0)
}

/// Before the key is inserted.
#[inline(always)]
pub fn admit(filter: &Array<u64>, hash: u64) {
    let (word, bit) = bits::place(hash);
    if let Some(word) = filter.get_ptr_mut(word) {
        // SAFETY: a word of the map, aligned.
        unsafe { atomic::set_bits(word, bit) };
    }
}
