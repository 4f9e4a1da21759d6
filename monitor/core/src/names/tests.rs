use simple_dns::{
    CLASS, Name, Packet, Question, ResourceRecord, TYPE,
    rdata::{A, RData},
};

use super::*;

const NOW: BootNanos = BootNanos(1_000_000_000);
const SESSION: SessionId = SessionId(1);
const EDGE: [u8; 4] = [192, 0, 2, 1];

fn answer(name: &str, address: [u8; 4]) -> Vec<u8> {
    let name = Name::new(name).unwrap();
    let mut packet = Packet::new_reply(1);
    packet.questions.push(Question::new(name.clone(), TYPE::A.into(), CLASS::IN.into(), false));
    let data = RData::A(A { address: u32::from_be_bytes(address) });
    packet.answers.push(ResourceRecord::new(name, CLASS::IN, 30, data));
    packet.build_bytes_vec().unwrap()
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

fn request(host: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}

/// A resolver of this machine; what begins with `control` is dangerous.
const OURS: Answering<'static> = Answering {
    trusted: true,
    danger: &|name| if name.starts_with("control") { 7 } else { 0 },
    dangerous: 5,
};
/// Anybody.
const THEIRS: Answering<'static> = Answering { trusted: false, ..OURS };

fn identify(names: &Names, payload: &[u8]) -> Identified {
    names.identify(SESSION, EDGE.into(), 443, Shown::fixed(payload), None, NOW)
}

#[test]
fn the_flows_own_name_comes_before_what_dns_said() {
    let mut names = Names::new();
    assert_eq!(names.on_dns(SESSION, 1, false, &answer("old.org", EDGE), &OURS, NOW), 1);
    assert_eq!(names.on_dns(SESSION, 1, false, &answer("x.org", EDGE), &OURS, NOW), 1);
    let found = identify(&names, &request("X.org"));
    let expected = vec![("x.org".to_owned(), NameSource::Http), ("old.org".to_owned(), NameSource::Dns)];
    assert_eq!(found.names, expected);
    assert!(!found.mismatch);
}

#[test]
fn a_name_that_dns_never_gave_for_the_address_is_a_mismatch() {
    let mut names = Names::new();
    assert!(!identify(&names, &request("x.org")).mismatch, "without an answer there is nothing to compare");
    names.on_dns(SESSION, 1, false, &answer("harmless.org", EDGE), &OURS, NOW);
    assert!(identify(&names, &request("x.org")).mismatch);
    assert!(!identify(&names, b"").mismatch, "without a name of its own, DNS alone speaks");
    let proxy = identify(&names, b"CONNECT x.org:8443 HTTP/1.1\r\n\r\n");
    assert!(!proxy.mismatch, "a proxy's address says nothing about its target");
    assert_eq!(proxy.proxy_target, Some(("x.org".to_owned(), 8443)));
}

#[test]
fn an_address_behind_a_proxy_is_a_target_without_a_name() {
    let found = identify(&Names::new(), b"CONNECT 10.0.0.9:22 HTTP/1.1\r\n\r\n");
    assert_eq!(found.proxy_target, Some(("10.0.0.9".to_owned(), 22)));
    assert!(found.names.is_empty());
}

#[test]
fn sessions_know_only_their_own_answers() {
    let mut names = Names::new();
    names.on_dns(SessionId(2), 1, false, &answer("x.org", EDGE), &OURS, NOW);
    assert!(identify(&names, b"").names.is_empty());
    assert_eq!(names.identify(SessionId(2), EDGE.into(), 443, Shown::NOTHING, None, NOW).names.len(), 1);
    names.forget(SessionId(2));
    assert!(names.identify(SessionId(2), EDGE.into(), 443, Shown::NOTHING, None, NOW).names.is_empty());
}

#[test]
fn answers_over_tcp_come_in_pieces() {
    let mut names = Names::new();
    let bytes = framed(&answer("x.org", EDGE));
    let (first, second) = bytes.split_at(9);
    assert_eq!(names.on_dns(SESSION, 5, true, first, &OURS, NOW), 0);
    assert_eq!(names.on_dns(SESSION, 6, true, second, &OURS, NOW), 0, "another connection's piece");
    assert_eq!(names.on_dns(SESSION, 5, true, second, &OURS, NOW), 1);
    names.close(5);
    assert_eq!(
        names.on_dns(SESSION, 5, true, &bytes, &OURS, NOW),
        1,
        "the cookie's next stream starts afresh"
    );
}

#[test]
fn what_could_not_be_read_is_counted() {
    let mut names = Names::new();
    names.on_dns(SESSION, 1, false, b"no", &OURS, NOW);
    names.on_dns(SESSION, 2, true, &[0, 1, 2], &OURS, NOW);
    names.on_dns(SESSION, 2, true, &[0, 1, 2], &OURS, NOW);
    names.missed(3, NOW);
    assert_eq!(names.on_dns(SESSION, 3, true, &framed(&answer("x.org", EDGE)), &OURS, NOW), 0);
    assert_eq!(names.counts(), Counts { malformed: 1, streams_given_up: 2, ..Counts::default() });
}

#[test]
fn tables_stay_within_their_limits() {
    let mut names = Names::new();
    let message = answer("x.org", EDGE);
    for i in 0..=MAX_SESSIONS as u64 {
        names.on_dns(SessionId(i), 0, false, &message, &OURS, BootNanos(i));
    }
    for i in 0..=MAX_STREAMS as u64 {
        names.on_dns(SESSION, i, true, &[0], &OURS, BootNanos(i));
    }
    assert_eq!(names.sessions.len(), MAX_SESSIONS);
    assert_eq!(names.streams.len(), MAX_STREAMS);
    assert!(!names.sessions.contains_key(&SessionId(0)), "the oldest goes");
    assert_eq!(names.counts(), Counts { sessions_evicted: 1, streams_given_up: 1, ..Counts::default() });
}

/// A ClientHello of TLS 1.2 without any extension.
fn nameless_hello() -> Vec<u8> {
    let body = [&[3, 3][..], &[0; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
    let message = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    [&[22, 3, 1, 0, message.len() as u8][..], &message].concat()
}

#[test]
fn who_anybody_may_have_asked_names_nothing_and_warns() {
    let mut names = Names::new();
    names.on_dns(SESSION, 1, false, &answer("model.example", EDGE), &THEIRS, NOW);
    let found = identify(&names, b"");
    assert_eq!((found.names.len(), found.rumours), (0, vec!["model.example".to_owned()]));
}

#[test]
fn who_leaves_out_its_name_or_has_not_said_it_is_not_named_by_dns() {
    let mut names = Names::new();
    names.on_dns(SESSION, 1, false, &answer("harmless.example", EDGE), &OURS, NOW);
    names.on_dns(SessionId(9), 1, false, &answer("control.example", EDGE), &OURS, NOW);
    assert_eq!(identify(&names, b"").names.len(), 1);
    assert_eq!(identify(&names, b"").claims, ["control.example"], "also by what others were told");
    for greeting in
        [nameless_hello(), b"GET / HTTP/1.1\r\n".to_vec(), b"CONNECT a^b:443 HTTP/1.1\r\n\r\n".to_vec()]
    {
        let found = identify(&names, &greeting);
        assert_eq!(found.names, [], "{}", greeting.escape_ascii());
        assert_eq!(found.rumours, ["harmless.example", "control.example"]);
    }
}

#[test]
fn of_several_names_in_one_request_all_count() {
    let two = b"GET / HTTP/1.1\r\nHost: docs.example\r\n\r\nPOST / HTTP/1.1\r\nHost: api.example\r\n\r\n";
    let found = said(EDGE.into(), 80, Shown::fixed(two));
    let names: Vec<&str> = found.names.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, found.mismatch), (vec!["docs.example", "api.example"], true));
    let one = b"GET / HTTP/1.1\r\nHost: docs.example\r\n\r\n";
    assert!(!said(EDGE.into(), 80, Shown::fixed(one)).mismatch);
}

#[test]
fn what_can_still_be_changed_names_nothing_and_can_only_make_it_worse() {
    let request = b"GET / HTTP/1.1\r\nHost: docs.example\r\n\r\n";
    let found = said(EDGE.into(), 80, Shown { bytes: request, changeable: true });
    assert!(found.names.is_empty() && found.nameless);
    assert_eq!(found.rumours, ["docs.example"]);
}
