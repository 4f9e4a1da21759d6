//! The whole sandbox without the daemon: this is what happens where nothing watches. Needs root, `ip` and curl.

use std::{thread, time::Duration};

use super::*;
use crate::drill::wait::{Look, Wait};

/// Plays the plan to the agent's end, on a thread that may leave the machine's network.
fn play(sweep: bool, script: Option<PathBuf>) -> Option<Report> {
    let missing = missing_programs(true);
    if !rustix::process::geteuid().is_root() || !missing.is_empty() {
        eprintln!("skipped: the sandbox needs root, and these programs are missing: {missing:?}");
        return None;
    }
    let played = thread::spawn(move || {
        let directory = tempfile::tempdir().unwrap();
        let plan = Plan { directory: directory.path().to_owned(), sweep, script };
        let mut sandbox = Sandbox::raise(&plan).unwrap();
        sandbox.start_agent().unwrap();
        let wait = Wait::new().unwrap();
        wait.until("the agent ends", Duration::from_secs(30), || {
            let report = sandbox.report()?;
            let ended = report.agent.as_ref().is_some_and(|agent| agent.ended);
            Ok(if ended { Look::Seen(report) } else { Look::NotYet(format!("{report:?}")) })
        })
        .unwrap()
    });
    Some(played.join().unwrap())
}

#[test]
fn unwatched_the_volume_is_gone() {
    let Some(report) = play(false, None) else { return };
    let agent = report.agent.unwrap();
    assert_eq!((agent.curl_exit, agent.curl_output.as_str()), (Some(0), r#"{"data":{"volumeDelete":true}}"#));
    assert!(report.server.volume_deleted);
    assert_eq!(report.server.tcp_connections, 1);
    assert_eq!(report.server.requests[0].path, "/graphql/v2");
    let said = |text: &str| report.moments.iter().any(|moment| moment.what.contains(text));
    assert!(said("token does not belong to project staging-api"));
    assert!(said("~/work/billing-archive/scripts/.env"));
    assert!(!said(".aws/credentials"));
}

#[test]
fn the_sweep_reads_every_credential() {
    let Some(report) = play(true, None) else { return };
    for path in [
        ".aws/credentials",
        ".npmrc",
        ".pgpass",
        ".config/gh/hosts.yml",
        ".kube/config",
        ".docker/config.json",
    ] {
        assert!(
            report.moments.iter().any(|moment| moment.what.contains(path)),
            "{path}: {:?}",
            report.moments
        );
    }
}

#[test]
fn another_script_plays_in_the_same_world() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("agent");
    fs::write(&script, "#!/bin/bash\npwd\ncat ~/.railway/config.json\ncurl -sS https://example.com\n")
        .unwrap();
    let Some(report) = play(false, Some(script)) else { return };
    let output = report.agent.unwrap().curl_output;
    assert!(output.contains("staging-api") && output.contains(home::TOKEN), "{output}");
    assert!(output.contains("Could not resolve host"), "there is no network: {output}");
    assert_eq!(report.server, Seen::default());
}
