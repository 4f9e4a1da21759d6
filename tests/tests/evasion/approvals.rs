//! An approval is for what was shown.

use interlock_tests::{agent::READ_SECRET, wait};

use super::stage::Stage;

#[test]
fn who_joins_a_hold_unseen_is_not_approved_with_it() {
    let Some(stage) = Stage::new() else { return };
    let request = stage.request();
    let agent = stage.run(&format!(
        "{READ_SECRET}; {request} & until [ -e ../go ]; do sleep 0.05; done; {request} -X POST -d volumeDelete & wait"
    ));
    let hold = stage.is_held(&agent);
    let says = |words: &[&str]| String::from_utf8_lossy(&stage.daemon.cli(words).stdout).into_owned();
    assert!(says(&["holds"]).contains("curl"));
    std::fs::write(stage.home.path().join("go"), "").unwrap();
    wait::until("the second one waits too", || {
        let held = stage.daemon.events("flow-held");
        if held.len() == 2 { Ok(()) } else { Err(held) }
    });
    let refused = stage.daemon.cli(&["approve", &hold]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("volumeDelete"), "{said}");
    assert!(stage.server.seen().requests.is_empty());
    assert!(says(&["explain", &hold]).contains("also waits: "));
    stage.daemon.expect(&["approve", &hold]);
    wait::until("both arrive, as both were shown", || match stage.server.seen().requests.len() {
        2 => Ok(()),
        other => Err(other),
    });
}
