//! The lookups, and what they answer.

use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, Ipv6Addr},
};

use globset::GlobSet;
use monitor_common::policy::{ADDRESS_DATABASE, ADDRESS_METADATA, AddressKey};

use super::{destructive::Destructive, services::Services};
use crate::{
    catalog::digest::Digest,
    facts::{DestinationClass, Role},
};

const DNS_PORT: u16 = 53;

/// The catalogue of destinations.
#[derive(Debug)]
pub struct Destinations {
    pub(super) providers: Vec<Provider>,
    pub(super) exact: HashMap<String, Listed>,
    /// `ec2.*.amazonaws.com`, as a glob with slashes for dots; same index as `pattern_targets`. Models come first.
    pub(super) patterns: GlobSet,
    pub(super) pattern_targets: Vec<Listed>,
    pub(super) pattern_names: Vec<String>,
    /// `example.com` for `*.example.com`.
    pub(super) suffixes: HashMap<String, Listed>,
    pub(super) addresses: HashMap<IpAddr, Listed>,
    pub(super) ports: HashMap<u16, Listed>,
    /// Learned from the package managers' configuration: host → tool.
    pub(super) packages: HashMap<String, String>,
    pub(super) services: Services,
    pub(in crate::catalog) digest: Digest,
}

/// What an entry says of its endpoints together.
#[derive(Debug)]
pub struct Provider {
    pub id: String,
    pub pack: Option<String>,
    /// The pack is switched off.
    pub off: bool,
    /// Nobody in particular is there, though the place has a name: a paste site, a customer's machine.
    pub anybodys: bool,
    pub destructive: Destructive,
}

/// What is listed for a host, an address or a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    pub class: DestinationClass,
    pub provider: usize,
    pub also: Option<Role>,
}

/// What the catalogue itself says of a host, whatever packs are switched off and registries were learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing<'c> {
    pub class: DestinationClass,
    pub provider: &'c str,
    /// What the host serves besides.
    pub also: Option<Role>,
    /// The host is part of a pack, and can be plain.
    pub can_be_plain: bool,
}

impl Destinations {
    /// Adds registries that `interlock_host::packages` learned, as host and tool.
    ///
    /// A listed name stays what it is: who can write a package manager's configuration must not be able to make a control
    /// plane, or a model, count as a registry.
    pub fn learn(&mut self, learned: impl IntoIterator<Item = (String, String)>) {
        for (host, tool) in learned {
            let host = canonical(&host);
            let listed = self.listed(&host).is_some_and(|found| found.class != DestinationClass::Unknown);
            if listed {
                tracing::warn!(
                    host,
                    tool,
                    "a package manager's registry is listed as something else, and stays that"
                );
            } else {
                self.packages.entry(host).or_insert(tool);
            }
        }
    }

    /// The tool of each registry that was learned.
    pub fn registries(&self) -> impl Iterator<Item = &str> {
        self.packages.values().map(String::as_str)
    }

    /// Class and provider of a host name, or `None` when it is not known.
    ///
    /// A known provider of class [`DestinationClass::Unknown`] is a login or web page of it, or a customer's site there. A
    /// package registry's provider is the tool that uses it.
    #[must_use]
    pub fn classify(&self, name: &str) -> Option<(DestinationClass, &str)> {
        let name = canonical(name);
        if let Some(tool) = self.packages.get(&name) {
            return Some((DestinationClass::Package, tool));
        }
        let found = self.listed(&name)?;
        Some((self.class(found), self.provider(found)))
    }

    /// What a host serves besides what its class says.
    #[must_use]
    pub fn also(&self, name: &str) -> Option<Role> {
        self.listing(name)?.also
    }

    /// What the catalogue says of a host name.
    #[must_use]
    pub fn listing(&self, name: &str) -> Option<Listing<'_>> {
        self.listed(&canonical(name)).map(|found| self.listing_of(found))
    }

    /// What it says of the names below `parent`: of those that are listed, and of any other.
    pub fn below(&self, parent: &str) -> impl Iterator<Item = Listing<'_>> {
        let parent = canonical(parent);
        let other = self.listed(&format!("any.{parent}"));
        let suffix = format!(".{parent}");
        let exact = self.exact.iter().map(|(name, found)| (name.clone(), *found));
        let suffixes = self.suffixes.iter().map(|(name, found)| (format!("*.{name}"), *found));
        // A pattern counts where its end lies below: what stands for a part of the parent is nobody's intention.
        let patterns = self.pattern_names.iter().cloned().zip(self.pattern_targets.iter().copied());
        let listed = exact.chain(suffixes).chain(patterns).filter(move |(name, _)| name.ends_with(&suffix));
        listed.map(|(_, found)| found).chain(other).map(|found| self.listing_of(found))
    }

    /// What it says of a provider's hosts, login pages, addresses and ports.
    pub fn of_provider<'c>(&'c self, id: &'c str) -> impl Iterator<Item = Listing<'c>> {
        let hosts = self.exact.values().chain(&self.pattern_targets).chain(self.suffixes.values());
        let all = hosts.chain(self.addresses.values()).chain(self.ports.values());
        all.map(|found| self.listing_of(*found)).filter(move |listing| listing.provider == id)
    }

    fn listing_of(&self, found: Listed) -> Listing<'_> {
        let can_be_plain = self.providers.get(found.provider).is_some_and(|provider| provider.pack.is_some());
        let Listed { class, also, .. } = found;
        Listing { class, provider: self.provider(found), also, can_be_plain }
    }

    /// Class and provider of an address and port, for a flow whose name is not known.
    ///
    /// A port on loopback is ordinary development work and stays [`DestinationClass::Local`].
    #[must_use]
    pub fn classify_address(&self, address: IpAddr, port: u16) -> (DestinationClass, Option<&str>) {
        let address = address.to_canonical();
        let listed = self.addresses.get(&address).or_else(|| {
            let this_host = address.is_loopback() || address.is_unspecified();
            self.ports.get(&port).filter(|_| !this_host)
        });
        match listed {
            // A listing that only names the provider says nothing against the place; and Google's metadata service is
            // its machines' resolver too (cloud.google.com/dns/docs/vpc-name-res-order).
            Some(found)
                if is_local(address)
                    && (matches!(
                        self.class(*found),
                        DestinationClass::Unknown | DestinationClass::Plain
                    ) || (found.class == DestinationClass::Metadata && port == DNS_PORT)) =>
            {
                (DestinationClass::Local, Some(self.provider(*found)))
            }
            Some(found) => (self.class(*found), Some(self.provider(*found))),
            None if is_local(address) => (DestinationClass::Local, None),
            None => (DestinationClass::Unknown, None),
        }
    }

    /// Class and provider of a port at a place of which only the name is known.
    #[must_use]
    pub fn classify_port(&self, port: u16) -> (DestinationClass, Option<&str>) {
        let listed = self.ports.get(&port);
        listed.map_or((DestinationClass::Unknown, None), |found| {
            (self.class(*found), Some(self.provider(*found)))
        })
    }

    /// What the kernel can tell by address or port alone: metadata services and database ports.
    #[must_use]
    pub fn kernel_addresses(&self) -> Vec<(AddressKey, u32)> {
        let of_class = |found: &Listed, class| self.class(*found) == class;
        let metadata = self.addresses.iter().filter(|(_, found)| of_class(found, DestinationClass::Metadata));
        let databases = self.ports.iter().filter(|(_, found)| of_class(found, DestinationClass::Database));
        let mut keys: Vec<_> =
            metadata
                .map(|(address, _)| {
                    (AddressKey { address: mapped(*address).octets(), port: 0 }, ADDRESS_METADATA)
                })
                .chain(databases.map(|(port, _)| {
                    (AddressKey { address: [0; 16], port: u32::from(*port) }, ADDRESS_DATABASE)
                }))
                .collect();
        keys.sort_unstable_by_key(|(key, _)| (key.address, key.port));
        keys
    }

    /// What a request to the provider that destroys looks like; `None` for a provider that is not known.
    #[must_use]
    pub fn destructive(&self, provider: &str) -> Option<&Destructive> {
        self.providers.iter().find(|known| known.id == provider).map(|known| &known.destructive)
    }

    /// Ids of all providers, in the file's order.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().map(|provider| provider.id.as_str())
    }

    /// The pack of each entry that is part of one, with repetitions.
    pub(in crate::catalog) fn packs(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().filter_map(|provider| provider.pack.as_deref())
    }

    /// Ids of the endpoints that are named, or part of a pack that is.
    #[must_use]
    pub fn meant_by(&self, names: &[String]) -> Vec<String> {
        let part = |provider: &&Provider| {
            names.contains(&provider.id) || provider.pack.as_ref().is_some_and(|pack| names.contains(pack))
        };
        self.providers.iter().filter(part).map(|provider| provider.id.clone()).collect()
    }

    /// Whether the provider says nothing of who is there: an endpoint of class unknown that is not `known`.
    #[must_use]
    pub fn is_anybodys(&self, provider: &str) -> bool {
        self.providers.iter().any(|known| known.id == provider && known.anybodys)
    }

    /// Makes the endpoints of exactly these packs plain.
    pub(in crate::catalog) fn switch_off(&mut self, packs: &BTreeSet<&str>) {
        for provider in &mut self.providers {
            provider.off = provider.pack.as_deref().is_some_and(|pack| packs.contains(pack));
        }
    }

    /// Services of this machine that start processes for others.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    fn listed(&self, name: &str) -> Option<Listed> {
        if let Some(found) = self.exact.get(name) {
            return Some(*found);
        }
        // Patterns carve names out of suffixes: bedrock-runtime.*.amazonaws.com out of *.amazonaws.com.
        if let Some(first) = self.patterns.matches(name.replace('.', "/")).first() {
            return self.pattern_targets.get(*first).copied();
        }
        let mut rest = name;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(found) = self.suffixes.get(parent) {
                return Some(*found);
            }
            rest = parent;
        }
        None
    }

    fn class(&self, found: Listed) -> DestinationClass {
        let off = self.providers.get(found.provider).is_some_and(|provider| provider.off);
        if off { DestinationClass::Plain } else { found.class }
    }

    fn provider(&self, found: Listed) -> &str {
        self.providers.get(found.provider).map_or("", |provider| &provider.id)
    }
}

/// Lower case, without the root's dot.
fn canonical(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Not on the public internet: loopback, link-local, private, shared (RFC 6598), unique local, multicast, unspecified.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
        }
    }
}
