//! Where a flow goes, by its address and by every name that it may have.
//!
//! Names count by who said them (`docs/decisions/0026`): the flow itself first, then the machine's own resolvers. What a
//! session could have caused to be said makes a place worse, never better.

use std::net::IpAddr;

use crate::{
    catalog::destinations::Destinations,
    facts::{Destination, DestinationClass, NameSource, Transport},
    names::Identified,
};

/// From here on a name is worse than none.
pub const DANGEROUS: u8 = danger(DestinationClass::Database);

/// Where a flow to `address` and `port` goes: the worst of what counts.
#[must_use]
pub fn destination(
    destinations: &Destinations,
    identified: &Identified,
    address: IpAddr,
    port: u16,
    transport: Transport,
) -> Destination {
    let mut place = by_address(destinations, identified, address, port, transport);
    let plain = place.class;
    for (name, source) in names_that_count(identified) {
        let (class, provider) = match destinations.classify(name) {
            // A name that only tells the provider (a customer's machine at it) says nothing against the port.
            Some((DestinationClass::Unknown, provider))
                if danger(plain) > danger(DestinationClass::Unknown) =>
            {
                (plain, Some(provider.to_owned()))
            }
            Some((class, provider)) => (class, Some(provider.to_owned())),
            None => (plain, place.provider.clone()),
        };
        if place.name.is_none() || danger(class) > danger(place.class) {
            place.name = Some(name.clone());
            place.named_by = Some(*source);
            (place.class, place.provider) = (class, provider);
        }
    }
    let is_dns_alone = place.named_by == Some(NameSource::Dns)
        && matches!(place.class, DestinationClass::Model | DestinationClass::Package);
    for name in warnings(identified, is_dns_alone) {
        let Some((class, provider)) = destinations.classify(name) else { continue };
        if danger(class) >= DANGEROUS && danger(class) > danger(place.class) {
            (place.name, place.named_by) = (Some(name.clone()), Some(NameSource::Dns));
            (place.class, place.provider) = (class, Some(provider.to_owned()));
        }
    }
    place.also = place.name.as_deref().and_then(|name| destinations.also(name));
    // Whoever it is for has not been said: the address of a proxy on this machine proves nothing.
    let is_unsaid = place.name.is_none()
        && (transport == Transport::Raw || identified.unfinished || identified.unreadable);
    if is_unsaid && danger(place.class) < danger(DestinationClass::Unknown) {
        place.class = DestinationClass::Unknown;
    }
    let is_anybodys = |provider: &String| destinations.is_anybodys(provider);
    place.anybodys = place.class == DestinationClass::Unknown
        && (place.name.is_none() || place.provider.as_ref().is_none_or(is_anybodys));
    place
}

/// How bad a destination of this name would be.
#[must_use]
pub fn danger_of(destinations: &Destinations, name: &str) -> u8 {
    destinations.classify(name).map_or(danger(DestinationClass::Unknown), |(class, _)| danger(class))
}

/// What the address and the port say: of the flow, or of what it asks a proxy for.
fn by_address(
    destinations: &Destinations,
    identified: &Identified,
    address: IpAddr,
    port: u16,
    transport: Transport,
) -> Destination {
    let target = proxied(identified);
    let port = identified.proxy_target.as_ref().map_or(port, |(_, port)| *port);
    let (class, provider) = match &target {
        None => destinations.classify_address(address, port),
        Some(Target::Address(target)) => destinations.classify_address(*target, port),
        // A proxy of this machine means itself by it.
        Some(Target::Name(name)) if address.is_loopback() && is_this_machine(name) => {
            (DestinationClass::Local, None)
        }
        // Where the proxy will go is not known; that it is here itself says nothing.
        Some(Target::Name(_)) => destinations.classify_port(port),
    };
    let address = if let Some(Target::Address(target)) = target { target } else { address };
    Destination {
        address,
        port,
        transport,
        name: None,
        named_by: None,
        class,
        also: None,
        provider: provider.map(str::to_owned),
        anybodys: false,
    }
}

fn has_own_name(identified: &Identified) -> bool {
    identified.names.first().is_some_and(|(_, source)| *source != NameSource::Dns)
}

/// The flow's own name alone, where it has one and DNS does not contradict it; otherwise every name that could be true.
fn names_that_count(identified: &Identified) -> impl Iterator<Item = &(String, NameSource)> {
    let trusted = has_own_name(identified) && !identified.mismatch;
    identified.names.iter().take(if trusted { 1 } else { usize::MAX })
}

/// Names that can only make the place worse: rumours about a flow that does not say who it is for, or contradicts DNS; and
/// what others were told, where DNS alone says that it is a place that is never stopped.
fn warnings(identified: &Identified, is_dns_alone: bool) -> impl Iterator<Item = &String> {
    let doubts = !has_own_name(identified) || identified.mismatch;
    let rumours = identified.rumours.iter().filter(move |_| doubts);
    rumours.chain(identified.claims.iter().filter(move |_| is_dns_alone))
}

/// What a proxy is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Target<'i> {
    Address(IpAddr),
    Name(&'i str),
}

fn proxied(identified: &Identified) -> Option<Target<'_>> {
    let (host, _) = identified.proxy_target.as_ref()?;
    Some(match host.parse::<IpAddr>() {
        Ok(address) => Target::Address(address.to_canonical()),
        Err(_) => Target::Name(host),
    })
}

/// RFC 6761, 6.3.
fn is_this_machine(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// Which of several possible classes is assumed: the worst.
const fn danger(class: DestinationClass) -> u8 {
    match class {
        DestinationClass::Infra => 7,
        DestinationClass::Metadata => 6,
        DestinationClass::Database => 5,
        DestinationClass::Unknown => 4,
        DestinationClass::Vcs | DestinationClass::Plain => 3,
        DestinationClass::Package => 2,
        DestinationClass::Model => 1,
        DestinationClass::Local => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: [u8; 4] = [203, 0, 113, 5];

    fn identified(names: &[(&str, NameSource)], mismatch: bool) -> Identified {
        let names = names.iter().map(|(name, source)| ((*name).to_owned(), *source)).collect();
        Identified { names, mismatch, ..Identified::default() }
    }

    fn place(identified: &Identified, address: [u8; 4], port: u16) -> Destination {
        let catalogue = Destinations::builtin().unwrap();
        destination(&catalogue, identified, address.into(), port, Transport::Tcp)
    }

    #[test]
    fn the_flows_own_name_counts_alone_unless_dns_contradicts() {
        let names =
            [("api.anthropic.com", NameSource::ServerName), ("backboard.railway.app", NameSource::Dns)];
        assert_eq!(names_that_count(&identified(&names, false)).count(), 1);
        assert_eq!(names_that_count(&identified(&names, true)).count(), 2);
        let dns = [("a.example", NameSource::Dns), ("b.example", NameSource::Dns)];
        assert_eq!(names_that_count(&identified(&dns, false)).count(), 2);
    }

    #[test]
    fn a_name_that_only_tells_the_provider_leaves_the_port_its_word() {
        let found = |name, port| place(&identified(&[(name, NameSource::Dns)], false), PUBLIC, port);
        let machine = "ec2-3-210-1-2.compute-1.amazonaws.com";
        let database = found(machine, 5432);
        assert_eq!(database.class, DestinationClass::Database);
        assert_eq!(database.provider.as_deref(), Some("aws-hosted"));
        assert_eq!(found(machine, 443).class, DestinationClass::Unknown);
        assert_eq!(found("pastebin.com", 443).class, DestinationClass::Unknown);
        assert_eq!(found("api.anthropic.com", 5432).class, DestinationClass::Model);
        assert_eq!(found("github.com", 22).class, DestinationClass::Vcs);
    }

    #[test]
    fn a_proxy_leads_where_it_is_asked_to() {
        let asked = |host: &str, port, source: Option<NameSource>| {
            let names: Vec<_> = source.map(|source| (host, source)).into_iter().collect();
            let target = Some((host.to_owned(), port));
            place(&Identified { proxy_target: target, ..identified(&names, false) }, [127, 0, 0, 1], 3128)
        };
        let http = Some(NameSource::Http);
        let metadata = asked("169.254.169.254", 80, None);
        assert_eq!((metadata.address, metadata.port), ([169, 254, 169, 254].into(), 80));
        assert_eq!(metadata.class, DestinationClass::Metadata);
        assert_eq!(asked("db.customer.example", 5432, http).class, DestinationClass::Database);
        assert_eq!(asked("db.customer.example", 443, http).class, DestinationClass::Unknown);
        assert_eq!(asked("localhost", 5432, http).class, DestinationClass::Local);
        assert_eq!(asked("backboard.railway.app", 443, http).class, DestinationClass::Infra);
        assert_eq!(asked("api.anthropic.com", 443, http).class, DestinationClass::Model);
    }

    #[test]
    fn a_rumour_makes_a_place_worse_and_never_better() {
        let rumoured = |rumour: &str, own: Option<&str>| {
            let names: Vec<_> = own.map(|own| (own, NameSource::ServerName)).into_iter().collect();
            place(&Identified { rumours: vec![rumour.to_owned()], ..identified(&names, false) }, PUBLIC, 443)
        };
        let infra = rumoured("backboard.railway.app", None);
        assert_eq!(
            (infra.class, infra.name.as_deref()),
            (DestinationClass::Infra, Some("backboard.railway.app"))
        );
        let model = rumoured("api.openai.com", None);
        assert_eq!((model.class, model.name), (DestinationClass::Unknown, None));
        assert_eq!(rumoured("backboard.railway.app", Some("api.openai.com")).class, DestinationClass::Model);
    }

    #[test]
    fn what_dns_alone_calls_a_model_is_one_only_where_nobody_was_told_otherwise() {
        let claimed = |name: &str, claims: &[&str]| {
            let claims = claims.iter().map(|claim| (*claim).to_owned()).collect();
            place(&Identified { claims, ..identified(&[(name, NameSource::Dns)], false) }, PUBLIC, 443).class
        };
        assert_eq!(claimed("api.openai.com", &[]), DestinationClass::Model);
        assert_eq!(claimed("api.openai.com", &["backboard.railway.app"]), DestinationClass::Infra);
        assert_eq!(claimed("github.com", &["api.github.com"]), DestinationClass::Vcs, "a forge's own hosts");
    }

    #[test]
    fn what_a_proxy_is_asked_in_words_that_nobody_understands_is_unknown() {
        let unreadable = Identified { unreadable: true, ..Identified::default() };
        assert_eq!(place(&unreadable, [127, 0, 0, 1], 3128).class, DestinationClass::Unknown);
        assert_eq!(place(&Identified::default(), [127, 0, 0, 1], 3128).class, DestinationClass::Local);
    }
}
