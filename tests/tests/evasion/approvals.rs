//! An approval is for what was shown.

use interlock_tests::{agent::READ_SECRET, wait};

use super::fixture::Fixture;

#[test]
fn who_joins_a_hold_unseen_is_not_approved_with_it() {
    let Some(fixture) = Fixture::new() else { return };
    let request = fixture.request();
    let agent = fixture.run(&format!(
        "{READ_SECRET}; {request} & until [ -e ../go ]; do sleep 0.05; done; {request} -X POST -d volumeDelete & wait"
    ));
    let hold = fixture.is_held(&agent);
    let says = |words: &[&str]| String::from_utf8_lossy(&fixture.daemon.cli(words).stdout).into_owned();
    assert!(says(&["holds"]).contains("curl"));
    std::fs::write(fixture.home.path().join("go"), "").unwrap();
    wait::until("the second one waits too", || {
        let held = fixture.daemon.events("flow-held");
        if held.len() == 2 { Ok(()) } else { Err(held) }
    });
    let refused = fixture.daemon.cli(&["approve", &hold]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("volumeDelete"), "{said}");
    assert!(fixture.server.seen().requests.is_empty());
    assert!(says(&["explain", &hold]).contains("also waits: "));
    fixture.daemon.expect(&["approve", &hold]);
    fixture.server.arrives(2); // both were shown
}
