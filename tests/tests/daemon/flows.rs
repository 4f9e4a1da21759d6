//! The flow hold: nothing leaves before a decision, everything after an approval, nothing ever after a denial.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use interlock_tests::{
    agent::{Home, READ_SECRET, curl},
    daemon::{Daemon, Settings, binary},
    is_root,
    server::Server,
    wait,
};

const A_SECOND: Duration = Duration::from_secs(1);

#[test]
fn approved_data_leaves_at_once_and_the_program_notices_only_time() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}; echo exit $?", curl(&server, "")));
    let hold = daemon.the_hold();
    wait::throughout("held", A_SECOND, || server.silent());
    assert_eq!(server.seen().connections, 1, "the handshake passes");
    let approved = Instant::now();
    daemon.expect(&["approve", &hold]);
    assert!(agent.finish().contains("ok\nexit 0"), "{}", agent.output());
    let took = server.seen().last.expect("data arrived").duration_since(approved);
    println!("approve, as a command of its own, to the data at the server: {took:?}");
    assert!(took < A_SECOND, "the data was pushed, not left to TCP's timer: {took:?}");
    assert!(daemon.holds().is_empty());
}

#[test]
fn denied_data_never_leaves_and_a_second_attempt_freezes_the_tree() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let request = curl(&server, "");
    let agent =
        home.run(&daemon, &format!("{READ_SECRET}; {request}; echo first $?; {request}; echo second $?"));
    daemon.expect(&["deny", &daemon.the_hold()]);
    agent.says("first 56"); // curl: receiving failed
    let frozen = daemon.the_event("session-frozen");
    assert_eq!(frozen["interlock.freeze.still_running"], serde_json::json!([]));
    let sessions = daemon.json(&["ps"]);
    assert_eq!(sessions[0]["status"], "frozen", "{sessions}");
    server.silent().unwrap();
    daemon.expect(&["thaw", sessions[0]["id"].as_str().unwrap()]);
    agent.says("second");
    server.silent().unwrap();
}

#[test]
fn what_a_killed_program_left_in_its_socket_stays_there() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let script =
        format!("{READ_SECRET}; {} & read < fifo; kill -9 $!; wait; echo killed; sleep 5", curl(&server, ""));
    let agent = home.run(&daemon, &format!("mkfifo fifo; {script}"));
    let _ = daemon.the_hold();
    std::fs::write(home.path().join("work/fifo"), "go\n").unwrap();
    agent.says("killed");
    wait::until("the hold is gone", || if daemon.holds().is_empty() { Ok(()) } else { Err(daemon.holds()) });
    wait::throughout("the queue is held", 3 * A_SECOND, || server.silent());
}

#[test]
fn a_program_that_gives_up_takes_its_hold_along() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}; echo exit $?", curl(&server, "-m 2")));
    let _ = daemon.the_hold();
    assert!(agent.finish().contains("exit 28"), "{}", agent.output());
    let gone = wait::until("it is gone", || {
        let all = daemon.json(&["holds", "--all"]);
        if all[0]["state"] == "gone" { Ok(all) } else { Err(all) }
    });
    assert_eq!(gone.as_array().unwrap().len(), 1);
    server.silent().unwrap();
}

#[test]
fn a_connection_from_before_the_secret_is_held_at_its_next_request() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let script = format!(
        "exec python3 -c \"\nimport http.client, os\n\
         c = http.client.HTTPConnection('127.0.0.1', {}, timeout=60)\n\
         def get(p):\n    c.request('GET', p, headers={{'Host': 'backboard.railway.app'}}); return c.getresponse().read()\n\
         print(get('/before'), flush=True)\n\
         open(os.path.expanduser('~/.railway/config.json')).read()\n\
         print(get('/after'), flush=True)\n\"",
        server.port()
    );
    let mut agent = home.run(&daemon, &script);
    let hold = daemon.the_hold();
    agent.says("b'ok\\n'");
    wait::throughout("held", A_SECOND, || match server.seen() {
        seen if seen.requests.len() == 1 => Ok(()),
        seen => Err(seen),
    });
    assert_eq!(server.seen().connections, 1, "one connection, opened before");
    daemon.expect(&["approve", &hold]);
    assert_eq!(agent.finish().matches("ok").count(), 2, "{}", agent.output());
}

#[test]
fn a_datagram_socket_from_before_the_session_is_held_too() {
    if !is_root() {
        return;
    }
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = receiver.local_addr().unwrap().port();
    let rules = format!(
        "version: 1\nbuiltin: replace\nrules:\n  - id: held-port\n    summary: A port that is held.\n    on: connect\n    match: {{ destination: \
         {{ port: {port} }} }}\n    action: hold\n    timeout: {{ after: 10m, then: freeze }}\n"
    );
    let daemon = Daemon::start(&Settings { rules: Some(rules), ..Settings::default() });
    let home = Home::new();
    let run = format!("{} --socket {} run", binary().display(), daemon.socket().display());
    let script = "while ! test -e end; do printf x >&3; sleep 0.1; done";
    let _agent =
        home.run_unwatched(&format!("exec 3<>/dev/udp/127.0.0.1/{port}; exec {run} -- bash -c '{script}'"));
    let hold = daemon.the_hold();
    receiver.set_read_timeout(Some(A_SECOND)).unwrap();
    let received = receiver.recv(&mut [0; 8]);
    assert!(received.is_err(), "{received:?}");
    daemon.expect(&["approve", &hold]);
    receiver.set_read_timeout(Some(wait::timeout())).unwrap();
    assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 1);
}

#[test]
fn a_large_body_is_held_whole_and_arrives_whole() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let upload = curl(&server, "-H 'Expect:' --data-binary @body");
    let mut agent = home
        .run(&daemon, &format!("head -c 3000000 /dev/urandom > body; {READ_SECRET}; {upload}; echo exit $?"));
    let hold = daemon.the_hold();
    wait::throughout("held", A_SECOND, || server.silent());
    daemon.expect(&["approve", &hold]);
    assert!(agent.finish().contains("exit 0"), "{}", agent.output());
    assert!(server.seen().bytes > 3_000_000, "{:?}", server.seen());
}

#[test]
fn a_single_threaded_program_serves_its_other_connection_meanwhile() {
    if !is_root() {
        return;
    }
    let (daemon, home) = (Daemon::start(&Settings::default()), Home::new());
    let (held, free) = (Server::start(), Server::start());
    let script = format!(
        "{READ_SECRET}; exec python3 -c \"\nimport socket, selectors\n\
         ask = lambda port, host: (lambda s: (s.sendall(b'GET / HTTP/1.1\\r\\nHost: ' + host + b'\\r\\n\\r\\n'), s)[1])(socket.create_connection(('127.0.0.1', port)))\n\
         held = ask({}, b'backboard.railway.app')\n\
         free = ask({}, b'localhost')\n\
         sel = selectors.DefaultSelector(); sel.register(held, 1, 'held'); sel.register(free, 1, 'free')\n\
         while True:\n    for key, _ in sel.select():\n        key.fileobj.recv(999); print('answer', key.data, flush=True)\n\
         \\n        if key.data == 'free': free.sendall(b'GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')\n\
         \\n        else: raise SystemExit\n\"",
        held.port(),
        free.port()
    )
    .replace("\\n        if", "        if")
    .replace("\\n        else", "        else");
    let mut agent = home.run(&daemon, &script);
    let hold = daemon.the_hold();
    wait::until("the other connection goes round", || match free.seen() {
        seen if seen.requests.len() > 20 => Ok(()),
        seen => Err((seen, agent.output())),
    });
    held.silent().unwrap();
    daemon.expect(&["approve", &hold]);
    assert!(agent.finish().contains("answer held"), "{}", agent.output());
}

#[test]
fn silence_is_answered_by_the_rule() {
    if !is_root() {
        return;
    }
    for (then, status) in [("deny", "probation"), ("freeze", "frozen")] {
        let rules = format!(
            "version: 1\nbuiltin: replace\nrules:\n  - id: brief\n    summary: A brief hold.\n    on: connect\n    match: {{ destination: infra, \
             touched: {{ grade: A, foreign: true }} }}\n    action: hold\n    timeout: {{ after: 1s, then: {then} }}\n"
        );
        let daemon = Daemon::start(&Settings { rules: Some(rules), ..Settings::default() });
        let (home, server) = (Home::new(), Server::start());
        let _agent =
            home.run(&daemon, &format!("{READ_SECRET}; {}; echo exit $?; sleep 30", curl(&server, "")));
        let _ = daemon.the_event("hold-expired");
        wait::until(status, || match daemon.json(&["ps"]) {
            sessions if sessions[0]["status"] == status => Ok(()),
            sessions => Err(sessions),
        });
        server.silent().unwrap();
    }
}

#[test]
fn an_approval_for_a_while_reaches_the_next_connection_and_no_other_host() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let request = curl(&server, "");
    let other = request.replace("backboard.railway.app", "api.render.com");
    let agent = home.run(&daemon, &format!("{READ_SECRET}; {request}; {request}; echo twice; {other}"));
    daemon.expect(&["approve", &daemon.the_hold(), "--for", "10m"]);
    agent.says("twice");
    assert_eq!(server.seen().requests.len(), 2);
    let hold = daemon.the_hold();
    assert!(daemon.holds()[0]["destination"].as_str().unwrap().contains("api.render.com"), "{hold}");
}

#[test]
fn observe_mode_lets_everything_through_and_writes_it_down() {
    if !is_root() {
        return;
    }
    let daemon = Daemon::start(&Settings { observe: true, ..Settings::default() });
    let (home, server) = (Home::new(), Server::start());
    let mut agent = home.run(&daemon, &format!("{READ_SECRET}; {}", curl(&server, "")));
    assert!(agent.finish().contains("ok"));
    let event = daemon.the_event("would-hold");
    assert_eq!(event["destination.domain"], "backboard.railway.app");
    assert!(daemon.holds().is_empty());
}

#[test]
fn who_has_no_label_is_never_stopped() {
    if !is_root() {
        return;
    }
    let (daemon, home, server) = (Daemon::start(&Settings::default()), Home::new(), Server::start());
    let agent = home.run(&daemon, &format!("{READ_SECRET}; echo tainted; sleep 30"));
    agent.says("tainted");
    let mut person = home.run_unwatched(&format!("{READ_SECRET}; {}; echo exit $?", curl(&server, "")));
    assert!(person.finish().contains("ok\nexit 0"), "{}", person.output());
    assert!(daemon.holds().is_empty());
}
