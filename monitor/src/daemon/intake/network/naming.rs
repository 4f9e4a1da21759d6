//! Names of destinations: what a flow says of itself, and what DNS said before it.

use std::net::IpAddr;

use monitor_common::{
    event::network::{Dns, FlowAsk},
    policy::FlowName,
};

use crate::daemon::context::{Context, flows::Flows, reporter::dismissed::DropReason};
use interlock_core::{
    catalog::Catalog,
    facts::{BootNanos, Destination, SessionId, Transport},
    names::{self, Answering, Identified, Names, Shown, kept},
    recognition,
};
use interlock_host::probes::Maps;

const TCP: u32 = 6;
const UDP: u16 = 17;
const HTTPS: u16 = 443;

/// Where a connect goes.
pub fn destination(
    names: &Names,
    catalog: &Catalog,
    session: SessionId,
    address: [u8; 16],
    port: u16,
    protocol: u16,
    at: BootNanos,
) -> Destination {
    let transport = if protocol == UDP { Transport::Udp } else { Transport::Tcp };
    let address = IpAddr::from(address).to_canonical();
    let identified = names.identify(session, address, port, Shown::NOTHING, None, at);
    recognition::destination(&catalog.destinations, &identified, address, port, transport)
}

/// What the flow says of its name, now and when it began, and what DNS said before it.
pub fn identified(maps: &Maps, flows: &Flows, ask: &FlowAsk) -> Identified {
    let (session, at) = (SessionId(ask.header.session), BootNanos(ask.header.at_ns));
    let (shown, kept) = (flows.greetings.with_before(ask), kept_name(maps, ask));
    let address = IpAddr::from(ask.address).to_canonical();
    let mut identified = {
        let hides_its_name = ask.protocol == UDP && ask.port == HTTPS && is_quic(&shown);
        let shown = Shown { bytes: &shown, changeable: ask.changeable != 0 || hides_its_name };
        flows.names.identify(session, address, ask.port, shown, kept.as_ref(), at)
    };
    // A datagram is whole: nothing that is written next is added to it.
    identified.unfinished &= ask.protocol != UDP;
    identified
}

/// Where a flow that asks goes.
pub fn asked_destination(catalog: &Catalog, ask: &FlowAsk, identified: &Identified) -> Destination {
    let transport = match ask.protocol {
        _ if ask.address == [0; 16] && ask.port == 0 => Transport::Raw,
        UDP => Transport::Udp,
        _ => Transport::Tcp,
    };
    let address = IpAddr::from(ask.address).to_canonical();
    recognition::destination(&catalog.destinations, identified, address, ask.port, transport)
}

/// What the connection said when it began; `None` also where it leads elsewhere by now.
pub fn kept_name(maps: &Maps, shown: &FlowAsk) -> Option<FlowName> {
    let kept = maps.flow_name(shown.cookie)?;
    (kept.address == shown.address && kept.port == shown.port).then_some(kept)
}

/// Keeps the first name that a connection says.
pub fn keep_name(maps: &mut Maps, shown: &FlowAsk, said: &names::Identified) {
    let Some(name) = kept::keep(said, shown.address, shown.port) else { return };
    if let Err(error) = maps.name_flow(shown.cookie, name) {
        // Fails closed: without a name it asks as one to an unknown place.
        tracing::warn!(cookie = shown.cookie, %error, "the name of a connection cannot be kept");
    }
}

/// A segment at the begin of a stream, which has passed.
pub fn on_greeting(ctx: &mut Context, shown: &FlowAsk) {
    if ctx.decider.sessions.get(SessionId(shown.header.session)).is_none() {
        return ctx.reporter.dismiss("greeting", DropReason::SessionOver);
    }
    if kept_name(&ctx.kernel.maps, shown).is_some() {
        return; // inside a tunnel
    }
    let so_far = ctx.flows.greetings.with_before(shown).into_owned();
    let bytes = Shown { bytes: &so_far, changeable: shown.changeable != 0 };
    let said = names::said(IpAddr::from(shown.address).to_canonical(), shown.port, bytes);
    if said.unfinished {
        if !ctx.flows.greetings.wait(shown, so_far) {
            // Who could have said a name, and whose name nobody will know, is nobody that DNS can speak for.
            keep_name(
                &mut ctx.kernel.maps,
                shown,
                &names::Identified { nameless: true, ..Default::default() },
            );
        }
    } else {
        ctx.flows.greetings.forget(shown.cookie);
        keep_name(&mut ctx.kernel.maps, shown, &said);
    }
}

pub fn on_dns(ctx: &mut Context, dns: &Dns) {
    let (id, at) = (SessionId(dns.header.session), BootNanos(dns.header.at_ns));
    if ctx.kernel.maps.taint(id).is_some_and(|taint| taint.resolves != 0) {
        return ctx.reporter.dismiss("dns", DropReason::OwnResolver);
    }
    let is_tcp = dns.protocol == TCP;
    if is_tcp && dns.payload_len < dns.payload_size {
        ctx.flows.names.missed(dns.cookie, at);
        return;
    }
    let message = dns.payload.get(..dns.payload_len as usize).unwrap_or_default();
    let server = IpAddr::from(dns.server);
    let destinations = &ctx.policies.catalog.destinations;
    let answering = Answering {
        trusted: ctx.flows.resolvers.contain(server, at),
        danger: &|name| recognition::danger_of(destinations, name),
        dangerous: recognition::DANGEROUS,
    };
    ctx.flows.names.on_dns(id, dns.cookie, is_tcp, message, &answering, at);
}

/// A packet of QUIC (RFC 9000, 17.2 and 17.3: the fixed bit). It says a name, but encrypted, so that what DNS says of the address
/// speaks for nobody; who can't use it falls back to TCP, which can be read.
fn is_quic(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & 0x40 != 0)
}
