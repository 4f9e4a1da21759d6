//! What the watch holds does not grow. Alone in its process, because that is what is measured.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod api;

use std::{fs, time::Duration};

use api::{
    running::{PACE, pod, watching},
    server::{Api, Fault},
};

/// 250 pods, and a hundred connections that break: nothing grows.
#[test]
fn a_hundred_reconnects_leave_the_memory_as_it_was() {
    let api = Api::start();
    (0..250).for_each(|number| pod(&api, number));
    let watch = watching(&api, PACE);
    assert_eq!(watch.listed().len(), 250);
    let resident = || {
        let text = fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let reconnect = |times: usize| {
        for round in 0..times {
            // Each second time what was seen is too old as well, so that everything is listed anew.
            if round % 2 == 0 {
                api.fail(&[Fault::Expired]);
                api.drop_connections();
                assert_eq!(watch.listed().len(), 250);
            } else {
                let asked = api.requests().len();
                api.drop_connections();
                assert!(api.within(Duration::from_secs(10), |requests| requests.len() > asked));
            }
        }
    };
    reconnect(60); // buffers and the allocator's arenas have their size
    let before = resident();
    reconnect(100);
    let grown = resident().saturating_sub(before);
    println!("{before} bytes before, {grown} more after");
    assert!(grown < 4 << 20, "{grown} bytes more than {before}");
}
