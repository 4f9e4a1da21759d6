//! Package registries that the package managers have compiled in.

use std::process::Command;

use interlock_tests::{
    agent::{Home, READ_SECRET},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};
use serde_json::Value;

/// What the machine's own npm says without any configuration of a user's.
fn npm_default() -> Option<String> {
    let mut npm = Command::new("/usr/bin/npm");
    npm.args(["config", "get", "registry"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent");
    let output = npm.current_dir("/").output().ok().filter(|output| output.status.success())?;
    let address = String::from_utf8(output.stdout).ok()?;
    Some(address.trim().strip_prefix("https://")?.split('/').next()?.to_owned())
}

fn asked(daemon: &Daemon, times: u64) {
    wait::until("the package managers were asked", || {
        let status = daemon.json(&["status"]);
        if status["registries"]["asked"] == times { Ok(()) } else { Err((status, daemon.log())) }
    });
}

#[test]
fn a_package_manager_teaches_its_registry_in_the_background_and_again_after_a_reload() {
    if !is_root() {
        return;
    }
    let Some(registry) = npm_default() else {
        println!("not on this machine: /usr/bin/npm does not say which registry it uses");
        return;
    };
    let (daemon, home, server) = (
        Daemon::start(&Settings { asks_package_managers: true, ..Settings::default() }),
        Home::new(),
        Server::start(),
    );
    asked(&daemon, 1);
    let status = daemon.json(&["status"]);
    let metrics = || daemon.metrics();
    let failed =
        |failure: &Value| failure.as_str().is_some_and(|failure| failure.starts_with("npm did not say"));
    if status["registries"]["failures"].as_array().is_some_and(|failures| failures.iter().any(failed)) {
        // Slower than the daemon's timeout, as in an emulated guest: then that is told everywhere.
        assert!(
            metrics().contains("interlock_package_lookup_failures_total{tool=\"npm\"} 1"),
            "{}",
            metrics()
        );
        assert!(daemon.log().contains("npm did not say which registry it uses"), "{}", daemon.log());
        println!("on this machine npm is too slow to be asked: {}", status["registries"]);
        return;
    }
    // A session whose connections ask is the one whose names are read.
    let get = |name: &str| {
        let port = server.port();
        format!("curl -sS --noproxy '*' --resolve {name}:{port}:127.0.0.1 http://{name}:{port}/")
    };
    let class = |daemon: &Daemon, name: &str| {
        let mut agent = home.run(daemon, &format!("{READ_SECRET}; {}; echo done", get(name)));
        assert!(agent.finish().contains("ok\ndone"), "{}\n{}", agent.output(), daemon.log());
        wait::until(name, || {
            let events = daemon.json(&["events"]);
            let named =
                events.as_array().into_iter().flatten().rfind(|event| event["destination.domain"] == name);
            named.map(|event| event["interlock.destination.class"].clone()).ok_or(events)
        })
    };
    assert_eq!(class(&daemon, &registry), "package");
    assert_eq!(
        class(&daemon, "nobody.example.com"),
        "local",
        "nothing is known of it, and it is on this machine"
    );
    daemon.expect(&["rules", "reload"]);
    asked(&daemon, 2);
    assert_eq!(class(&daemon, &registry), "package", "a reload forgets nothing");
    assert!(metrics().contains("interlock_package_registries{tool=\"npm\"} "), "{}", metrics());
}
