//! DNS answers (RFC 1035, RFC 9460): which addresses a name that was asked for stands for.

use std::{collections::HashSet, net::IpAddr, time::Duration};

use simple_dns::{
    Name, Packet, PacketFlag, RCODE, ResourceRecord,
    rdata::{RData, SVCB, SVCParam},
};

pub use self::fault::Fault;
use super::host;

mod fault;
mod trim;

/// Longest chain of aliases that is followed, links. Resolvers stop at 8 to 17.
pub const MAX_LINKS: usize = 16;

/// An address of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name that was asked for, lower case, without the trailing dot; not the alias that the address belongs to.
    pub name: String,
    pub address: IpAddr,
    /// As the record says.
    pub ttl: Duration,
}

/// The addresses that a response gives for what it was asked; none where it is a query or a refusal.
///
/// Aliases are followed inside the message, in any order. The end of `message` may be missing: the records that are
/// whole count.
///
/// # Errors
/// [`Fault`] where the message is not DNS.
pub fn answers(message: &[u8]) -> Result<Vec<Answer>, Fault> {
    let trimmed = trim::answer_section(message)?;
    let packet = Packet::parse(&trimmed).map_err(Fault::Malformed)?;
    if !packet.has_flags(PacketFlag::RESPONSE) || packet.rcode() != RCODE::NoError {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for question in &packet.questions {
        let asked = host_name(&question.qname).ok_or(Fault::NoHostName)?;
        let reachable = follow(asked.clone(), &packet.answers);
        for record in &packet.answers {
            if host_name(&record.name).is_some_and(|owner| reachable.contains(&owner)) {
                let ttl = Duration::from_secs(record.ttl.into());
                found.extend(addresses(&record.rdata).map(|address| Answer {
                    name: asked.clone(),
                    address,
                    ttl,
                }));
            }
        }
    }
    Ok(found)
}

/// `name` and every alias that the records lead it to.
fn follow(name: String, records: &[ResourceRecord<'_>]) -> HashSet<String> {
    let links: Vec<(String, String)> = records
        .iter()
        .filter_map(|record| Some((host_name(&record.name)?, host_name(alias(&record.rdata)?)?)))
        .collect();
    let mut reachable = HashSet::from([name]);
    for _ in 0..MAX_LINKS {
        let next: Vec<String> = links
            .iter()
            .filter(|(from, to)| reachable.contains(from) && !reachable.contains(to))
            .map(|(_, to)| to.clone())
            .collect();
        if next.is_empty() {
            break;
        }
        reachable.extend(next);
    }
    reachable
}

fn alias<'a>(data: &'a RData<'_>) -> Option<&'a Name<'a>> {
    match data {
        RData::CNAME(target) => Some(&target.0),
        RData::SVCB(service) | RData::HTTPS(simple_dns::rdata::HTTPS(service)) => Some(&service.target),
        _ => None,
    }
}

fn addresses(data: &RData<'_>) -> Box<dyn Iterator<Item = IpAddr>> {
    match data {
        RData::A(a) => Box::new(std::iter::once(IpAddr::from(a.address.to_be_bytes()))),
        RData::AAAA(aaaa) => Box::new(std::iter::once(IpAddr::from(aaaa.address.to_be_bytes()))),
        RData::SVCB(service) | RData::HTTPS(simple_dns::rdata::HTTPS(service)) => {
            Box::new(hints(service).into_iter())
        }
        _ => Box::new(std::iter::empty()),
    }
}

fn hints(service: &SVCB<'_>) -> Vec<IpAddr> {
    service
        .iter_params()
        .flat_map(|param| match param {
            SVCParam::Ipv4Hint(hints) => hints.iter().map(|ip| IpAddr::from(ip.to_be_bytes())).collect(),
            SVCParam::Ipv6Hint(hints) => hints.iter().map(|ip| IpAddr::from(ip.to_be_bytes())).collect(),
            _ => Vec::new(),
        })
        .collect()
}

/// `None` where a label holds what no host name can, a dot above all: `a\.b.org` is not `a.b.org`.
fn host_name(name: &Name<'_>) -> Option<String> {
    let labels: Vec<&[u8]> = name.as_bytes().collect();
    if labels.iter().any(|label| label.contains(&b'.')) {
        return None;
    }
    host::name(&labels.join(&b'.'))
}

#[cfg(test)]
mod tests;
