use monitor_common::event::{Header, kind, tamper, tamper::Tamper};
use zerocopy::IntoBytes as _;

use monitor_common::policy::InodeKey;

use super::*;

const EPERM: Answer = Answer::Failed(1);

fn observed(answer: Answer, fates: &[Fate], stopped: bool) -> Observed {
    let traces = fates.iter().map(|fate| Trace { mark: Mark::Open, fate: *fate, cookie: 0 }).collect();
    Observed { answer: Some(answer), traces, stopped }
}

fn held() -> Fate {
    Fate::Held { pid: 7, key: AnswerKey::of_open(SESSION.0, InodeKey { ino: 1, dev: 2, space: 0 }) }
}

fn is_not_proven(finding: &Finding) -> bool {
    matches!(finding, Finding::NotProven(_))
}

#[test]
fn a_refusal_needs_the_error_and_the_record_of_it() {
    let expect = Expect::Refused(Mark::Open, Errno::PERM);
    let judged = |answer, fates: &[Fate]| judge(expect, &observed(answer, fates, false));
    assert_eq!(judged(EPERM, &[Fate::Refused]), Finding::Proven);
    let unproven = [
        judged(Answer::Done, &[]),
        judged(Answer::Done, &[Fate::Passed]),
        judged(Answer::Done, &[Fate::Refused]),
        judged(EPERM, &[]),
        judged(EPERM, &[Fate::Passed]),
        // EACCES: a file system without exec, or another security module.
        judged(Answer::Failed(13), &[Fate::Refused]),
        judged(Answer::Failed(111), &[]),
        judge(expect, &Observed::default()),
        judge(Expect::Refused(Mark::Socket, Errno::PERM), &observed(EPERM, &[Fate::Refused], false)),
    ];
    for (number, finding) in unproven.iter().enumerate() {
        assert!(is_not_proven(finding), "{number}: {finding:?}");
    }
}

#[test]
fn what_the_machine_lacks_is_not_held_against_a_hook() {
    let expect = Expect::Refused(Mark::Socket, Errno::PROTONOSUPPORT);
    let absent = judge(expect, &observed(Answer::Failed(93), &[], false));
    assert!(matches!(absent, Finding::NotTried(_)), "{absent:?}");
    let unable = judge(expect, &observed(Answer::Unable("no IPv6".into()), &[], false));
    assert_eq!(unable, Finding::NotTried("no IPv6".into()));
    let unseen = judge(Expect::Seen(Mark::Open), &observed(Answer::Failed(97), &[], false));
    assert!(matches!(unseen, Finding::NotTried(_)), "{unseen:?}");
}

#[test]
fn a_hold_needs_a_caller_that_was_stopped() {
    let judged = |fates: &[Fate], stopped| judge(Expect::Held(Mark::Open), &observed(EPERM, fates, stopped));
    assert_eq!(judged(&[held(), Fate::Refused], true), Finding::Proven);
    assert_eq!(judged(&[Fate::Refused], false), Finding::Proven, "a rule refuses at once");
    assert!(is_not_proven(&judged(&[held(), Fate::Refused], false)));
    assert!(is_not_proven(&judged(&[held()], true)));
    let frozen = |answer, stopped| judge(Expect::Frozen, &observed(answer, &[], stopped));
    assert_eq!(frozen(Answer::Done, true), Finding::Proven);
    assert!(is_not_proven(&frozen(Answer::Done, false)));
    assert!(is_not_proven(&frozen(EPERM, true)), "the program's result must be as without Interlock");
}

#[test]
fn only_records_of_the_proofs_own_session_count() {
    let mut record = Tamper {
        header: Header { kind: kind::TAMPER, tgid: 7, session: SESSION.0, at_ns: 1 },
        act: tamper::act::SIGNAL,
        state: state::REFUSED,
        target: 1,
        detail: 23,
        name: [0; tamper::NAME_MAX],
        reserved: 0,
    };
    let trace = |record: &Tamper| Trace::of(&Record::decode(record.as_bytes()).unwrap());
    let found = trace(&record).unwrap();
    assert_eq!((found.mark, found.fate), (Mark::Tamper(tamper::act::SIGNAL), Fate::Refused));
    record.header.session = 5;
    assert_eq!(trace(&record), None);
}
