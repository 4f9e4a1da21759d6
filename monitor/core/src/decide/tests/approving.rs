//! Approvals: what they stand on, what a rule asks of them, and that two are two persons'.

use monitor_common::policy::ADDRESS_METADATA;

use super::*;
use crate::{
    facts::{FactorKind, ReasonTerm, Terms},
    holds::{
        Hold, Object,
        evidence::Evidence,
        extent::{More, Scope},
    },
    record::{ClusterUser, Kind, Origin},
};

const OWNER: u32 = 1000;

/// A hold under those terms, of a session that is the owner's.
fn held(terms: Terms) -> Bench {
    let mut bench = Bench::new(&[HOLD]);
    bench.session().user = OWNER;
    bench.connect(5, "a.example");
    let mut hold = Hold { terms, ..bench.decider.holds().get(1).unwrap().clone() };
    hold.because.clear();
    bench.step(Input::Restored(Box::new(hold)));
    bench
}

fn person(uid: u32, login_uid: Option<u32>) -> Who {
    let from = Origin { by: "test".into(), login_uid, tty: None, labelled: 0, factor: None };
    Who::Caller { uid, pid: 70, from: Some(Box::new(from)) }
}

fn by(who: Who) -> Approval {
    Approval::of(1, who)
}

fn objection(bench: &Bench, approval: &Approval) -> Option<Objection> {
    bench.decider.may_approve(approval).err()
}

fn token(bench: &Bench) -> String {
    Evidence::of(bench.decider.holds().get(1).unwrap()).token().to_owned()
}

#[test]
fn an_approval_of_other_evidence_changes_nothing() {
    let mut bench = held(Terms::default());
    let before = token(&bench);
    let named = |evidence: &str| Approval { evidence: Some(evidence.to_owned()), ..yes(1) };
    assert_eq!(objection(&bench, &named("0123456789abcdef")), Some(Objection::OtherEvidence));
    assert_eq!(objection(&bench, &named(&before)), None);
    // Another program joins: what was shown before is not what waits.
    bench.act_of(process(11, "/bin/q"), Subject::Connect(to("a.example")), flow(7));
    bench.step(Input::Approved(named(&before)));
    assert!(bench.effects.is_empty(), "{:?}", bench.effects_in_words());
    let now = token(&bench);
    assert_ne!(now, before);
    bench.step(Input::Approved(named(&now)));
    assert_eq!(
        bench.effects_in_words()[1..3],
        ["allow flow 5", "allow flow 7"],
        "whoever names it has seen it"
    );
}

#[test]
fn a_reason_is_kept_and_told_and_recorded() {
    let mut bench = held(Terms::default());
    let reason = Some("not mine".to_owned());
    bench.step(Input::Denied(Denial { reason, evidence: Some("old".into()), ..Denial::of(1, PERSON) }));
    assert_eq!(bench.decider.holds().get(1).unwrap().reason.as_deref(), Some("not mine"));
    let told = bench.effects.iter().find_map(|effect| match effect {
        Effect::Report(Report::Hold { extra, .. }) => Some(extra.clone()),
        _ => None,
    });
    assert!(told.unwrap().contains(&("hold.reason", "not mine".into())));
    let entry = bench.effects.iter().find_map(|effect| match effect {
        Effect::Record(entry) if entry.kind == Kind::Deny => Some(entry.clone()),
        _ => None,
    });
    let detail = entry.unwrap().detail;
    assert_eq!((detail["reason"].as_str(), detail["shown"].as_str()), (Some("not mine"), Some("old")));
    assert_eq!(detail["evidence"].as_str().map(str::len), Some(64));
}

#[test]
fn a_rule_asks_for_a_reason_a_group_and_a_factor() {
    let groups = vec!["release".to_owned(), "ops".to_owned()];
    let terms = Terms {
        by: groups.clone(),
        factor: Some(FactorKind::Totp),
        reason: ReasonTerm::Required,
        ..Terms::default()
    };
    let bench = held(terms);
    let mut approval = by(person(7, None));
    assert_eq!(objection(&bench, &approval), Some(Objection::NotIn(groups)));
    approval.groups = vec!["ops".into()];
    assert_eq!(objection(&bench, &approval), Some(Objection::ReasonMissing));
    approval.reason = Some("why".into());
    assert_eq!(objection(&bench, &approval), Some(Objection::Unproven(FactorKind::Totp)));
    approval.factor = Some(FactorKind::Key);
    assert_eq!(objection(&bench, &approval), Some(Objection::Unproven(FactorKind::Totp)));
    approval.factor = Some(FactorKind::Totp);
    assert_eq!(objection(&bench, &approval), None);
}

#[test]
fn whoever_asks_does_not_answer_also_not_as_root() {
    for terms in
        [Terms { by: vec!["ops".into()], ..Terms::default() }, Terms { count: 2, ..Terms::default() }]
    {
        let bench = held(terms);
        let of = |uid, login| Approval { groups: vec!["ops".into()], ..by(person(uid, login)) };
        for owner in [of(OWNER, None), of(OWNER, Some(7)), of(0, Some(OWNER)), of(8, Some(OWNER))] {
            assert_eq!(objection(&bench, &owner), Some(Objection::Owner(OWNER)), "{owner:?}");
        }
        for other in [of(7, None), of(0, Some(7))] {
            assert_eq!(objection(&bench, &other), None, "{other:?}");
        }
        // Root that nobody has logged in for may be the owner.
        for unknown in [of(0, None), of(0, Some(0))] {
            assert_eq!(objection(&bench, &unknown), Some(Objection::Nobody), "{unknown:?}");
        }
    }
    assert_eq!(
        objection(&held(Terms::default()), &by(person(0, None))),
        None,
        "no rule asks for certain ones"
    );
    assert_eq!(objection(&held(Terms::default()), &by(person(OWNER, None))), None, "no rule asks for others");
}

/// `sudo agent`: its session is root's, and the person's who typed it.
#[test]
fn an_agent_that_was_started_through_sudo_is_also_its_persons() {
    let mut bench = held(Terms { count: 2, ..Terms::default() });
    (bench.session().user, bench.session().login) = (0, Some(7));
    let mut restored = bench.decider.holds().get(1).unwrap().clone();
    for hold in [(None, None), (Some(0), None), (Some(0), Some(7))] {
        (restored.owner, restored.login) = hold;
        bench.step(Input::Restored(Box::new(restored.clone())));
        for owner in [person(7, None), person(7, Some(7)), person(0, Some(7)), person(8, Some(7))] {
            assert_eq!(
                objection(&bench, &by(owner.clone())),
                Some(Objection::Owner(7)),
                "{owner:?} {hold:?}"
            );
        }
        assert_eq!(objection(&bench, &by(person(8, Some(8)))), None);
    }
    // What is opened now says it by itself, also when its session is over.
    bench.connect(6, "b.example");
    let hold = bench.decider.holds().get(2).unwrap();
    assert_eq!((hold.owner, hold.login), (Some(0), Some(7)));
}

#[test]
fn a_yes_of_nobody_in_particular_that_an_earlier_version_took_does_not_count() {
    let mut bench = held(Terms { count: 2, ..Terms::default() });
    bench.step(Input::Approved(by(person(7, None))));
    let mut hold = bench.decider.holds().get(1).unwrap().clone();
    for persons in [vec![0], vec![]] {
        hold.approvals[0].persons = persons;
        bench.step(Input::Restored(Box::new(hold.clone())));
        bench.step(Input::Approved(by(person(8, None))));
        assert_eq!(bench.effects_in_words(), ["report approval-given h1 waiting"]);
    }
}

#[test]
fn two_persons_approve_and_the_first_changes_nothing_but_that_it_is_told() {
    let mut bench = held(Terms { count: 2, ..Terms::default() });
    bench.step(Input::Approved(by(person(7, None))));
    assert_eq!(bench.effects_in_words(), ["report approval-given h1 waiting"]);
    for same in [person(7, None), person(0, Some(7)), person(9, Some(7))] {
        let again = by(same);
        assert_eq!(objection(&bench, &again), Some(Objection::Twice("uid 7".into())), "{again:?}");
        bench.step(Input::Approved(again));
        assert!(bench.effects.is_empty());
    }
    bench.step(Input::Approved(by(person(0, Some(8)))));
    assert_eq!(bench.effects_in_words()[1..], ["allow flow 5", "report flow-released h1 approved"]);
    let hold = bench.decider.holds().get(1).unwrap();
    assert_eq!(hold.decided_by.as_deref(), Some("uid 7 and uid 0"));
}

#[test]
fn what_two_persons_let_happen_is_what_both_have_said() {
    let mut bench = held(Terms { count: 2, ..Terms::default() });
    let hour = Extent::lasting(Duration::from_secs(3600));
    bench.step(Input::Approved(Approval { extent: hour, ..by(person(7, None)) }));
    bench.step(Input::Approved(by(person(8, None))));
    assert!(bench.decider.holds().grants().all().is_empty(), "the second one said once");
}

#[test]
fn one_no_of_two_is_enough() {
    let mut bench = held(Terms { count: 2, ..Terms::default() });
    bench.step(Input::Approved(by(person(7, None))));
    bench.step(Input::Denied(Denial::of(1, person(OWNER, None))));
    assert!(bench.effects_in_words().contains(&"refuse flow 5".to_owned()), "{:?}", bench.effects_in_words());
}

#[test]
fn a_yes_before_another_program_joined_does_not_count_for_that_one() {
    let mut bench = held(Terms { count: 2, ..Terms::default() });
    bench.step(Input::Approved(by(person(7, None))));
    bench.act_of(process(11, "/bin/q"), Subject::Connect(to("a.example")), flow(7));
    bench.step(Input::Shown { hold: 1 });
    assert_eq!(bench.decider.holds().get(1).unwrap().given().count(), 0);
    bench.step(Input::Approved(by(person(8, None))));
    assert_eq!(bench.effects_in_words(), ["report approval-given h1 waiting"]);
    bench.step(Input::Approved(by(person(7, None))));
    assert_eq!(bench.effects_in_words()[1..3], ["allow flow 5", "allow flow 7"]);
}

#[test]
fn metadata_and_interlocks_own_files_are_approved_by_nobody() {
    let mut bench = Bench::new(&[HOLD]);
    bench.decider.settings.own = ["/var/lib/interlock".into()].into();
    let never = |object: Object| bench.decider.never(&object).is_some();
    let metadata = Destination {
        address: [169, 254, 169, 254].into(),
        class: DestinationClass::Unknown,
        ..to("x.example")
    };
    assert!(never(Object::Connection(Destination { port: 80, ..metadata.clone() })), "whatever it is called");
    // Every address that the catalogue has of them.
    let listed = crate::catalog::Catalog::builtin().unwrap().destinations.kernel_addresses();
    let listed: Vec<_> = listed.into_iter().filter(|(_, class)| *class == ADDRESS_METADATA).collect();
    assert!(listed.len() >= 10, "{listed:?}");
    for (key, _) in listed {
        let address = std::net::IpAddr::from(key.address);
        let there = Destination { address, port: 80, ..metadata.clone() };
        assert!(never(Object::Connection(there)), "{address} is missing in `never.rs`");
    }
    assert!(!never(Object::Connection(Destination { port: 53, ..metadata })), "the resolver of some clouds");
    assert!(never(Object::Connection(Destination {
        class: DestinationClass::Metadata,
        ..to("metadata.google.internal")
    })));
    assert!(never(Object::Secret("/var/lib/interlock/state.json".into())));
    assert!(!never(Object::Secret("/var/lib/interlock-of-others/x".into())));
    assert!(!never(Object::Connection(to("a.example"))));
    let mut bench = held(Terms::default());
    let metadata = Object::Connection(Destination { class: DestinationClass::Metadata, ..to("a.example") });
    let hold = Hold { object: metadata, ..bench.decider.holds().get(1).unwrap().clone() };
    bench.step(Input::Restored(Box::new(hold)));
    assert!(matches!(objection(&bench, &yes(1)), Some(Objection::Never(_))));
    bench.step(Input::Approved(yes(1)));
    assert!(bench.effects.is_empty());
}

#[test]
fn what_was_granted_ends_when_it_is_taken_back() {
    let mut bench = held(Terms::default());
    bench.step(Input::Approved(Approval { extent: Extent::More(More::default()), ..yes(1) }));
    bench.connect(6, "a.example");
    assert!(bench.effects_in_words().contains(&"allow flow 6".to_owned()), "{:?}", bench.effects_in_words());
    bench.step(Input::Revoked { hold: 1, who: PERSON });
    assert_eq!(
        bench.effects_in_words(),
        [
            "session 1 answers taken back",
            "session 1 asks again",
            "record revoke by uid 7",
            "report grant-revoked 1"
        ]
    );
    bench.step(Input::Revoked { hold: 1, who: PERSON });
    assert!(bench.effects.is_empty());
    bench.connect(6, "a.example");
    assert!(bench.effects_in_words().contains(&"report flow-held hold".to_owned()));
}

#[test]
fn a_wide_approval_is_for_what_a_provider_is_known_of_and_a_plain_yes_is_enough_for() {
    let wide =
        |scope| Approval { extent: Extent::More(More { scope, ..More::default() }), ..by(person(7, None)) };
    let bench = held(Terms::default());
    assert!(matches!(objection(&bench, &wide(Scope::Provider)), Some(Objection::TooWide(_))));
    assert_eq!(objection(&bench, &wide(Scope::Class)), None);
    let strict = held(Terms { reason: ReasonTerm::Required, ..Terms::default() });
    assert!(matches!(objection(&strict, &wide(Scope::Class)), Some(Objection::TooWide(_))));
    let often = |times| Approval {
        extent: Extent::More(More { times: Some(times), ..More::default() }),
        ..by(person(7, None))
    };
    assert!(matches!(objection(&bench, &often(0)), Some(Objection::TooWide(_))));
    assert_eq!(objection(&bench, &often(1001)), Some(Objection::TooLong));
    assert_eq!(objection(&bench, &often(1000)), None);
}

/// A user of the cluster, of whom it is known or not whether the session is theirs.
fn of_cluster(user: &str, owns: Option<bool>, groups: &[&str]) -> Approval {
    let user = ClusterUser {
        user: user.to_owned(),
        uid: None,
        groups: Vec::new(),
        decision: "team-a/h1-approve-x".into(),
        decision_uid: "u".into(),
    };
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    Approval { owns, groups, ..by(Who::Kubernetes(Box::new(user))) }
}

#[test]
fn a_user_of_the_cluster_meets_the_terms_and_is_no_user_of_this_machine() {
    let plain = held(Terms::default());
    assert_eq!(objection(&plain, &of_cluster("ann", None, &[])), None, "a yes is enough");
    let ops = held(Terms { by: vec!["ops".into()], ..Terms::default() });
    for (approval, expected) in [
        (of_cluster("ben", None, &["ops"]), Some(Objection::Nobody)),
        (of_cluster("ann", Some(true), &["ops"]), Some(Objection::ClusterOwner("ann".into()))),
        (of_cluster("ben", Some(false), &[]), Some(Objection::NotIn(vec!["ops".into()]))),
        (of_cluster("ben", Some(false), &["ops"]), None),
        // A name that is a number is none of ours.
        (of_cluster("1000", Some(false), &["ops"]), None),
    ] {
        assert_eq!(objection(&ops, &approval), expected, "{approval:?}");
    }
    let proven = held(Terms { factor: Some(FactorKind::Totp), ..Terms::default() });
    let unproven = Some(Objection::Unproven(FactorKind::Totp));
    assert_eq!(objection(&proven, &of_cluster("ben", Some(false), &[])), unproven);
}

#[test]
fn two_persons_are_both_of_the_cluster_or_both_of_this_machine() {
    let two = || held(Terms { count: 2, ..Terms::default() });
    let (ann, ben) = (of_cluster("ann", Some(false), &[]), of_cluster("ben", Some(false), &[]));
    let mut bench = two();
    bench.step(Input::Approved(ann.clone()));
    assert_eq!(objection(&bench, &ann), Some(Objection::Twice("kubernetes user ann".into())));
    let incomparable = Some(Objection::Incomparable("kubernetes user ann".into()));
    assert_eq!(objection(&bench, &by(person(7, Some(7)))), incomparable);
    assert_eq!(objection(&bench, &ben), None);
    bench.step(Input::Approved(ben));
    let hold = bench.decider.holds().get(1).unwrap();
    assert_eq!(hold.decided_by.as_deref(), Some("kubernetes user ann and kubernetes user ben"));
    let mut bench = two();
    bench.step(Input::Approved(by(person(7, Some(7)))));
    assert_eq!(objection(&bench, &ann), Some(Objection::Incomparable("uid 7".into())));
}

#[test]
fn an_approval_of_the_clusters_is_kept_and_one_of_an_earlier_version_is_read() {
    let mut bench = held(Terms { count: 2, ..Terms::default() });
    bench.step(Input::Approved(of_cluster("ann", Some(false), &[])));
    let given = bench.decider.holds().get(1).unwrap().approvals.clone();
    let text = serde_json::to_string(&given).unwrap();
    assert!(text.contains("\"persons\":[],\"cluster_user\":\"ann\""), "{text}");
    assert_eq!(serde_json::from_str::<Vec<crate::holds::Given>>(&text).unwrap(), given);
    let earlier = text.replace(",\"cluster_user\":\"ann\"", "");
    assert_eq!(serde_json::from_str::<Vec<crate::holds::Given>>(&earlier).unwrap()[0].cluster_user, None);
}
