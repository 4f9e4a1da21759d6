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
        let keys = (0..64).flat_map(|ino| (0..4).map(move |dev| InodeKey { ino, dev, reserved: 0 }));
        let mut places: Vec<_> = keys.map(|key| place(key.hash())).collect();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 250, "{} of 256", places.len());
        assert!(places.iter().all(|(word, bit)| *word < WORDS && bit.count_ones() == 1));
    }
}
