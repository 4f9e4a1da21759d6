//! The real daemon, on the real kernel, with real programs.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

/// The API server of the watch's own tests.
#[path = "../../monitor/kubernetes/tests/api/server.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod api_server;

mod daemon {
    mod agents;
    mod approving;
    mod beginning;
    mod clients;
    mod cluster;
    mod containers;
    mod desktop;
    mod elsewhere;
    mod explaining;
    mod factors;
    mod flows;
    mod freezing;
    mod gates;
    mod habits;
    mod handshakes;
    mod ledgers;
    mod lifecycle;
    mod lives;
    mod losses;
    mod machines;
    mod names;
    mod namespaces;
    mod notifying;
    mod oneself;
    mod packs;
    mod past;
    mod permissions;
    mod pins;
    mod places;
    mod pods;
    mod prometheus;
    mod records;
    mod recovery;
    mod registries;
    mod reload;
    mod replaying;
    mod roles;
    mod searches;
    mod seats;
    mod secrets;
    mod selftest;
    mod sent;
    mod sessions;
    mod storm;
    mod suggesting;
    mod suspending;
    mod terminals;
    mod told;
    mod trial;
    mod upgrade;
    mod watchdog;
    mod watching;
}
