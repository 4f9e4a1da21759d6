//! Connections that wait before their handshake, because a rule wants that.

use std::{fs, time::Duration};

use interlock_tests::{
    agent::{Home, READ_SECRET, Running, curl},
    daemon::{Daemon, Settings},
    is_root,
    server::Server,
    wait,
};
use rustix::process::{Pid, Signal, kill_process};

const A_WHILE: Duration = Duration::from_millis(500);

struct Scene {
    daemon: Daemon,
    server: Server,
    home: Home,
}

impl Scene {
    /// Whoever touched the secret waits before its handshake with the server's port; `None` without root.
    fn new() -> Option<Self> {
        if !is_root() {
            return None;
        }
        let (home, server) = (Home::new(), Server::start());
        let rules = format!(
            "version: 1\nbuiltin: replace\nrules:\n  - id: hold-port\n    summary: A credential was read, and now somebody is called.\n    \
             on: connect\n    before: handshake\n    action: hold\n    timeout: {{ after: 600s, then: deny }}\n    \
             match: {{ destination: {{ port: {} }}, touched: {{ grade: A, foreign: true }} }}\n",
            server.port()
        );
        let daemon = Daemon::start(&Settings { rules: Some(rules), ..Settings::default() });
        Some(Self { daemon, server, home })
    }

    fn python(&self, program: &str) -> Running {
        let head =
            "import os, socket, threading, time\nopen(os.path.expanduser('~/.railway/config.json')).read()\n";
        let file = self.home.path().join("program.py");
        fs::write(&file, format!("{head}at = ('127.0.0.1', {})\n{program}", self.server.port())).unwrap();
        self.home.run(&self.daemon, "exec python3 ~/program.py")
    }

    /// One hold waits, and nobody has called the server, nor does.
    fn is_held(&self) -> String {
        let hold = self.daemon.the_hold();
        wait::throughout("no handshake", A_WHILE, || self.uncalled());
        hold
    }

    fn uncalled(&self) -> Result<(), String> {
        let seen = self.server.seen();
        if seen.connections == 0 { Ok(()) } else { Err(format!("{seen:?}")) }
    }

    /// A request that names nobody, by the shell itself.
    fn call(&self) -> String {
        let port = self.server.port();
        format!("exec 3<>/dev/tcp/127.0.0.1/{port} && printf 'GET / HTTP/1.1\\r\\n\\r\\n' >&3 && head -1 <&3")
    }

    fn holds_ever(&self) -> usize {
        self.daemon.json(&["holds", "--all"]).as_array().map_or(0, Vec::len)
    }
}

#[test]
fn an_approved_handshake_goes_on_after_ten_stray_continues_and_asks_once() {
    let Some(scene) = Scene::new() else { return };
    let mut agent = scene.home.run(&scene.daemon, &format!("{READ_SECRET}; {}; echo exit $?", scene.call()));
    let hold = scene.is_held();
    let pid = scene.daemon.holds()[0]["pid"].as_i64().unwrap();
    for _ in 0..10 {
        kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::CONT).unwrap();
        wait::throughout("no handshake", A_WHILE / 10, || scene.uncalled());
    }
    scene.daemon.expect(&["approve", &hold]);
    assert!(agent.finish().ends_with("HTTP/1.1 200 OK\r\nexit 0\n"), "{}", agent.output());
    assert_eq!((scene.server.seen().connections, scene.holds_ever()), (1, 1));
}

#[test]
fn a_denied_handshake_fails_and_calls_nobody() {
    let Some(scene) = Scene::new() else { return };
    let agent = scene.python("print('connect', socket.socket().connect_ex(at), flush=True)\n");
    scene.daemon.expect(&["deny", &scene.is_held()]);
    agent.says("connect 1"); // EPERM
    scene.uncalled().unwrap();
}

#[test]
fn a_threaded_program_that_asks_how_its_connect_goes_gets_the_same_answer_as_ever() {
    let Some(scene) = Scene::new() else { return };
    let mut agent = scene.python(
        "beats = []\n\
         threading.Thread(target=lambda: [beats.append(time.sleep(.01)) for _ in range(50)]).start()\n\
         c = socket.socket(); c.setblocking(False)\n\
         while (code := c.connect_ex(at)) not in (0, 106): time.sleep(.01)\n\
         c.setblocking(True); c.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')\n\
         print(c.recv(99)[:15], flush=True)\n",
    );
    let hold = scene.is_held();
    scene.daemon.expect(&["approve", &hold]);
    assert!(agent.finish().contains("b'HTTP/1.1 200 OK'"), "{}", agent.output());
    assert_eq!((scene.server.seen().connections, scene.holds_ever()), (1, 1));
}

#[test]
fn a_name_that_only_the_data_says_is_a_question_of_its_own() {
    let Some(scene) = Scene::new() else { return };
    let script = format!("{READ_SECRET}; {}; echo exit $?", curl(&scene.server, ""));
    let mut agent = scene.home.run(&scene.daemon, &script);
    let first = scene.is_held();
    scene.daemon.expect(&["approve", &first]);
    let second = wait::until("the data is held", || match scene.daemon.holds().as_slice() {
        [hold] if hold["id"] != first.as_str() => Ok(hold.clone()),
        other => Err(other.to_vec()),
    });
    assert!(second["destination"].as_str().unwrap().starts_with("backboard.railway.app:"), "{second}");
    scene.server.silent().unwrap();
    scene.daemon.expect(&["approve", second["id"].as_str().unwrap()]);
    assert!(agent.finish().ends_with("ok\nexit 0\n"), "{}", agent.output());
}

#[test]
fn other_destinations_datagrams_and_descriptors_that_are_no_sockets_are_not_held_up() {
    let Some(scene) = Scene::new() else { return };
    let other = Server::start();
    let mut agent = scene.python(&format!(
        "print('other', socket.socket().connect_ex(('127.0.0.1', {})))\n\
         print('names', socket.socket().connect_ex(('127.91.17.99', 53)))\n\
         print('datagram', socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect_ex(at))\n\
         try: socket.socket(fileno=os.open('/dev/null', 0), family=2, type=1).connect(at)\n\
         except OSError as e: print('no socket', e.errno)\n",
        other.port()
    ));
    let output = agent.finish();
    assert!(output.contains("other 0\nnames 111\ndatagram 0\nno socket 88"), "{output}");
    assert!(scene.daemon.holds().is_empty());
}

/// A send with MSG_FASTOPEN connects without the security module's hook.
#[test]
fn a_send_that_connects_calls_nobody_either() {
    let Some(scene) = Scene::new() else { return };
    let mut agent = scene.python(
        "try:\n    print('sent', socket.socket().sendto(b'GET / HTTP/1.1', socket.MSG_FASTOPEN, at), flush=True)\n\
         except OSError as error:\n    print('failed', error.errno, flush=True)\n",
    );
    let output = agent.finish();
    assert!(output.contains("failed"), "{output}");
    wait::throughout("no handshake", A_WHILE, || scene.uncalled());
}
