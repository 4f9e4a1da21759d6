//! Work handed to somebody who is no descendant: the asking is what can be seen.

use std::{
    fs,
    io::Read as _,
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use interlock_tests::{
    backend::{Backend, not_here},
    daemon::Settings,
    wait,
};

use super::fixture::{A_WHILE, Fixture, python};

/// A service's socket of the test's own. Dropping it removes its directory.
struct Service {
    listener: UnixListener,
    path: PathBuf,
}

impl Service {
    /// # Panics
    /// The place exists already: it would be somebody else's.
    fn listen(directory: &Path, name: &str) -> Self {
        fs::create_dir_all(directory.parent().unwrap()).unwrap();
        fs::create_dir(directory).unwrap();
        let path = directory.join(name);
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener, path }
    }

    /// What a client sent, if one is there.
    fn asked(&self) -> Option<String> {
        let (mut stream, _): (UnixStream, _) = self.listener.accept().ok()?;
        stream.set_nonblocking(false).unwrap();
        let mut text = [0; 64];
        let length = stream.read(&mut text).unwrap_or(0);
        Some(String::from_utf8_lossy(&text[..length]).into_owned())
    }

    fn is_silent(&self) -> Result<(), String> {
        self.asked().map_or(Ok(()), Err)
    }

    fn connect(&self) -> String {
        python(&format!("unix_connect {}", self.path.display()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let directory = self.path.parent().unwrap();
        let _ = fs::remove_dir_all(directory); // what remains is an empty directory of a temporary name
    }
}

/// A directory name that no other test process uses.
fn own(prefix: &str) -> String {
    format!("{prefix}interlock-{}", std::process::id())
}

fn docker(fixture: &Fixture) -> Service {
    Service::listen(&fixture.home.path().join("run"), "docker.sock")
}

fn delegate_rule(action: &str) -> Settings {
    let timeout = if action == "hold" { "\n    timeout: { after: 60s, then: deny }" } else { "" };
    let rules = format!(
        "version: 1\nbuiltin: replace\nrules:\n  - id: delegates\n    summary: Work is handed to a service.\n    on: delegate\n    \
         match: {{ delegate: {{ service: [docker] }} }}\n    action: {action}{timeout}\n"
    );
    Settings { rules: Some(rules), ..Settings::default() }
}

#[test]
fn asking_a_service_is_reported() {
    let user = PathBuf::from("/run/user").join(own(""));
    let tmux = PathBuf::from("/tmp").join(own("tmux-"));
    for (directory, name, service) in [
        (None, "docker.sock", "docker"),
        (None, "containerd.sock", "containerd"),
        (Some(user), "bus", "dbus-session"),
        (Some(tmux), "default", "tmux"),
    ] {
        let Some(fixture) = Fixture::new() else { return };
        let listener = Service::listen(&directory.unwrap_or_else(|| fixture.home.path().join("run")), name);
        let mut agent = fixture.run(&listener.connect());
        let output = agent.finish();
        let event = fixture.reported("delegate", |event| event["interlock.delegate.service"] == service);
        assert_eq!(event["interlock.delegate.how"], "socket", "{event}");
        assert!(event["interlock.delegate.path"].as_str().unwrap().ends_with(name), "{event}");
        assert!(output.contains("connected"), "{output}");
    }
}

#[test]
fn a_socket_of_no_service_is_not_reported() {
    let Some(fixture) = Fixture::new() else { return };
    let (other, docker) =
        (Service::listen(&fixture.home.path().join("other-run"), "mine.sock"), docker(&fixture));
    let mut agent = fixture.run(&format!("{}; {}", other.connect(), docker.connect()));
    let _ = agent.finish();
    let _ = fixture.daemon.the_event("delegate");
    assert_eq!(fixture.daemon.events("delegate").len(), 1, "{:?}", fixture.daemon.events("delegate"));
}

#[test]
fn a_link_to_the_services_socket() {
    let Some(fixture) = Fixture::new() else { return };
    let docker = docker(&fixture);
    let mut agent = fixture.run(&format!(
        "ln -s {} innocent; {}",
        docker.path.display(),
        python("unix_connect innocent")
    ));
    assert!(agent.finish().contains("connected"), "{}", agent.output());
    if fixture.backend() == Backend::Portable {
        not_here("only the path that connect is given is known");
        return;
    }
    let event = fixture.daemon.the_event("delegate");
    assert_eq!(event["interlock.delegate.service"], "docker", "{event}");
}

#[test]
fn asking_a_service_is_denied() {
    let Some(fixture) = Fixture::with(|_| delegate_rule("deny")) else { return };
    let docker = docker(&fixture);
    let mut agent = fixture.run(&docker.connect());
    let output = agent.finish();
    if fixture.backend() == Backend::Lsm {
        assert!(output.contains("refused 1 "), "{output}");
        docker.is_silent().unwrap();
        let _ = fixture.reported("syscall-denied", |event| event["interlock.delegate.service"] == "docker");
        return;
    }
    not_here("a connect to a Unix socket is seen, not stopped");
    let event = fixture.daemon.the_event("delegate");
    assert_eq!(
        (&event["interlock.degraded"], event["event.kind"].as_str()),
        (&"deny".into(), Some("alert")),
        "{event}"
    );
}

#[test]
fn asking_a_service_is_held() {
    let Some(fixture) = Fixture::with(|_| delegate_rule("hold")) else { return };
    let docker = docker(&fixture);
    let agent = fixture.run(&docker.connect());
    if fixture.backend() == Backend::Lsm {
        let hold = fixture.daemon.the_hold();
        wait::throughout("held", A_WHILE, || docker.is_silent());
        fixture.daemon.expect(&["approve", &hold]);
        agent.says("connected");
        return;
    }
    not_here("a connect to a Unix socket is seen, not stopped");
    assert_eq!(fixture.daemon.the_event("delegate")["interlock.degraded"], "hold");
    agent.says("connected");
}

#[test]
fn commands_that_hand_work_on() {
    // A shell by another name, so that nothing is scheduled on the machine: what counts is the name.
    let shell = |path: &Path| assert!(fs::copy("/bin/bash", path).unwrap() > 0);
    for (command, service) in [
        ("at now", "at"),
        ("batch", "at"),
        ("crontab innocent", "cron"),
        ("systemd-run --user true", "systemd"),
        ("docker run alpine true", "docker"),
        ("podman run alpine true", "podman"),
    ] {
        is_reported(command, service, shell);
    }
}

#[test]
fn commands_that_are_scripts() {
    let script = |path: &Path| fs::write(path, "#!/bin/sh\necho ran\n").unwrap();
    for (command, service) in
        [("at now", "at"), ("docker-compose -f x up", "docker"), ("pm2 start x", "process-manager")]
    {
        is_reported(command, service, script);
    }
}

fn is_reported(command: &str, service: &str, make: impl Fn(&Path)) {
    let Some(fixture) = Fixture::new() else { return };
    let program = command.split(' ').next().unwrap();
    let path = fixture.home.path().join(".local/bin").join(program);
    make(&path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut agent = fixture.run(&format!("PATH=~/.local/bin:$PATH; {command}; echo tried"));
    assert!(agent.finish().contains("tried"), "{}", agent.output());
    let event = fixture.daemon.the_event("delegate");
    assert_eq!(
        (&event["interlock.delegate.service"], &event["interlock.delegate.how"]),
        (&service.into(), &"command".into()),
        "{event}"
    );
}
