//! A bit for every key, in front of a hash table: most files are in none, and a bit costs a tenth of a look-up. A Bloom filter
//! with one hash. Bits are set before their key is inserted and never cleared, so that a key that is there is never missed;
//! what is left behind costs a look-up.

/// 64-bit words of one filter: with a thousand keys, one of a hundred other files is looked up.
pub const WORDS: u32 = 2_048;

/// The word of a key's hash, and its bit in there.
#[inline(always)]
pub const fn place(hash: u64) -> (u32, u64) {
    (((hash >> 6) as u32) & (WORDS - 1), 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::InodeKey;

    #[test]
    fn neighbouring_inodes_and_devices_have_bits_of_their_own() {
        let (mut taken, mut shared) = ([0_u64; WORDS as usize], 0);
        for key in (0..256).map(|i| InodeKey { ino: i / 4, dev: (i % 4) as u32, space: 0 }) {
            let (word, bit) = place(key.hash());
            shared += u32::from(taken[word as usize] & bit != 0);
            taken[word as usize] |= bit;
        }
        assert!(shared < 5, "{shared} of 256 share a bit");
    }
}
