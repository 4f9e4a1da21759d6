//! What is said to a waiter, a flow or a stopped caller.

use monitor_common::policy::FLOW_DENIED;

use crate::daemon::{
    apply::{callers, flows},
    context::flows::{Flows, searches::Searches, turned_away::TurnedAway},
};
use interlock_core::decide::{Decider, Waiter, Waiting};
use interlock_host::probes::Maps;

pub fn allow(maps: &mut Maps, decider: &mut Decider, searches: &mut Searches, waiter: Waiter) {
    match waiter.what {
        Waiting::Flow(flow) => {
            let counted = decider.holds().let_go().follows(&flow.key());
            flows::release(maps, searches, &decider.sessions, waiter.session, waiter.pid, &flow, counted)
        }
        Waiting::Caller(caller) => callers::resume(maps, decider, waiter.session, caller),
    }
}

pub fn turn_away(maps: &mut Maps, decider: &mut Decider, flows: &mut Flows, waiter: Waiter) {
    match waiter.what {
        Waiting::Flow(flow) => {
            flows::refuse(maps, &mut flows.searches, &decider.sessions, waiter.session, waiter.pid, &flow)
        }
        Waiting::Caller(caller) => {
            callers::deny(maps, decider, &mut flows.turned_away, waiter.session, caller)
        }
    }
}

pub fn drop_data(maps: &mut Maps, decider: &mut Decider, turned_away: &mut TurnedAway, waiter: Waiter) {
    match waiter.what {
        Waiting::Flow(flow) => flows::deny_flow(maps, flow.cookie, flow.decided(FLOW_DENIED)),
        Waiting::Caller(caller) => callers::deny(maps, decider, turned_away, waiter.session, caller),
    }
}
