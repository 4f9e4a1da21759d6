use std::collections::HashSet;

use crate::catalog::{Catalog, destinations::Destinations};

fn builtin() -> Catalog {
    Catalog::builtin().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn sockets_are_known_by_their_path() {
    let catalog = builtin();
    let cases = [
        ("/run/docker.sock", Some("docker")),
        ("/var/run/docker.sock", Some("docker")),
        ("/run/user/1000/docker.sock", Some("docker")),
        ("/home/ann/.docker/run/docker.sock", Some("docker")),
        ("/proc/self/root/run/docker.sock", Some("docker")),
        ("/run/podman/podman.sock", Some("podman")),
        ("/run/user/1000/podman/podman.sock", Some("podman")),
        ("/run/containerd/containerd.sock", Some("containerd")),
        ("/run/k3s/containerd/containerd.sock", Some("containerd")),
        ("/var/run/crio/crio.sock", Some("crio")),
        ("/run/dbus/system_bus_socket", Some("dbus-system")),
        ("/run/user/1000/bus", Some("dbus-session")),
        ("@/tmp/dbus-AbCd", Some("dbus-session")),
        ("/run/systemd/private", Some("systemd")),
        ("/run/user/1000/systemd/private", Some("systemd")),
        ("/tmp/tmux-1000/default", Some("tmux")),
        ("/tmp/tmux-1000/work", Some("tmux")),
        ("/run/screen/S-ann/17.pts-0", Some("screen")),
        ("/root/.screen/17.pts-0", Some("screen")),
        ("/run/user/1000/pipewire-0", None),
        ("/run/user/1000/gnupg/S.gpg-agent", None),
        ("/run/systemd/notify", None),
        ("/run/systemd/journal/stdout", None),
        ("/run/user/1000/omnibus", None),
        ("/srv/app/bus", None),
        ("/srv/mydocker.sock", None),
        ("@docker.sock", None),
        ("/run/nscd/socket", None),
        ("", None),
    ];
    for (path, expected) in cases {
        assert_eq!(catalog.delegate_socket(path), expected, "{path}");
    }
}

#[test]
fn commands_that_hand_work_over_are_told_from_those_that_look() {
    let catalog = builtin();
    let cases = [
        ("docker run --rm -v /:/h alpine", Some("docker")),
        ("docker -H unix:///x.sock exec c sh", Some("docker")),
        ("docker compose -f a.yml up", Some("docker")),
        ("docker ps", None),
        ("docker compose -f a.yml config", None),
        ("docker compose logs run", None),
        ("podman run x", Some("podman")),
        ("podman images", None),
        ("nerdctl -n k8s.io run x", Some("containerd")),
        ("at now + 1 minute", Some("at")),
        ("at -f job.sh now", Some("at")),
        ("at -l", None),
        ("atq", None),
        ("batch", Some("at")),
        ("crontab -", Some("cron")),
        ("crontab -e", Some("cron")),
        ("crontab jobs", Some("cron")),
        ("crontab -l", None),
        ("crontab -u ann -l", None),
        ("systemd-run --user curl x", Some("systemd")),
        ("systemctl --user start x.service", Some("systemd")),
        ("systemctl -H example.com restart x", Some("systemd")),
        ("systemctl status start", None),
        ("systemctl list-units", None),
        ("machinectl shell", Some("systemd")),
        ("busctl --user call a b c d", Some("dbus-session")),
        ("busctl call a b c d", Some("dbus-system")),
        ("busctl list", None),
        ("gdbus call --session -d a -o b -m c", Some("dbus-session")),
        ("gdbus call -y -d a -o b -m c", Some("dbus-system")),
        ("dbus-send --system --dest=a /b c.d", Some("dbus-system")),
        ("dbus-send --dest=a /b c.d", Some("dbus-session")),
        ("tmux", Some("tmux")),
        ("tmux -L x new-session -d id", Some("tmux")),
        ("tmux send-keys -t 0 id Enter", Some("tmux")),
        ("tmux ls", None),
        ("screen -dmS x id", Some("screen")),
        ("screen -S x -X stuff id", Some("screen")),
        ("screen -ls", None),
        ("ssh localhost id", Some("ssh-localhost")),
        ("ssh -p 2222 ann@127.0.0.1 id", Some("ssh-localhost")),
        ("ssh ::1", Some("ssh-localhost")),
        ("ssh example.com localhost", None),
        ("ssh-keygen -f localhost", None),
        ("nsenter -t 1 -m", Some("namespaces")),
        ("grep docker run", None),
    ];
    for (line, expected) in cases {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let executable = format!("/usr/bin/{}", args[0]);
        assert_eq!(catalog.delegate_command(&executable, &args), expected, "{line}");
    }
    let compose = ["python3", "/usr/local/bin/docker-compose", "up"].map(str::to_owned);
    assert_eq!(catalog.delegate_command("/usr/bin/python3.12", &compose), Some("docker"));
}

#[test]
fn the_kernel_finds_each_socket_with_a_name_of_its_own() {
    let catalog = builtin();
    let names = catalog.delegate_socket_names();
    let found = |name: &str, parent: Option<&str>, service: &str| {
        names.iter().any(|known| {
            known.name == name
                && known.parent.as_deref() == parent
                && catalog.service(known.service) == Some(service)
        })
    };
    assert!(found("docker.sock", None, "docker"), "{names:#?}");
    assert!(found("podman.sock", Some("podman"), "podman"), "{names:#?}");
    assert!(found("bus", None, "dbus-session"), "the directory is a user's number: {names:#?}");
    assert!(found("private", Some("systemd"), "systemd"), "{names:#?}");
    assert!(found("system_bus_socket", Some("dbus"), "dbus-system"), "{names:#?}");
    assert!(found("default", None, "tmux"), "{names:#?}");
    let keys: HashSet<u64> = names.iter().map(super::SocketName::key).collect();
    assert_eq!(keys.len(), names.len(), "each once: {names:#?}");
    assert_eq!(catalog.service(u32::MAX), None);
}

#[test]
fn every_problem_is_reported_with_its_line() {
    let text = "version: 1\nentries:\n  - { id: a, class: delegate, source: s, sockets: ['x.sock', '/var/run/a', '/{', '/b', '/b'] }\n  \
                - { id: b, class: delegate, source: s, hosts: [b.example], commands: ['/bin/b'] }\n  \
                - { id: c, class: delegate, source: s }\n  - { id: d, class: infra, source: s, hosts: [d.example], sockets: ['/d'] }\n  \
                - { id: e, class: delegate, source: s, sockets: ['/e'], mounts: { commands: ['e|'], options: [v], flags: [-d] } }\n  \
                - { id: f, class: delegate, source: s, sockets: ['/f'], mounts: { commands: [f], options: [], flags: [] } }\n";
    let lines: Vec<_> = Destinations::parse(text).unwrap_err().iter().map(ToString::to_string).collect();
    for expected in [
        "yaml:3:52: entries[0].sockets[0]: found \"x.sock\"; expected /… or ~/…",
        "entries[0].sockets[1]: found \"/var/run/a\"; expected /run/…",
        "entries[0].sockets[2]: found \"/{\"; expected braces that match",
        "entries[0].sockets[4]: \"/b\" is also in line 3",
        "yaml:4:49: entries[1].hosts: belongs to an endpoint",
        "entries[1].commands[0]: found \"/bin/b\"; expected base names",
        "yaml:5:5: entries[2]: a service that cannot be asked; expected sockets",
        "entries[3].sockets: belongs to a service",
        "entries[4].mounts.options[0]: found \"v\"; expected an option",
        "entries[4].mounts.commands[0]: found \"e|\"; expected base names of programs",
        "entries[5].mounts.options: there are none; expected at least one",
    ] {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected} not in {lines:#?}");
    }
}
