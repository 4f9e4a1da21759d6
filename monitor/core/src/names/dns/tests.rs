use proptest::prelude::*;
use simple_dns::{CLASS, Question, TYPE, rdata};

use super::*;

fn record<'a>(name: &'a str, ttl: u32, data: RData<'a>) -> ResourceRecord<'a> {
    ResourceRecord::new(Name::new(name).unwrap(), CLASS::IN, ttl, data)
}

fn a(name: &str, last: u8) -> ResourceRecord<'_> {
    record(name, 30, RData::A(rdata::A { address: u32::from_be_bytes([10, 0, 0, last]) }))
}

fn cname<'a>(name: &'a str, target: &'a str) -> ResourceRecord<'a> {
    record(name, 30, RData::CNAME(rdata::CNAME(Name::new(target).unwrap())))
}

fn reply<'a>(asked: &'a str, kind: TYPE, answers: Vec<ResourceRecord<'a>>) -> Packet<'a> {
    let mut packet = Packet::new_reply(7);
    packet.questions.push(Question::new(Name::new(asked).unwrap(), kind.into(), CLASS::IN.into(), false));
    packet.answers = answers;
    packet
}

fn wire(packet: &Packet<'_>) -> Vec<u8> {
    packet.build_bytes_vec_compressed().unwrap()
}

fn found(packet: &Packet<'_>) -> Vec<(String, String)> {
    answers(&wire(packet)).unwrap().into_iter().map(|a| (a.name, a.address.to_string())).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, address)| ((*name).to_owned(), (*address).to_owned())).collect()
}

#[test]
fn addresses_belong_to_the_name_that_was_asked() {
    let v6 = record("edge.cdn.net", 30, RData::AAAA(rdata::AAAA { address: 1 }));
    let packet = reply(
        "API.x.org",
        TYPE::A,
        vec![a("edge.cdn.net", 1), v6, cname("mid.x.org", "edge.cdn.net"), cname("api.X.org", "mid.x.org")],
    );
    assert_eq!(found(&packet), pairs(&[("api.x.org", "10.0.0.1"), ("api.x.org", "::1")]));
    assert_eq!(answers(&wire(&packet)).unwrap()[0].ttl, Duration::from_secs(30));
}

#[test]
fn records_that_the_question_does_not_lead_to_do_not_count() {
    let packet = reply("x.org", TYPE::A, vec![a("x.org", 1), a("model.example", 2), cname("a.org", "b.org")]);
    assert_eq!(found(&packet), pairs(&[("x.org", "10.0.0.1")]));
}

#[test]
fn loops_and_long_chains_end() {
    let circle = vec![cname("x.org", "y.org"), cname("y.org", "x.org"), a("y.org", 1)];
    assert_eq!(found(&reply("x.org", TYPE::A, circle)), pairs(&[("x.org", "10.0.0.1")]));

    let names: Vec<String> = (0..=17).map(|i| format!("n{i}.org")).collect();
    let chain = |links: usize| -> Vec<(String, String)> {
        let mut records: Vec<_> = (0..links).map(|i| cname(&names[i], &names[i + 1])).collect();
        records.push(a(&names[links], 1));
        found(&reply("n0.org", TYPE::A, records))
    };
    assert_eq!(chain(16), pairs(&[("n0.org", "10.0.0.1")]));
    assert_eq!(chain(17), pairs(&[]));
}

#[test]
fn service_records_give_hints_and_aliases() {
    let mut service = SVCB::new(1, Name::new("").unwrap());
    service.set_ipv4hint(&[0x0a00_0001]);
    service.set_ipv6hint(&[1]);
    let packet = reply("x.org", TYPE::HTTPS, vec![record("x.org", 30, RData::HTTPS(rdata::HTTPS(service)))]);
    assert_eq!(found(&packet), pairs(&[("x.org", "10.0.0.1"), ("x.org", "::1")]));

    let alias = SVCB::new(0, Name::new("y.org").unwrap());
    let packet = reply(
        "x.org",
        TYPE::HTTPS,
        vec![record("x.org", 30, RData::HTTPS(rdata::HTTPS(alias))), a("y.org", 2)],
    );
    assert_eq!(found(&packet), pairs(&[("x.org", "10.0.0.2")]));
}

#[test]
fn queries_and_refusals_name_nothing() {
    let mut refusal = reply("x.org", TYPE::A, vec![a("x.org", 1)]);
    *refusal.rcode_mut() = RCODE::NameError;
    assert_eq!(found(&refusal), pairs(&[]));

    let mut query = reply("x.org", TYPE::A, vec![a("x.org", 1)]);
    query.remove_flags(PacketFlag::RESPONSE);
    assert_eq!(found(&query), pairs(&[]));
}

#[test]
fn a_message_without_its_end_gives_what_is_whole() {
    let whole = wire(&reply("x.org", TYPE::A, vec![a("x.org", 1), a("x.org", 2)]));
    let cut = answers(&whole[..whole.len() - 1]).unwrap();
    assert_eq!(cut.len(), 1);
    assert!(matches!(answers(&whole[..15]), Err(Fault::Short(15))));
    assert!(matches!(answers(&[]), Err(Fault::Short(0))));
}

#[test]
fn claims_and_strange_records_do_not_spoil_the_message() {
    let mut bytes = wire(&reply("x.org", TYPE::A, vec![a("x.org", 1), a("x.org", 2)]));
    bytes[3] |= 0x40; // the reserved bit
    bytes[6..12].fill(0xff); // 65,535 records in every section
    let second = bytes.len() - 14; // class of the last record: 14 bytes are type, class, ttl, length, data
    bytes[second + 2..second + 4].copy_from_slice(&[0x12, 0x34]);
    let found = answers(&bytes).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].address.to_string(), "10.0.0.1");
}

#[test]
fn a_dot_inside_a_label_is_not_a_dot_between_labels() {
    let packet = reply(r"api\.x.org", TYPE::A, vec![a(r"api\.x.org", 1)]);
    assert!(matches!(answers(&wire(&packet)), Err(Fault::NoHostName)));
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = answers(&bytes);
    }

    #[test]
    fn broken_messages_give_an_answer(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut service = SVCB::new(1, Name::new("svc.x.org").unwrap());
        service.set_ipv4hint(&[1, 2]);
        service.set_port(443);
        let https = record("x.org", 30, RData::HTTPS(rdata::HTTPS(service)));
        let mut bytes = wire(&reply("x.org", TYPE::A, vec![cname("x.org", "y.org"), a("y.org", 1), https]));
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        for answer in answers(&bytes).unwrap_or_default() {
            prop_assert_eq!(host::name(answer.name.as_bytes()), Some(answer.name));
        }
    }
}
