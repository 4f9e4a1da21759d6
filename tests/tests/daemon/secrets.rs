//! Secrets by whatever name, environments, metadata.

use std::fs;

use interlock_tests::{
    agent::Home,
    daemon::{Daemon, Settings},
    is_root, wait,
};

/// Runs `script` and expects a foreign read of a secret whose path ends with `path`.
fn is_read(home: &Home, script: &str, path: &str) {
    let daemon = Daemon::start(&Settings::default());
    let mut agent = home.run(&daemon, script);
    let output = agent.finish();
    wait::until(script, || {
        let reads = daemon.events("secret-read");
        let found = reads.iter().any(|event| {
            event["interlock.secret.foreign"] == true
                && event["file.path"].as_str().is_some_and(|found| found.ends_with(path))
        });
        if found { Ok(()) } else { Err((reads, output.clone())) }
    });
}

#[test]
fn a_secret_is_known_by_whatever_way_it_is_reached() {
    if !is_root() {
        return;
    }
    let home = Home::new();
    let railway = ".railway/config.json";
    is_read(&home, "cat ~/.railway/config.json", railway);
    is_read(&home, "ln -s ~/.railway/config.json innocent; cat innocent", railway);
    is_read(&home, "cat /proc/self/root$HOME/.railway/config.json", railway);
    is_read(&home, "cd ~/.railway && cat < config.json", railway);
    is_read(
        &home,
        "python3 -c \"import os; os.open(os.path.expanduser('~/.railway/config.json'), os.O_RDONLY)\"",
        railway,
    );
    // By its inode: the name says nothing.
    is_read(&home, "ln ~/.railway/config.json hard; cat hard", "/hard");
    is_read(&home, "mv ~/.railway/config.json ~/moved; cat ~/moved", "/moved");
}

#[test]
fn a_read_is_judged_also_where_its_session_ends_with_it() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    const SESSIONS: usize = 100;
    for _ in 0..SESSIONS / 10 {
        let begun: Vec<_> = (0..10).map(|_| home.run(&daemon, "exec cat ~/.railway/config.json")).collect();
        begun.into_iter().for_each(|mut session| drop(session.finish()));
    }
    wait::until("every session has ended", || {
        let ended = daemon.events("session-ended").len();
        if ended == SESSIONS { Ok(()) } else { Err(ended) }
    });
    assert_eq!(daemon.events("secret-read").len(), SESSIONS, "{:#?}", daemon.json(&["status"]));
}

#[test]
fn what_appears_later_is_known_by_its_name() {
    if !is_root() {
        return;
    }
    let home = Home::new();
    // By somebody else: what the session makes itself is its own.
    let place = home.path().join("other/clone");
    let made = std::thread::spawn({
        let (place, begun) = (place.clone(), home.path().join("work/begun"));
        move || {
            wait::until("the session begins", || if begun.exists() { Ok(()) } else { Err(()) });
            fs::create_dir(&place).unwrap();
            fs::write(place.join(".env"), "T=1").unwrap();
        }
    });
    let script = "touch begun; until [ -s ~/other/clone/.env ]; do sleep 0.05; done; cat ~/other/clone/.env";
    is_read(&home, script, "clone/.env");
    made.join().unwrap();
    is_read(
        &home,
        "mkdir ~/made; echo x > ~/made/credentials; mv ~/made ~/.aws; cat ~/.aws/credentials",
        ".aws/credentials",
    );
}

#[test]
fn the_workspaces_own_env_file_is_not_foreign_and_an_example_is_no_secret() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    fs::create_dir_all(home.path().join("work/deep/er")).unwrap();
    fs::write(home.path().join("work/deep/er/.env"), "T=1").unwrap();
    fs::write(home.path().join("work/.env.example"), "T=").unwrap();
    let mut agent = home.run(&daemon, "cat .env.example deep/er/.env readme");
    let _ = agent.finish();
    let read = daemon.the_event("secret-read");
    assert_eq!(
        (&read["interlock.secret.foreign"], read["event.kind"].as_str()),
        (&false.into(), Some("event")),
        "{read}"
    );
    assert_eq!(daemon.events("secret-read").len(), 1);
}

#[test]
fn looking_for_a_secret_that_is_not_there_is_a_probe() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let mut agent = home.run(&daemon, "cat ~/.aws/credentials");
    let _ = agent.finish();
    assert!(daemon.the_event("secret-probe")["file.path"].as_str().unwrap().ends_with(".aws/credentials"));
}

#[test]
fn listing_an_environment_is_seen_its_own_and_anothers() {
    if !is_root() {
        return;
    }
    for (script, own) in [
        ("env > x", true),
        ("printenv", true),
        ("cat /proc/self/environ", true),
        ("cat /proc/$PPID/environ; sleep 0", false),
    ] {
        let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
        let mut agent = home.run(&daemon, &format!("true; {script}; true"));
        let _ = agent.finish();
        wait::until(script, || {
            let events = daemon.events("environment-read");
            if events.iter().any(|event| event["interlock.environment.own"] == own) {
                Ok(())
            } else {
                Err(events)
            }
        });
    }
}

#[test]
fn the_metadata_service_is_refused_at_once() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let mut agent = home.run(
        &daemon,
        "python3 -c \"\nimport socket\ntry: socket.create_connection(('169.254.169.254', 80), timeout=9)\nexcept PermissionError: print('refused')\"",
    );
    assert!(agent.finish().contains("refused"), "{}", agent.output());
    assert_eq!(daemon.the_event("connect-refused")["rule.id"], serde_json::json!(["metadata-service"]));
}

/// ext4 gives the next file the number of the one that was deleted last.
#[test]
fn a_number_that_was_a_secrets_is_another_files() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let files = "for i in $(seq 60); do echo x > file$i; cat file$i; read -t 0.05 <> <(:); done";
    let mut agent =
        home.run(&daemon, &format!("rm ~/.railway/config.json; {files}; rm file*; {files}; echo finished"));
    assert!(agent.finish().contains("finished"), "{}", agent.output());
    let reads = daemon.events("secret-read");
    assert!(reads.is_empty(), "{reads:#?}");
}
