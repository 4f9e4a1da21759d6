//! A quiet week in observe mode ends in rules: what would have been held is summed up, and proposed for review.

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, text},
    is_root,
    server::Server,
};

#[test]
fn what_observe_mode_would_have_held_is_reported_and_suggested() {
    if !is_root() {
        return;
    }
    let rules = "version: 1\nlists:\n  nobody: [nobody.example]\n";
    let settings = Settings { rules: Some(rules.to_owned()), observe: true, ..Settings::default() };
    let (mut daemon, home, server) = (Daemon::start(&settings), Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}", curl(&server, "")));
    assert!(agent.finish().contains("ok"), "{}", agent.output());
    let session = daemon.the_event("session-ended")["interlock.session.id"].as_str().unwrap().to_owned();
    // A day later, the memory has forgotten it.
    daemon.kill();
    daemon.start_again();

    let report = daemon.json(&["report", "--since", "1h"]);
    assert_eq!((&report["total"]["held"], &report["total"]["would"]), (&0.into(), &1.into()), "{report:#}");
    assert_eq!(report["by_rule"]["infra-after-foreign-secret"]["would"], 1, "{report:#}");
    assert_eq!(report["by_user"]["0"]["would"], 1, "{report:#}");
    assert!(report["next"].to_string().contains(&format!("interlock suggest {session}")), "{report:#}");
    let page = daemon.cli(&["report"]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    let nobody = daemon.json(&["report", "--user", "12345"]);
    assert_eq!(nobody["sessions"], 0, "{nobody:#}");

    let rules = daemon.dir().join("rules");
    let suggested = daemon.cli(&["suggest", &session, "--rules", rules.to_str().unwrap()]);
    assert_eq!(suggested.status.code(), Some(0), "{}", text(&suggested));
    let file = String::from_utf8_lossy(&suggested.stdout);
    assert!(file.contains("# REVIEW: observed") && file.contains("id: infra-after-foreign-secret"), "{file}");
}
