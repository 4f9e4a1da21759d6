//! Where a packet's application data begins. At the cgroup hooks a packet starts with its IP header.

use aya_ebpf::{EbpfContext as _, programs::SkBuffContext};

use crate::kernel::{
    net,
    read::{Memory as _, Object, Structure as _, offset},
};

const IPV6_HEADER: u32 = 40;
const TCP: u8 = 6;
const UDP: u8 = 17;
const UDP_HEADER: u32 = 8;
/// Byte of a TCP header that holds its flags, and the one that says that urgent data is on its way (RFC 9293, 3.1).
const FLAGS: u32 = 13;
const URGENT: u8 = 0x20;

/// Offset and size of the application data, bytes.
#[derive(Clone, Copy)]
pub struct Payload {
    pub offset: u32,
    pub size: u32,
}

/// `None` where the headers cannot be read, are not TCP or UDP directly after IP, or are said to be longer than the packet.
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
    Some(Payload { offset, size: ctx.len().checked_sub(offset)? })
}

/// What a TCP segment says of its place in the stream.
pub struct Segment {
    /// Of its first byte of data.
    pub sequence: u32,
    pub flags: u8,
    /// Bytes of data.
    pub size: u32,
}

/// Flags of a TCP header (RFC 9293, 3.1).
pub const FIN: u8 = 0x01;
pub const RST: u8 = 0x04;

/// `None` where the headers cannot be read, are not TCP directly after IP, or are said to be longer than the packet.
#[inline(always)]
pub fn segment(ctx: &SkBuffContext) -> Option<Segment> {
    let first: u8 = ctx.load(0).ok()?;
    let (transport, protocol): (u32, u8) = match first >> 4 {
        4 => (((first & 0xf) as u32) * 4, ctx.load(9).ok()?),
        6 => (IPV6_HEADER, ctx.load(6).ok()?),
        _ => return None,
    };
    if protocol != TCP {
        return None;
    }
    let sequence = u32::from_be(ctx.load(transport as usize + 4).ok()?);
    let header = ((ctx.load::<u8>(transport as usize + 12).ok()? >> 4) as u32) * 4;
    let flags = ctx.load((transport + FLAGS) as usize).ok()?;
    Some(Segment { sequence, flags, size: ctx.len().checked_sub(transport + header)? })
}

/// Where a UDP packet goes: its address (IPv4 v4-mapped) and port. `None` where that cannot be read.
#[inline(always)]
pub fn destination(ctx: &SkBuffContext) -> Option<([u8; 16], u16)> {
    let first: u8 = ctx.load(0).ok()?;
    let (transport, protocol, address): (usize, u8, [u8; 16]) = match first >> 4 {
        4 => (((first & 0xf) as usize) * 4, ctx.load(9).ok()?, net::mapped(ctx.load(16).ok()?)),
        6 => (IPV6_HEADER as usize, ctx.load(6).ok()?, ctx.load(24).ok()?),
        _ => return None,
    };
    if protocol != UDP {
        return None;
    }
    Some((address, u16::from_be(ctx.load(transport + 2).ok()?)))
}

/// Who sent a packet (IPv4 v4-mapped). `None` where that cannot be read.
#[inline(always)]
pub fn source(ctx: &SkBuffContext) -> Option<[u8; 16]> {
    match ctx.load::<u8>(0).ok()? >> 4 {
        4 => Some(net::mapped(ctx.load(12).ok()?)),
        6 => ctx.load(8).ok(),
        _ => None,
    }
}

/// Whether what arrives may be something else than what the packet holds now: its bytes still belong to the sender, who may
/// write to them at any time (sendfile, splice, MSG_ZEROCOPY: `SKBFL_*`, include/linux/skbuff.h, v6.1–v7.2), or there is an urgent
/// byte among them, which receivers take out of the stream. Unreadable: yes, so nothing is believed that it says.
#[inline(always)]
pub fn is_changeable(ctx: &SkBuffContext, payload: Payload) -> bool {
    is_urgent(ctx, payload) || shared_flags(ctx) != Some(0)
}

#[inline(always)]
fn is_urgent(ctx: &SkBuffContext, payload: Payload) -> bool {
    // The options end where the data begins, so the header's length leads back to its begin.
    let Ok(first) = ctx.load::<u8>(0) else { return true };
    let transport = if first >> 4 == 4 { ((first & 0xf) as u32) * 4 } else { IPV6_HEADER };
    payload.offset > transport
        && ctx.load::<u8>((transport + FLAGS) as usize).is_ok_and(|flags| flags & URGENT != 0)
}

/// `skb_shinfo(skb)->flags`. The context is the packet's own structure: what it shows besides is read at its kernel address.
#[inline(always)]
fn shared_flags(ctx: &SkBuffContext) -> Option<u8> {
    let packet = Object(ctx.as_ptr().cast());
    let (head, end) = (packet.follow(offset!(sk_buff_head))?, packet.read::<u32>(offset!(sk_buff_end))?);
    head.read(end as usize + offset!(skb_shared_flags))
}
