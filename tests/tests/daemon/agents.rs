//! Agents as they really run: scripts that are executed by name, titles over the arguments, marks without a program,
//! daemons that outlive their terminal, shells in a multiplexer of their own, sandboxes with relays.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};
use serde_json::Value;

const PYTHON: &str = "/usr/bin/python3";

fn program(home: &Home, path: &str, text: &str) -> PathBuf {
    let path = home.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn sessions(daemon: &Daemon) -> Vec<Value> {
    daemon.json(&["ps"]).as_array().cloned().unwrap_or_default()
}

/// The only session, once there is one.
fn the_session(daemon: &Daemon) -> Value {
    wait::until("one session", || match sessions(daemon).as_slice() {
        [session] => Ok(session.clone()),
        other => Err((other.to_vec(), daemon.log())),
    })
}

fn is_there(program: &str) -> bool {
    let found = Path::new(program).exists();
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

#[test]
fn a_console_script_that_is_executed_by_name_is_the_program() {
    if !is_root() || !is_there(PYTHON) {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let waits = "print('up', flush=True); import time; time.sleep(60)";
    let other = program(&home, "other/hermes", &format!("#!{PYTHON}\n{waits}\n"));
    let person = home.run_unwatched(&format!("exec {}", other.display()));
    person.says("up");
    program(&home, "env/bin/hermes_cli/main.py", &format!("def main():\n    {waits}\n"));
    let text =
        format!("#!{PYTHON}\n# -*- coding: utf-8 -*-\nimport re\nfrom hermes_cli.main import main\nmain()\n");
    let hermes = program(&home, "env/bin/hermes", &text);
    let agent = home.run_unwatched(&format!("exec {} chat", hermes.display()));
    agent.says("up");
    let session = the_session(&daemon);
    assert_eq!((&session["agent"], &session["root"]), (&"hermes".into(), &agent.group().into()), "{session}");
}

#[test]
fn a_common_name_is_known_by_where_its_links_lead() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let sleep = fs::canonicalize("/usr/bin/sleep").unwrap();
    for (place, link) in
        [("lib/node_modules/droid/bin/droid", "bin/droid"), ("lib/droid/droid", "sbin/droid")]
    {
        let program = program(&home, place, "");
        fs::copy(&sleep, &program).unwrap();
        fs::create_dir_all(home.path().join(link).parent().unwrap()).unwrap();
        symlink(&program, home.path().join(link)).unwrap();
    }
    let _stranger = home.run_unwatched("exec ~/sbin/droid 60");
    let agent = home.run_unwatched("exec ~/bin/droid 60");
    let session = the_session(&daemon);
    assert_eq!((&session["agent"], &session["root"]), (&"droid".into(), &agent.group().into()), "{session}");
    assert_eq!(session["recognised_by"], "package npm:droid");
}

#[test]
fn agents_whose_title_hides_their_arguments_are_adopted() {
    if !is_root() || !is_there("/usr/bin/node") {
        return;
    }
    let home = Home::new();
    let titled = |path: &str, title: &str| {
        let text = format!(
            "#!/usr/bin/env node\nprocess.title = '{title}'; console.log('up'); setTimeout(() => {{}}, 60000);\n"
        );
        let script = program(&home, path, &text);
        // Not by exec: the shell tells a program by which path it started it.
        let running = home.run_unwatched(&format!("{} & wait", script.display()));
        running.says("up");
        running
    };
    let _pi = titled("x/pi", "pi");
    let _cn = titled("p/node_modules/@continuedev/cli/dist/cn.js", "cn");
    let _person = (titled("y/cn", "cn"), titled("z/serve", "npm run dev"));
    let daemon = Daemon::start(&Settings::default());
    let agents = wait::until("two sessions", || match sessions(&daemon).as_slice() {
        [one, two] => Ok([one["agent"].clone(), two["agent"].clone()]),
        other => Err((other.to_vec(), daemon.log())),
    });
    assert!(agents.contains(&"pi".into()) && agents.contains(&"continue".into()), "{agents:?}");
}

/// A program that nobody knows and that runs each command with a mark in its environment.
fn marking(home: &Home, commands: &[&str]) -> Running {
    let script = format!(
        "import os, subprocess\nfor command in {commands:?}:\n    \
         subprocess.run(['/bin/bash', '-c', command + '; true'], env=dict(os.environ, CODEX_THREAD_ID='t'))\n\
         print('done', flush=True)\nimport time; time.sleep(60)\n"
    );
    let path = program(home, "unknown/bridge.py", &script);
    home.run_unwatched(&format!("exec {PYTHON} {}", path.display()))
}

#[test]
fn two_commands_of_an_agent_that_only_their_mark_shows_are_one_session() {
    if !is_root() || !is_there(PYTHON) {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let agent = marking(&home, &["echo first; sleep 1", READ_SECRET, &curl(&server, "-m 60")]);
    let hold = daemon.the_hold();
    server.silent().unwrap();
    let session = the_session(&daemon);
    assert_eq!((&session["agent"], &session["root"]), (&"codex".into(), &agent.group().into()), "{session}");
    assert!(session["recognised_by"].as_str().unwrap().starts_with("environment CODEX_"), "{session}");
    daemon.expect(&["approve", &hold]);
    agent.says("done");
}

#[test]
fn a_persons_shell_that_sets_a_mark_is_no_session() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let shell = home.run_unwatched("export CODEX_THREAD_ID=t; /bin/sleep 60; :");
    let session = the_session(&daemon);
    assert_ne!(session["root"], shell.group(), "{session}");
    assert_eq!(session["agent"], "codex", "{session}");
}

/// Reads of a store, each with the program that read it and whether that was foreign.
fn reads(daemon: &Daemon, store: &str) -> Vec<(String, bool)> {
    let of_store = |event: &Value| event["file.path"].as_str().is_some_and(|path| path.ends_with(store));
    let events = daemon.events("secret-read").into_iter().filter(of_store);
    events
        .map(|event| {
            let name = event["process.executable"].as_str().unwrap_or_default().to_owned();
            (name, event["interlock.secret.foreign"] == true)
        })
        .collect()
}

#[test]
fn what_an_agent_relaunches_reads_the_agents_own_store_and_its_tools_do_not() {
    if !is_root() || !is_there("/usr/bin/node") {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let store = program(&home, ".gemini/oauth_creds.json", "{}");
    let text = "const { spawnSync } = require('child_process');\nconst store = process.env.HOME + '/.gemini/oauth_creds.json';\n\
        if (process.argv[2] === 'child') {\n  require('fs').readFileSync(store);\n  \
        spawnSync('/bin/cat', [store]);\n} else {\n  spawnSync(process.execPath, [__filename, 'child']);\n  \
        console.log('done');\n}\n";
    let script = program(&home, "p/node_modules/@google/gemini-cli/dist/index.js", text);
    let mut agent = home.run_unwatched(&format!("exec /usr/bin/node {}", script.display()));
    assert!(agent.finish().contains("done"), "{}", agent.output());
    let _ = daemon.the_event("session-ended");
    let found = reads(&daemon, store.file_name().unwrap().to_str().unwrap());
    let foreign =
        |wanted: &str| found.iter().filter(|(name, foreign)| name.contains(wanted) && *foreign).count();
    assert_eq!((foreign("node"), foreign("cat")), (0, 1), "{found:?}");
}

#[test]
fn an_agents_snapshot_of_its_shell_is_no_alert_and_a_commands_list_is() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let claude = "#!/bin/bash\nbash -c env > /dev/null\nread line < fifo\n\
                  bash -c 'source /dev/null && eval env > /dev/null && true'\n";
    let path = program(&home, ".local/bin/claude", claude);
    let fifo = home.path().join("work/fifo");
    pipe(&fifo);
    let mut agent = home.run_unwatched(&format!("exec {}", path.display()));
    let _ = the_session(&daemon);
    fs::write(&fifo, "go\n").unwrap();
    let _ = agent.finish();
    let _ = daemon.the_event("session-ended");
    let events = daemon.events("environment-read");
    assert!(!events.is_empty(), "the command's own list is told");
    let in_place = |event: &Value| event["process.args"] == serde_json::json!(["bash", "-c", "env"]);
    assert!(!events.iter().any(in_place), "{events:#?}");
    assert_eq!(events.len(), 1, "{events:#?}");
}

fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn an_agents_daemon_is_a_session_of_its_own_that_works_in_its_clients_workspaces() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    for folder in ["work", "other", "third"] {
        program(&home, &format!("{folder}/.env"), "A=1\n");
    }
    let serve = "#!/bin/bash\nread line < ~/ask\ncat ~/work/.env ~/other/.env > /dev/null\ncat ~/third/.env > /dev/null\n\
                 echo served\nsleep 60; :\n";
    let server = program(&home, ".codex/packages/r/bin/codex", serve);
    pipe(&home.path().join("ask"));
    let text = format!(
        "#!/bin/bash\nif [ \"$1\" = first ]; then {} app-server --listen unix:///x & fi\necho up\nsleep 60; :\n",
        server.display()
    );
    let codex = program(&home, ".local/bin/codex", &text);
    let first = home.run_unwatched(&format!("exec {} first", codex.display()));
    let two = |count: usize| {
        wait::until("the sessions", || {
            let found = sessions(&daemon);
            if found.len() == count { Ok(found) } else { Err((found, daemon.log())) }
        })
    };
    let begun = two(2);
    let by_daemon = |session: &&Value| session["recognised_by"].as_str().unwrap().starts_with("daemon of");
    let parted = begun.iter().find(by_daemon).unwrap_or_else(|| panic!("{begun:#?}"));
    let client = begun.iter().find(|session| !by_daemon(session)).unwrap();
    assert_eq!((&client["root"], &parted["agent"]), (&first.group().into(), &"codex".into()), "{begun:#?}");
    let _second = home.run_unwatched(&format!("cd ~/other && exec {}", codex.display()));
    let _ = two(3);
    fs::write(home.path().join("ask"), "go\n").unwrap();
    first.says("served");
    let third = wait::until("all was read", || {
        let found = reads(&daemon, "/.env");
        let mut of_third = daemon
            .events("secret-read")
            .into_iter()
            .filter(|event| event["file.path"].as_str().is_some_and(|path| path.ends_with("third/.env")));
        of_third.next_back().ok_or(found)
    });
    assert_eq!(third["interlock.secret.foreign"], true, "nobody that it serves works there");
    assert_eq!(third["interlock.session.id"], parted["id"], "{third}");
    let foreign = |event: &Value| {
        let path = event["file.path"].as_str().unwrap_or_default();
        event["interlock.secret.foreign"] == true
            && (path.ends_with("work/.env") || path.ends_with("other/.env"))
    };
    let wrong: Vec<Value> = daemon.events("secret-read").into_iter().filter(foreign).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_daemon_that_a_command_starts_stays_in_the_commands_session() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let server = program(&home, ".codex/packages/r/bin/codex", "#!/bin/bash\necho served\nsleep 60; :\n");
    let command = format!("{} app-server --listen unix:///x & wait", server.display());
    let codex = program(&home, ".local/bin/codex", &format!("#!/bin/bash\nbash -c '{command}'\n"));
    let agent = home.run_unwatched(&format!("exec {}", codex.display()));
    agent.says("served");
    assert_eq!(sessions(&daemon).len(), 1, "{:?}", sessions(&daemon));
}

#[test]
fn an_old_server_of_the_agents_own_multiplexer_is_followed() {
    if !is_root() || !is_there("/usr/bin/tmux") {
        return;
    }
    let (home, web) = (Home::new(), Server::start());
    // In the foreground, so that the server is a descendant of this test's and is watched.
    let server = home.run_unwatched("exec env -u TMUX /usr/bin/tmux -L openhands -f /dev/null -D");
    wait::until("the server listens", || {
        let socket = Path::new("/tmp/tmux-0/openhands");
        if socket.exists() { Ok(()) } else { Err(server.output()) }
    });
    let daemon = Daemon::start(&Settings::default());
    let request = curl(&web, "-m 60").replace("--noproxy '*' ", "");
    let script = format!(
        "#!/bin/bash\nread line < step\ntmux -L openhands new-session -d -s agent bash\nread line < step\n\
         tmux -L openhands send-keys -t agent '{READ_SECRET}; {request}' Enter\necho sent\nsleep 60; :\n"
    );
    let path = program(&home, ".local/bin/openhands", &script);
    let step = home.path().join("work/step");
    pipe(&step);
    let agent = home.run_unwatched(&format!("exec {}", path.display()));
    let session = the_session(&daemon);
    assert_eq!(
        (&session["agent"], &session["root"]),
        (&"openhands".into(), &agent.group().into()),
        "{session}"
    );
    fs::write(&step, "begin\n").unwrap();
    // The agent's script, the server, and the shell in it.
    wait::until("the server is followed", || match the_session(&daemon) {
        session if session["processes"].as_u64() >= Some(3) => Ok(()),
        session => Err((session, daemon.log())),
    });
    fs::write(&step, "send\n").unwrap();
    let hold = daemon.the_hold();
    web.silent().unwrap();
    assert!(
        daemon.events("delegate").is_empty(),
        "nobody outside is asked: {:#?}",
        daemon.events("delegate")
    );
    daemon.expect(&["deny", &hold]);
}

/// A proxy that passes each CONNECT on to `next`: to another proxy, or, where that is `direct`, to the server itself.
const RELAY: &str = r#"
import socket, sys, threading
listener = socket.create_server(('127.0.0.1', 0))
port, target, mode = listener.getsockname()[1], int(sys.argv[2]), sys.argv[3]
open(sys.argv[1] + '.tmp', 'w').write(str(port))
import os
os.rename(sys.argv[1] + '.tmp', sys.argv[1])
def pump(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
def serve(client):
    onward = socket.create_connection(('127.0.0.1', target))
    if mode == 'direct':
        head = b''
        while b'\r\n\r\n' not in head:
            head += client.recv(4096)
        client.sendall(b'HTTP/1.1 200 OK\r\n\r\n')
    threading.Thread(target=pump, args=(onward, client), daemon=True).start()
    pump(client, onward)
while True:
    client = listener.accept()[0]
    threading.Thread(target=serve, args=(client,), daemon=True).start()
"#;

#[test]
fn a_request_through_the_relays_of_a_sandbox_is_one_question() {
    if !is_root() || !is_there(PYTHON) {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    program(&home, "relay.py", RELAY);
    let port = server.port();
    let request = format!(
        "curl -sS -m 60 --noproxy '' -p -x http://127.0.0.1:$(cat outer) http://backboard.railway.app:{port}/"
    );
    let script = format!(
        "python=/usr/bin/python3; $python ~/relay.py inner {port} direct & until [ -e inner ]; do sleep 0.1; done; \
         $python ~/relay.py outer $(cat inner) pass & until [ -e outer ]; do sleep 0.1; done; \
         {READ_SECRET}; {request}; echo first; {request}; echo second"
    );
    let agent = home.run(&daemon, &script);
    let hold = daemon.the_hold();
    server.silent().unwrap();
    daemon.expect(&["approve", &hold]);
    agent.says("first");
    assert_eq!(server.seen().requests.len(), 1, "{}", agent.output());
    assert!(agent.output().contains("ok"), "{}", agent.output());
    let again = daemon.the_hold();
    assert_ne!(again, hold, "another request is another question");
    assert_eq!(daemon.events("flow-held").len(), 2, "{:#?}", daemon.events("flow-held"));
    daemon.expect(&["deny", &again]);
    agent.says("second");
    assert_eq!(server.seen().requests.len(), 1);
}
