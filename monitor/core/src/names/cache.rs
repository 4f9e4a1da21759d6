//! What DNS said about addresses, for one session.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::Duration,
};

use crate::facts::BootNanos;

/// Addresses of one session.
pub const MAX_ADDRESSES: usize = 4096;
/// Names of one address: a shared front end has many, and a flow has only just asked for its own.
pub const MAX_NAMES: usize = 8;
/// All names of one session together, bytes: 8 long ones for each of 4096 addresses would be 8 MiB.
pub const MAX_BYTES: usize = 1 << 20;

/// A name is kept at least this long: programs hold on to an address and connect after its time to live has ended, and
/// front ends publish times of a few seconds.
pub const MIN_LIFE: Duration = Duration::from_secs(60);
/// And at most this long: an address that long unused may belong to someone else.
pub const MAX_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Addresses → names, bounded; what was learned longest ago makes room and is counted.
#[derive(Debug, Default)]
pub struct NameCache {
    addresses: HashMap<IpAddr, Entry>,
    /// Addresses in the order in which something was last learned about them.
    order: BTreeMap<u64, IpAddr>,
    next: u64,
    bytes: usize,
    evicted: u64,
}

#[derive(Debug)]
struct Entry {
    turn: u64,
    /// Oldest first.
    names: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    name: String,
    until: BootNanos,
    weight: Weight,
}

/// What speaks for a name, and what follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// How bad it would be if the address stood for this name: of too many, the least dangerous makes room.
    pub danger: u8,
    /// A resolver of this machine's own said so, not one that anybody may have chosen.
    pub trusted: bool,
}

impl Known {
    fn danger(&self) -> u8 {
        self.weight.danger
    }
}

impl NameCache {
    /// Notes that `address` stands for `name`. IPv4 in IPv6's clothes counts as IPv4. What a trusted resolver has said stays
    /// trusted when somebody repeats it.
    pub fn insert(&mut self, name: &str, address: IpAddr, ttl: Duration, weight: Weight, now: BootNanos) {
        let address = address.to_canonical();
        let until = now.plus(ttl.clamp(MIN_LIFE, MAX_LIFE));
        let turn = self.next;
        self.next += 1;

        let entry = self.addresses.entry(address).or_insert_with(|| Entry { turn, names: Vec::new() });
        self.order.remove(&entry.turn);
        self.order.insert(turn, address);
        entry.turn = turn;
        // What has ended is not lost, so it is not counted.
        let (bytes, mut weight) = (&mut self.bytes, weight);
        entry.names.retain(|known| {
            let keep = known.until > now && known.name != name;
            weight.trusted |= known.until > now && known.name == name && known.weight.trusted;
            *bytes -= if keep { 0 } else { known.name.len() };
            keep
        });
        entry.names.push(Known { name: name.to_owned(), until, weight });
        if entry.names.len() > MAX_NAMES {
            let harmless =
                (0..entry.names.len()).min_by_key(|place| entry.names.get(*place).map(Known::danger));
            let name = entry.names.remove(harmless.unwrap_or_default()).name;
            self.bytes -= name.len();
            self.evicted += 1;
        }
        self.bytes += name.len();
        self.make_room();
    }

    /// Names that `address` stands for, newest first, and whether a trusted resolver said so.
    pub fn lookup(&self, address: IpAddr, now: BootNanos) -> impl Iterator<Item = (&str, bool)> {
        let names = self.addresses.get(&address.to_canonical()).map_or(&[][..], |entry| &entry.names);
        names
            .iter()
            .rev()
            .filter(move |known| known.until > now)
            .map(|known| (known.name.as_str(), known.weight.trusted))
    }

    /// Addresses, and names of an address, that made room for newer ones.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    fn make_room(&mut self) {
        while self.addresses.len() > MAX_ADDRESSES || self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            if let Some(entry) = self.addresses.remove(&oldest) {
                self.bytes -= entry.names.iter().map(|known| known.name.len()).sum::<usize>();
                self.evicted += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(seconds: u64) -> BootNanos {
        BootNanos(seconds * SECOND)
    }

    fn ip(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    fn names(cache: &NameCache, address: IpAddr, now: BootNanos) -> Vec<&str> {
        cache.lookup(address, now).map(|(name, _)| name).collect()
    }

    #[test]
    fn a_name_lives_at_least_a_minute_and_at_most_a_day() {
        let mut cache = NameCache::default();
        cache.insert("short.org", ip(1), Duration::ZERO, Weight::default(), at(10));
        cache.insert("long.org", ip(2), Duration::from_secs(u32::MAX.into()), Weight::default(), at(10));
        assert_eq!(names(&cache, ip(1), at(69)), ["short.org"]);
        assert!(names(&cache, ip(1), at(70)).is_empty());
        assert_eq!(names(&cache, ip(2), at(24 * 3600 + 9)), ["long.org"]);
        assert!(names(&cache, ip(2), at(24 * 3600 + 10)).is_empty());
    }

    #[test]
    fn the_newest_name_comes_first_and_the_oldest_goes() {
        let mut cache = NameCache::default();
        for i in 0..=MAX_NAMES {
            cache.insert(&format!("n{i}.org"), ip(1), MIN_LIFE, Weight::default(), at(1));
        }
        cache.insert("n3.org", ip(1), MIN_LIFE, Weight::default(), at(2));
        let expected = ["n3.org", "n8.org", "n7.org", "n6.org", "n5.org", "n4.org", "n2.org", "n1.org"];
        assert_eq!(names(&cache, ip(1), at(3)), expected);
        assert_eq!(cache.evicted(), 1);
    }

    #[test]
    fn the_most_dangerous_name_is_not_pushed_out_by_harmless_ones() {
        let mut cache = NameCache::default();
        let weight = |danger| Weight { danger, trusted: false };
        cache.insert("control.example", ip(1), MIN_LIFE, weight(7), at(1));
        for i in 0..2 * MAX_NAMES {
            cache.insert(&format!("n{i}.org"), ip(1), MIN_LIFE, weight(i as u8 % 4), at(1));
        }
        let held = names(&cache, ip(1), at(2));
        assert!(held.contains(&"control.example") && held.len() == MAX_NAMES, "{held:?}");
        assert_eq!(cache.evicted(), MAX_NAMES as u64 + 1);
    }

    #[test]
    fn what_a_trusted_resolver_said_stays_trusted_for_as_long_as_it_lives() {
        let mut cache = NameCache::default();
        let by = |trusted| Weight { danger: 0, trusted };
        cache.insert("x.org", ip(1), MIN_LIFE, by(true), at(1));
        cache.insert("x.org", ip(1), MIN_LIFE, by(false), at(2));
        assert_eq!(cache.lookup(ip(1), at(3)).collect::<Vec<_>>(), [("x.org", true)]);
        cache.insert("x.org", ip(1), MIN_LIFE, by(false), at(100));
        assert_eq!(cache.lookup(ip(1), at(101)).collect::<Vec<_>>(), [("x.org", false)]);
    }

    #[test]
    fn the_address_that_was_learned_longest_ago_makes_room() {
        let mut cache = NameCache::default();
        for i in 0..MAX_ADDRESSES as u32 {
            cache.insert("x.org", ip(i), MIN_LIFE, Weight::default(), at(1));
        }
        cache.insert("x.org", ip(0), MIN_LIFE, Weight::default(), at(2));
        cache.insert("x.org", ip(u32::MAX), MIN_LIFE, Weight::default(), at(2));
        assert_eq!(cache.addresses.len(), MAX_ADDRESSES);
        assert_eq!(cache.order.len(), MAX_ADDRESSES);
        assert_eq!(cache.evicted(), 1);
        assert_eq!(names(&cache, ip(0), at(3)), ["x.org"]);
        assert!(names(&cache, ip(1), at(3)).is_empty());
    }

    #[test]
    fn long_names_cannot_fill_the_memory() {
        let mut cache = NameCache::default();
        for i in 0..MAX_ADDRESSES as u32 {
            for j in 0..MAX_NAMES {
                cache.insert(&format!("{i:0>125}.{j:0>125}"), ip(i), MIN_LIFE, Weight::default(), at(1));
            }
        }
        let held: usize = cache.addresses.values().flat_map(|e| &e.names).map(|known| known.name.len()).sum();
        assert_eq!(held, cache.bytes);
        assert!(held <= MAX_BYTES);
        assert!(cache.evicted() > 0);
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        let mut cache = NameCache::default();
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        cache.insert("x.org", mapped, MIN_LIFE, Weight::default(), at(1));
        assert_eq!(names(&cache, "10.0.0.1".parse().unwrap(), at(2)), ["x.org"]);
        assert_eq!(names(&cache, mapped, at(2)), ["x.org"]);
    }
}
