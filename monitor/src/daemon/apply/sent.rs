//! What the kernel counted of a flow that was let go on, in the decider's words.

use interlock_core::holds::{
    FlowKey,
    let_go::{End, Progress},
};
use monitor_common::policy::{
    CLOSED_HELD, Flow, SIGN_END, SIGN_GONE, SIGN_HELD, SIGN_PEER_FIRST, SIGN_PEER_RESET, SIGN_RESET,
    SIGN_UNREAD, Sent,
};

/// Of what `key` was let go on; `flow` and `sent` are what the kernel has of its socket. `flow` must have been looked up before `sent`: the
/// kernel notes an end before it forgets a flow.
pub fn progress(key: &FlowKey, flow: Option<&Flow>, sent: Option<&Sent>) -> Progress {
    let Some(sent) = sent.filter(|sent| (sent.address, sent.port) == (key.address, key.port)) else {
        let end = Some(End::Unknown("the kernel's count of it is gone"));
        return Progress { bytes: 0, at_least: true, end };
    };
    let end = match flow {
        _ if sent.ended_ns != 0 => Some(seen(sent.signs)),
        // Its verdict went when the socket was led elsewhere, so nothing more leaves by it.
        Some(flow) if !key.leads(flow) => Some(End::Reconnected),
        Some(flow) if flow.closed == CLOSED_HELD => Some(End::Held),
        Some(_) => None,
        None => Some(End::Unknown("the kernel has forgotten the connection, and nobody saw its end")),
    };
    Progress { bytes: sent.bytes, at_least: sent.signs & SIGN_UNREAD != 0, end }
}

/// The strongest sign first: a reset ends what else was under way.
fn seen(signs: u64) -> End {
    let has = |sign: u64| signs & sign != 0;
    let over = has(SIGN_GONE) || !has(SIGN_END); // else TCP went on, whatever had arrived
    if has(SIGN_HELD) {
        End::Held
    } else if has(SIGN_PEER_RESET) && over {
        End::ResetThere
    } else if has(SIGN_RESET) {
        End::Reset
    } else if has(SIGN_PEER_FIRST) {
        End::ClosedThere
    } else if has(SIGN_GONE) && !has(SIGN_END) {
        End::Lost
    } else {
        End::Closed
    }
}

#[cfg(test)]
mod tests {
    use monitor_common::policy::{CLOSED_SENDING, SIGN_PEER_END};

    use super::*;

    const FLOW: Flow = Flow::new(7, 1, [0; 16], 443, 6);

    fn key() -> FlowKey {
        FlowKey::of(1, &FLOW)
    }

    fn ended(signs: u64) -> Option<End> {
        let sent = Sent { bytes: 5, ended_ns: 9, signs, ..Sent::nothing(&FLOW) };
        let progress = progress(&key(), None, Some(&sent));
        assert_eq!(progress.bytes, 5);
        progress.end
    }

    #[test]
    fn an_end_is_named_by_what_was_seen_of_it() {
        for (signs, end) in [
            (SIGN_END, End::Closed),
            (0, End::Closed), // datagrams have no end of their own
            (SIGN_END | SIGN_PEER_END, End::Closed),
            (SIGN_END | SIGN_PEER_END | SIGN_GONE, End::Closed),
            (SIGN_END | SIGN_PEER_END | SIGN_PEER_FIRST, End::ClosedThere),
            (SIGN_RESET, End::Reset),
            (SIGN_PEER_END | SIGN_RESET, End::Reset),
            (SIGN_GONE | SIGN_PEER_RESET, End::ResetThere),
            (SIGN_END | SIGN_GONE | SIGN_PEER_RESET, End::ResetThere),
            (SIGN_PEER_RESET, End::ResetThere), // while it sent on behind its program
            (SIGN_PEER_RESET | SIGN_END, End::Closed),
            (SIGN_GONE, End::Lost),
            (SIGN_HELD, End::Held),
        ] {
            assert_eq!(ended(signs), Some(end), "{signs:#b}");
        }
    }

    #[test]
    fn what_nobody_saw_is_unknown_and_what_goes_on_has_no_end() {
        let open = Sent::nothing(&FLOW);
        let progress = |flow, sent| progress(&key(), flow, sent);
        assert_eq!(progress(Some(&FLOW), Some(&open)).end, None);
        let sending = Flow { closed: CLOSED_SENDING, ..FLOW };
        assert_eq!(progress(Some(&sending), Some(&open)).end, None);
        let held = Flow { closed: CLOSED_HELD, ..FLOW };
        assert_eq!(progress(Some(&held), Some(&open)).end, Some(End::Held));
        assert!(matches!(progress(None, Some(&open)).end, Some(End::Unknown(_))));
        let gone = progress(Some(&FLOW), None);
        assert!(gone.at_least && matches!(gone.end, Some(End::Unknown(_))));
    }

    #[test]
    fn what_is_counted_of_another_place_says_nothing_of_this_one() {
        let elsewhere = Flow { port: 444, ..FLOW };
        let counted = Sent { bytes: 5, ..Sent::nothing(&FLOW) };
        let left = progress(&key(), Some(&elsewhere), Some(&counted));
        assert_eq!((left.bytes, left.at_least, left.end), (5, false, Some(End::Reconnected)));
        let other = progress(&key(), Some(&elsewhere), Some(&Sent::nothing(&elsewhere)));
        assert!(other.at_least && matches!(other.end, Some(End::Unknown(_))));
    }
}
