//! The resolvers that this machine is configured with (resolv.conf(5)): whose answers a session cannot choose.

use std::{collections::HashSet, net::IpAddr, path::Path, time::Duration};

use crate::regular;
use interlock_core::facts::BootNanos;

/// Largest one that is read.
const BYTES_MAX: u64 = 1 << 20;
/// The resolver's configuration, and what systemd-resolved asks behind its own address.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
/// A network change is noticed within this time.
const AGE_MAX: Duration = Duration::from_secs(10);

/// Addresses of the machine's resolvers.
#[derive(Debug, Default)]
pub struct Resolvers {
    addresses: HashSet<IpAddr>,
    /// Of the configuration: also where no file names them.
    configured: HashSet<IpAddr>,
    read: Option<BootNanos>,
}

impl Resolvers {
    /// Those of `configured`, and those of the machine's files.
    #[must_use]
    pub fn new(configured: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { configured: configured.into_iter().collect(), ..Self::default() }
    }

    /// Whether a resolver of this machine has this address. Fails closed: what cannot be read names none.
    pub fn contain(&mut self, address: IpAddr, now: BootNanos) -> bool {
        if self.read.is_none_or(|read| now.since(read) >= AGE_MAX) {
            let texts = FILES.iter().filter_map(|file| regular::text(Path::new(file), BYTES_MAX).ok());
            self.addresses = texts.flat_map(|text| nameservers(&text)).collect();
            self.read = Some(now);
        }
        let address = address.to_canonical();
        self.addresses.contains(&address) || self.configured.contains(&address)
    }
}

/// The addresses of lines `nameserver ADDRESS`; a zone (`fe80::1%eth0`) is not part of one.
fn nameservers(text: &str) -> Vec<IpAddr> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next()? == "nameserver").then(|| words.next())?
    });
    lines
        .filter_map(|word| word.split('%').next()?.parse().ok())
        .map(|ip: IpAddr| ip.to_canonical())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_resolvers_are_read_and_others_are_not() {
        let text = "# nameserver 192.0.2.1\nsearch x.org\nnameserver 127.0.0.53\n nameserver\tfe80::1%eth0\nnameserver ::ffff:192.0.2.2 # x\nnameserver x\n";
        let expected: Vec<IpAddr> =
            ["127.0.0.53", "fe80::1", "192.0.2.2"].map(|ip| ip.parse().unwrap()).into();
        assert_eq!(nameservers(text), expected);
    }

    #[test]
    fn a_configured_one_is_one() {
        let ip: IpAddr = "192.0.2.7".parse().unwrap();
        assert!(Resolvers::new([ip]).contain(ip, BootNanos(1)));
        assert!(!Resolvers::new([]).contain(ip, BootNanos(1)));
    }
}
