//! What was only observed.

use super::*;

/// In observe mode nobody is asked, so nobody has agreed: it is proposed, and says so.
#[test]
fn what_would_have_been_held_is_proposed_for_review() {
    let observed = |hold: Value| {
        let mut script =
            Script::new().read(1, ".railway/config.json", &DEPLOY).held(4, "backboard.railway.app", &DEPLOY);
        for event in &mut script.0 {
            event["interlock.mode"] = "observe".into();
        }
        let last = script.0.last_mut().unwrap().as_object_mut().unwrap();
        last.insert("event.action".into(), "would-hold".into());
        last.remove("interlock.hold.id");
        last.extend(hold.as_object().unwrap().clone());
        script
    };
    let learned = observed(json!({})).learn();
    let unasked: Vec<_> = learned.proposals.iter().map(|one| (one.rule.as_str(), one.unasked)).collect();
    assert_eq!(
        unasked,
        [("foreign-secret-read", false), ("infra-after-foreign-secret", true)],
        "{learned:#?}"
    );
    assert_eq!(learned.file.unwrap().matches("# REVIEW: observed").count(), 1);
    let held = observed(json!({ "interlock.mode": "enforce" })).learn();
    assert_eq!(held.proposals.len(), 1, "in enforce mode a hold needs its yes: {held:#?}");
    let tripped =
        observed(json!({})).incident(9, "would-freeze", json!({ "rule.id": ["secret-sweep"] })).learn();
    assert!(tripped.proposals.is_empty() && tripped.objections.len() == 1, "{tripped:#?}");
}
