//! What a proof is worth, and that it is worth it once.

use std::fs;

use super::*;
use crate::factor::{
    attempts::MOST,
    enrolled::Device,
    secret::Secret,
    statement,
    testing::{SECRET, Token, with_device, with_key},
};

const NOW: i64 = 1_234_567_890;
const IF_ENROLLED: Need = Need { if_enrolled: true, rule: None };

struct Desk {
    store: Store,
    _dir: tempfile::TempDir,
}

fn desk(enrolled: &Enrolled) -> Desk {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path());
    store.save(enrolled).unwrap();
    Desk { store, _dir: dir }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn code(now: i64) -> Proof {
    let code = totp::code(&Secret::of_bytes(SECRET).unwrap(), now.cast_unsigned());
    Proof { code: Some(code), ..Proof::default() }
}

fn wrong() -> Proof {
    Proof { code: Some("000000".into()), ..Proof::default() }
}

/// By the hold's text, as it expires in ten minutes.
fn signed(token: &Token) -> Proof {
    let text = statement::sample().text(at(NOW + 600));
    Proof { signature: Some(token.signs(&text)), statement: Some(text), ..Proof::default() }
}

impl Desk {
    fn check(&self, proof: &Proof, need: Need, now: i64) -> Result<Factor, Refused> {
        check(&self.store, &statement::sample(), proof, need, at(now))
    }

    fn takes(&self, proof: &Proof, now: i64) -> Result<Factor, String> {
        self.check(proof, IF_ENROLLED, now).map_err(|refused| refused.said().0)
    }
}

#[test]
fn who_has_no_factor_needs_none_unless_a_rule_asks_for_one() {
    let desk = desk(&Enrolled::none_of(1000));
    let asks = |need| desk.check(&Proof::default(), need, NOW);
    assert_eq!(asks(IF_ENROLLED).unwrap(), Factor::None);
    let by_rule = Need { if_enrolled: false, rule: Some(FactorKind::Totp) };
    assert!(matches!(asks(by_rule), Err(Refused::NotEnrolled { user: 1000, wanted: "a code" })));
    assert!(matches!(desk.check(&wrong(), IF_ENROLLED, NOW), Err(Refused::Malformed(_))));
}

#[test]
fn who_has_one_gives_it_wherever_it_is_asked_for() {
    let desk = desk(&with_device(1000));
    let asks = |need| desk.check(&Proof::default(), need, NOW);
    assert!(matches!(asks(IF_ENROLLED), Err(Refused::Missing { kinds: "a code", .. })));
    assert_eq!(asks(Need::default()).unwrap(), Factor::None, "by rule, and no rule asks");
    assert!(asks(Need { if_enrolled: false, rule: Some(FactorKind::Key) }).is_err());
    assert_eq!(desk.takes(&code(NOW), NOW), Ok(Factor::Totp));
}

#[test]
fn a_rule_that_wants_a_touch_takes_no_code() {
    let desk = desk(&with_device(1000));
    let key = Need { if_enrolled: true, rule: Some(FactorKind::Key) };
    assert!(matches!(desk.check(&code(NOW), key, NOW), Err(Refused::Other { wanted: "a key's signature" })));
}

#[test]
fn a_code_counts_once_also_for_the_next_daemon() {
    let desk = desk(&with_device(1000));
    assert_eq!(desk.takes(&code(NOW), NOW), Ok(Factor::Totp));
    assert!(desk.takes(&code(NOW), NOW).is_err_and(|text| text.contains("used before")));
    // The store reads the file anew each time, as another daemon would.
    assert_eq!(desk.takes(&code(NOW + 30), NOW + 30), Ok(Factor::Totp));
    assert!(desk.takes(&code(NOW), NOW + 30).is_err_and(|text| text.contains("used before")));
}

/// An earlier version enrolled it twice.
#[test]
fn one_secret_under_two_names_is_used_up_by_one_code() {
    let mut twice = with_device(1000);
    let second = Device { id: "f2".into(), ..twice.devices[0].clone() };
    twice.devices.push(second);
    let desk = desk(&twice);
    assert_eq!(desk.takes(&code(NOW), NOW), Ok(Factor::Totp));
    assert!(desk.takes(&code(NOW), NOW).is_err_and(|text| text.contains("used before")));
}

#[test]
fn what_cannot_be_noted_as_used_does_not_count() {
    let desk = desk(&with_device(1000));
    // The new file's place is taken by a directory, so nothing can be written.
    fs::create_dir(desk._dir.path().join("factors/1000.json.new")).unwrap();
    let refused = desk.check(&code(NOW), IF_ENROLLED, NOW).unwrap_err();
    assert!(matches!(refused, Refused::Unusable { .. }), "{refused:?}");
}

#[test]
fn five_wrong_codes_lock_one_user_and_no_other_and_the_right_one_waits() {
    let desk = desk(&with_device(1000));
    desk.store.save(&with_device(1001)).unwrap();
    let locks: Vec<bool> = (0..5)
        .map(|second| match desk.check(&wrong(), IF_ENROLLED, NOW + second) {
            Err(Refused::Code { locks, .. }) => locks,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(locks, [false, false, false, false, true], "{MOST}");
    assert!(matches!(
        desk.check(&code(NOW + 5), IF_ENROLLED, NOW + 5),
        Err(Refused::Locked { seconds: 299 })
    ));
    let other = Statement { user: 1001, ..statement::sample() };
    assert_eq!(check(&desk.store, &other, &code(NOW), IF_ENROLLED, at(NOW + 5)).unwrap(), Factor::Totp);
    assert_eq!(desk.takes(&code(NOW + 305), NOW + 305), Ok(Factor::Totp));
}

#[test]
fn an_old_code_says_that_the_device_is_behind() {
    let desk = desk(&with_device(1000));
    assert!(desk.takes(&code(NOW - 120), NOW).is_err_and(|text| text.contains("120 s old")));
    assert_eq!(desk.takes(&code(NOW - 30), NOW), Ok(Factor::Totp));
    assert_eq!(desk.store.load(1000).unwrap().devices[0].drift, -30);
}

#[test]
fn broken_factors_approve_nothing_even_without_being_asked_for() {
    let desk = desk(&with_device(1000));
    fs::write(desk._dir.path().join("factors/1000.json"), "{").unwrap();
    for need in [IF_ENROLLED, Need::default()] {
        assert!(matches!(
            desk.check(&Proof::default(), need, NOW),
            Err(Refused::Unusable { user: 1000, .. })
        ));
    }
}

#[test]
fn a_signature_counts_for_its_decision_once() {
    let token = Token::new(1);
    let desk = desk(&with_key(1000, &token, false));
    let fingerprint = desk.store.load(1000).unwrap().keys[0].public.fingerprint();
    assert_eq!(desk.takes(&signed(&token), NOW), Ok(Factor::Key(fingerprint)));
    assert!(matches!(desk.check(&signed(&token), IF_ENROLLED, NOW), Err(Refused::Again)));
    let foreign = signed(&Token::new(2));
    assert!(desk.takes(&foreign, NOW).is_err_and(|text| text.contains("has not enrolled the key SHA256:")));
    let late = signed(&token);
    assert!(desk.takes(&late, NOW + 600).is_err_and(|text| text.contains("expired")));
    let both = Proof { code: Some("123456".into()), ..signed(&token) };
    assert!(desk.takes(&both, NOW).is_err_and(|text| text.contains("not both")));
    let textless = Proof { statement: None, ..signed(&token) };
    assert!(desk.takes(&textless, NOW).is_err());
}

#[test]
fn a_keys_counter_only_goes_up() {
    let token = |counter| Token { counter, ..Token::new(1) };
    let sign = |counter, expires: i64| {
        let text = statement::sample().text(at(expires));
        Proof { signature: Some(token(counter).signs(&text)), statement: Some(text), ..Proof::default() }
    };
    let desk = desk(&with_key(1000, &token(0), false));
    assert!(desk.takes(&sign(5, NOW + 100), NOW).is_ok());
    for stale in [5, 4, 0] {
        assert!(desk.takes(&sign(stale, NOW + 200), NOW).is_err_and(|text| text.contains("had made 5")));
    }
    assert!(desk.takes(&sign(6, NOW + 200), NOW).is_ok());
}

#[test]
fn where_verification_is_asked_for_a_touch_alone_is_not_enough() {
    let token = |flags| Token { flags, ..Token::new(1) };
    let desk = desk(&with_key(1000, &token(1), true));
    assert!(desk.takes(&signed(&token(1)), NOW).is_err_and(|text| text.contains("no PIN")));
    assert!(desk.takes(&signed(&token(5)), NOW).is_ok());
}
