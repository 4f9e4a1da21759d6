//! Where a packet's application data begins. At the cgroup hooks a packet starts with its IP header.

use aya_ebpf::programs::SkBuffContext;

use crate::network;

const IPV6_HEADER: u32 = 40;
const TCP: u8 = 6;
const UDP: u8 = 17;
const UDP_HEADER: u32 = 8;

/// Offset and size of the application data, bytes.
#[derive(Clone, Copy)]
pub struct Payload {
    pub offset: u32,
    pub size: u32,
}

/// `None` where the headers cannot be read, or are not TCP or UDP directly after IP.
///
/// The size comes from the packet's own length: a BIG TCP segment has 0 in the IP header's.
#[inline(always)]
pub fn payload(ctx: &SkBuffContext) -> Option<Payload> {
    let first: u8 = ctx.load(0).ok()?;
    let (transport, protocol): (u32, u8) = match first >> 4 {
        4 => (((first & 0xf) as u32) * 4, ctx.load(9).ok()?),
        6 => (IPV6_HEADER, ctx.load(6).ok()?),
        _ => return None,
    };
    let header = match protocol {
        TCP => ((ctx.load::<u8>(transport as usize + 12).ok()? >> 4) as u32) * 4,
        UDP => UDP_HEADER,
        _ => return None,
    };
    let offset = transport + header;
    Some(Payload { offset, size: ctx.len().saturating_sub(offset) })
}

/// Where a UDP packet goes: its address (IPv4 v4-mapped) and port. `None` where that cannot be read.
#[inline(always)]
pub fn destination(ctx: &SkBuffContext) -> Option<([u8; 16], u16)> {
    let first: u8 = ctx.load(0).ok()?;
    let (transport, protocol, address): (usize, u8, [u8; 16]) = match first >> 4 {
        4 => (((first & 0xf) as usize) * 4, ctx.load(9).ok()?, network::mapped(ctx.load(16).ok()?)),
        6 => (IPV6_HEADER as usize, ctx.load(6).ok()?, ctx.load(24).ok()?),
        _ => return None,
    };
    if protocol != UDP {
        return None;
    }
    Some((address, u16::from_be(ctx.load(transport + 2).ok()?)))
}
