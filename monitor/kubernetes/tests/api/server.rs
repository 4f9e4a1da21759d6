//! A small API server on loopback: it lists and watches pods and runtime classes as the real one does, and fails as it is told.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// What happens to the next requests about pods, one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends without an answer.
    Drop,
    /// An answer of that status, with the API's own words.
    Status(u16),
    /// 200, and no JSON.
    Malformed,
    /// Nobody ever answers.
    Silent,
    /// 200, and the body ends at once.
    Empty,
    /// It takes that many milliseconds.
    Slow(u64),
    /// The watch begins and says that what was seen is too old.
    Expired,
}

#[derive(Default)]
struct State {
    version: u64,
    pods: BTreeMap<String, Value>,
    classes: BTreeMap<String, String>,
    /// What has happened, with its version.
    log: Vec<(u64, &'static str, Value)>,
    faults: VecDeque<Fault>,
    requests: Vec<String>,
    /// Watches of an earlier one end.
    era: u64,
    classes_forbidden: bool,
    /// Whoever asks is turned away by closing the connection.
    away: bool,
}

/// The server; its threads end with the process.
#[derive(Clone)]
pub struct Api {
    state: Arc<(Mutex<State>, Condvar)>,
    pub port: u16,
}

impl Api {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let api = Self { state: Arc::default(), port };
        api.lock().version = 100;
        let server = api.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                thread::spawn(move || while server.answer(&stream).is_some() {});
            }
        });
        api
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.state.1.notify_all();
    }

    /// A file by which clients find the server.
    pub fn kubeconfig(&self, file: &Path) {
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{}'}}}}]\n\
             users: [{{name: u, user: {{token: not-a-real-token}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n",
            self.port
        );
        std::fs::write(file, text).unwrap();
    }

    /// Adds a pod, or changes it; `more` is merged into its metadata.
    pub fn put(&self, name: &str, uid: &str, more: &Value, spec: &Value) {
        self.change(|state| {
            state.version += 1;
            let mut pod = json!({ "apiVersion": "v1", "kind": "Pod", "spec": spec, "status": { "phase": "Running" },
                "metadata": { "name": name, "namespace": "dev", "uid": uid, "resourceVersion": state.version.to_string() } });
            for (key, value) in more.as_object().into_iter().flatten() {
                pod["metadata"][key] = value.clone();
            }
            let kind = if state.pods.contains_key(name) { "MODIFIED" } else { "ADDED" };
            state.pods.insert(name.to_owned(), pod.clone());
            state.log.push((state.version, kind, pod));
        });
    }

    pub fn remove(&self, name: &str) {
        self.change(|state| {
            state.version += 1;
            let mut pod = state.pods.remove(name).unwrap();
            pod["metadata"]["resourceVersion"] = state.version.to_string().into();
            state.log.push((state.version, "DELETED", pod));
        });
    }

    pub fn class(&self, name: &str, handler: &str) {
        self.change(|state| drop(state.classes.insert(name.to_owned(), handler.to_owned())));
    }

    pub fn forbid_classes(&self) {
        self.change(|state| state.classes_forbidden = true);
    }

    /// Every open watch of pods is told where it is.
    pub fn bookmark(&self) {
        self.change(|state| {
            state.version += 1;
            let bookmark = json!({ "kind": "Pod", "apiVersion": "v1", "metadata": { "resourceVersion": state.version.to_string() } });
            state.log.push((state.version, "BOOKMARK", bookmark));
        });
    }

    /// What happened before is forgotten: whoever asks for it is told that it is too old.
    pub fn forget(&self) {
        self.change(|state| state.log.clear());
    }

    pub fn fail(&self, faults: &[Fault]) {
        self.change(|state| state.faults.extend(faults));
    }

    /// Ends every open watch.
    pub fn drop_connections(&self) {
        self.change(|state| state.era += 1);
    }

    pub fn go_away(&self, away: bool) {
        self.change(|state| {
            state.away = away;
            state.era += 1;
        });
    }

    /// Requests about pods so far: path and query.
    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    /// Whether the requests come to be like that within a time.
    pub fn within(&self, time: Duration, mut are: impl FnMut(&[String]) -> bool) -> bool {
        let waited = self.state.1.wait_timeout_while(self.lock(), time, |state| !are(&state.requests));
        !waited.unwrap().1.timed_out()
    }

    /// `None`: the connection is over.
    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let target = lines.next()?.split(' ').nth(1)?.to_owned();
        lines.find(String::is_empty)?;
        if self.lock().away {
            return None;
        }
        let watches = target.contains("watch=true");
        let version =
            target.split("resourceVersion=").nth(1).and_then(|rest| rest.split('&').next()?.parse().ok());
        if target.starts_with("/apis/node.k8s.io/v1/runtimeclasses") {
            return self.classes(stream, watches);
        }
        if !target.starts_with("/api/v1/pods") {
            return whole(stream, 404, &status(404).to_string());
        }
        let (fault, era) = {
            let mut state = self.lock();
            state.requests.push(target.clone());
            self.state.1.notify_all();
            (state.faults.pop_front(), state.era)
        };
        match fault {
            Some(Fault::Drop) => return None,
            Some(Fault::Status(code)) => return whole(stream, code, &status(code).to_string()),
            Some(Fault::Malformed) => return whole(stream, 200, "{ \"this\": is no JSON\n"),
            Some(Fault::Silent) => {
                drop(self.state.1.wait_while(self.lock(), |state| state.era == era));
                return None;
            }
            Some(Fault::Empty) if watches => {
                head(stream)?;
                stream.write_all(b"0\r\n\r\n").ok()?;
                return Some(());
            }
            Some(Fault::Slow(time)) => {
                let time = Duration::from_millis(time);
                drop(self.state.1.wait_timeout_while(self.lock(), time, |_| true));
            }
            Some(Fault::Expired) if watches => {
                head(stream)?;
                chunk(stream, &json!({ "type": "ERROR", "object": status(410) }))?;
                return None;
            }
            _ => {}
        }
        if watches { self.watch(stream, version.unwrap_or_default(), era) } else { self.list(stream) }
    }

    fn list(&self, stream: &TcpStream) -> Option<()> {
        let list = {
            let state = self.lock();
            json!({ "kind": "PodList", "apiVersion": "v1", "metadata": { "resourceVersion": state.version.to_string() },
                "items": state.pods.values().collect::<Vec<_>>() })
        };
        whole(stream, 200, &list.to_string())
    }

    fn watch(&self, mut stream: &TcpStream, mut version: u64, era: u64) -> Option<()> {
        head(stream)?;
        loop {
            let news: Vec<_> = {
                let state = self.lock();
                if state.log.first().is_some_and(|(first, ..)| *first > version + 1)
                    || state.log.is_empty() && version < state.version
                {
                    drop(state);
                    chunk(stream, &json!({ "type": "ERROR", "object": status(410) }))?;
                    stream.write_all(b"0\r\n\r\n").ok()?;
                    return None;
                }
                state.log.iter().filter(|(at, ..)| *at > version).cloned().collect()
            };
            for (at, kind, object) in news {
                version = at;
                chunk(stream, &json!({ "type": kind, "object": object }))?;
            }
            let state = self.lock();
            let waits = |state: &mut State| {
                state.era == era && state.log.last().is_none_or(|(last, ..)| *last <= version)
            };
            let state = self.state.1.wait_while(state, waits).unwrap();
            if state.era != era {
                return None;
            }
        }
    }

    fn classes(&self, stream: &TcpStream, watches: bool) -> Option<()> {
        let (forbidden, classes, era) = {
            let state = self.lock();
            (state.classes_forbidden, state.classes.clone(), state.era)
        };
        if forbidden {
            return whole(stream, 403, &status(403).to_string());
        }
        if watches {
            head(stream)?;
            let _ended = self.state.1.wait_while(self.lock(), |state| state.era == era).unwrap();
            return None;
        }
        let items: Vec<Value> = classes
            .iter()
            .map(|(name, handler)| json!({ "metadata": { "name": name, "resourceVersion": "7" }, "handler": handler }))
            .collect();
        let list = json!({ "kind": "RuntimeClassList", "apiVersion": "node.k8s.io/v1", "metadata": { "resourceVersion": "7" }, "items": items });
        whole(stream, 200, &list.to_string())
    }
}

fn status(code: u16) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "message": format!("made to fail with {code}"), "reason": "Test" })
}

fn whole(mut stream: &TcpStream, code: u16, body: &str) -> Option<()> {
    let mut answer = format!(
        "HTTP/1.1 {code} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    answer.write_str(body).ok()?;
    stream.write_all(answer.as_bytes()).ok()
}

fn head(mut stream: &TcpStream) -> Option<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        .ok()
}

fn chunk(mut stream: &TcpStream, event: &Value) -> Option<()> {
    let text = format!("{event}\n");
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).ok()
}
