//! What streams say as they begin is shown, though nothing of it waits.

use interlock_host::probes::Record;
use monitor_common::{
    event::network::FlowAsk,
    policy::{FlowName, GREETED, GREETING_SEGMENTS, NAMED_BY_SERVER_NAME},
};

use super::{Scene, connected};

impl Scene {
    fn greetings(&mut self) -> Vec<FlowAsk> {
        self.bench.all(|record| match record {
            Record::Greeting(shown) => Some(*shown),
            _ => None,
        })
    }

    fn greeting_state(&mut self) -> u32 {
        let session = self.bench.session.0;
        let flows = self.bench.maps.flows();
        flows.iter().find(|(_, flow)| flow.session == session).map(|(_, flow)| flow.greeting).unwrap()
    }
}

fn text(shown: &FlowAsk) -> String {
    String::from_utf8_lossy(&shown.payload[..shown.payload_len as usize]).into_owned()
}

#[test]
fn the_first_segments_are_shown_as_they_pass_and_no_more() {
    let Some(mut scene) = Scene::set() else { return };
    let said: Vec<String> = (0..GREETING_SEGMENTS + 2).map(|index| format!("segment {index}")).collect();
    for text in &said {
        scene.sends(text);
        scene.receives(text);
    }
    let shown = scene.greetings();
    assert_eq!(shown.iter().map(text).collect::<Vec<_>>(), said[..GREETING_SEGMENTS as usize]);
    assert!(shown.iter().all(|shown| shown.older == 0 && shown.header.tgid == scene.actor.pid));
    assert_eq!(scene.asks(), 0);
}

#[test]
fn a_whole_tls_greeting_is_the_last_that_is_shown() {
    let Some(mut scene) = Scene::set() else { return };
    // A handshake record of five bytes.
    scene.sends("\u{16}\u{3}\u{1}\0\u{5}hello");
    scene.receives("\u{16}\u{3}\u{1}\0\u{5}hello");
    scene.sends("application data");
    scene.receives("application data");
    assert_eq!(scene.greetings().len(), 1);
    assert_eq!(scene.greeting_state(), GREETED);
}

#[test]
fn a_tls_greeting_in_two_segments_is_shown_to_its_end() {
    let Some(mut scene) = Scene::set() else { return };
    scene.sends("\u{16}\u{3}\u{1}\0\u{9}hel");
    scene.receives("\u{16}\u{3}\u{1}\0\u{9}hel");
    scene.sends("lo you");
    scene.receives("lo you");
    assert_eq!(
        scene.greetings().iter().map(text).collect::<Vec<_>>().concat(),
        "\u{16}\u{3}\u{1}\0\u{9}hello you"
    );
}

#[test]
fn what_a_question_has_shown_is_not_shown_again() {
    let Some(mut scene) = Scene::set() else { return };
    let touched = scene.touches();
    scene.sends("asked");
    let ask = scene.ask(touched);
    scene.answer(&ask, monitor_common::policy::FLOW_ALLOWED);
    scene.receives("asked");
    scene.sends("more");
    scene.receives("more");
    assert!(scene.greetings().is_empty());
}

#[test]
fn a_name_ends_with_its_connection() {
    let Some(mut scene) = Scene::set() else { return };
    scene.sends("hello");
    scene.receives("hello");
    let shown = scene.bench.expect("greeting", |record| match record {
        Record::Greeting(shown) => Some(*shown),
        _ => None,
    });
    let name = FlowName {
        address: shown.address,
        port: shown.port,
        target_port: 0,
        source: NAMED_BY_SERVER_NAME,
        length: 1,
        name: [b'x'; 256],
    };
    scene.bench.maps.name_flow(shown.cookie, name).unwrap();
    assert_eq!(scene.bench.maps.flow_name(shown.cookie), Some(name));
    scene.actor.does("connection.close()");
    assert_eq!(scene.bench.maps.flow_name(shown.cookie), None);
    scene.bench.maps.name_flow(shown.cookie, name).unwrap();
    assert_eq!(scene.bench.maps.flow_name(shown.cookie), None, "too late: nobody would remove it");
    scene.server = connected(&mut scene.actor);
    assert_eq!(scene.bench.maps.flows().iter().filter(|(_, flow)| flow.asked != 0).count(), 0);
}
