//! What becomes of a session's connections while it is frozen, and of those beyond what a session may have.

use monitor_common::label::{FLOWS_OF_SESSION, FROZEN};

use super::*;

#[test]
fn nothing_of_a_frozen_session_leaves_whatever_was_let_through() {
    let Some(mut scene) = Scene::set() else { return };
    let generation = scene.touches();
    scene.sends("one ");
    let ask = scene.ask(generation);
    scene.answer(&ask, FLOW_ALLOWED);
    scene.receives("one ");
    let session = scene.bench.session;
    scene.bench.maps.set_flags(session, FROZEN, true).unwrap();
    scene.sends("two "); // it runs, as a process does that continues itself
    scene.receives_nothing();
    scene.bench.maps.set_flags(session, FROZEN, false).unwrap();
    scene.receives("two ");
}

#[test]
fn a_connection_beyond_a_sessions_part_of_the_table_is_refused() {
    let Some(mut scene) = Scene::set() else { return };
    let others = FLOWS_OF_SESSION - scene.bench.taint().flows;
    scene.actor.does("import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))");
    scene.actor.does(&format!(
        "others = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range({others})]"
    ));
    scene.actor.does("[other.connect(('127.0.0.1', 9)) for other in others] and None");
    assert_eq!(scene.bench.taint().flows, FLOWS_OF_SESSION);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tries = format!("answer = socket.socket().connect_ex(('127.0.0.1', {port}))");
    assert_eq!(scene.actor.does(&tries), 1, "EPERM");
    scene.sends("still ");
    scene.receives("still ");
    scene.actor.does("others.pop().close()");
    assert_eq!(scene.bench.taint().flows, FLOWS_OF_SESSION - 1, "what ends makes room");
    assert_eq!(scene.actor.does(&tries), 0);
}
