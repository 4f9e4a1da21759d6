//! What nobody may approve.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use super::decider::Decider;
use crate::{
    facts::{Destination, DestinationClass},
    holds::Object,
};

/// Where clouds hand out a machine's own credentials, whatever name led there; of the catalogue's (`metadata`), those that are
/// reached by address. Names are of the class by the catalogue itself.
const METADATA: [IpAddr; 10] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),
];
/// Some clouds' resolvers have the same address.
const DNS: u16 = 53;

impl Decider {
    /// Why nobody may let this go on; `None` where somebody may.
    #[must_use]
    pub fn never(&self, object: &Object) -> Option<&'static str> {
        match object {
            Object::Connection(to) if is_metadata(to) => {
                Some("it is a cloud's metadata service, which hands out the machine's own credentials")
            }
            Object::Secret(path) | Object::Program(path) if self.is_own(path) => {
                Some("it is one of Interlock's own files")
            }
            _ => None,
        }
    }

    fn is_own(&self, path: &str) -> bool {
        self.settings.own.iter().any(|own| Path::new(path).starts_with(own))
    }
}

fn is_metadata(to: &Destination) -> bool {
    to.class == DestinationClass::Metadata || to.port != DNS && METADATA.contains(&to.address.to_canonical())
}
