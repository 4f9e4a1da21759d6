//! A connection, or what was asked for instead of one.

use monitor_common::{
    event::{Header, kind, network::Connect},
    loss::Loss,
};

use crate::{maps::ACCESS, report::ring};

#[inline(always)]
pub fn report(tgid: u32, session: u64, connect: impl FnOnce(Header) -> Connect) {
    if let Some(mut entry) = ring::reserve::<Connect>(&ACCESS, Loss::Connect, session) {
        entry.write(connect(entry.header(kind::CONNECT, tgid, session)));
        entry.submit();
    }
}
