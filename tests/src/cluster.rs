//! An API server of a cluster, on loopback: it keeps objects, lists and watches them, and knows its users by their tokens. Of admission it
//! does what Interlock's policies do about whose a decision is, as long as they are installed; `xtask kubernetes` has the real ones.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
};

use serde_json::{Value, json};

/// As the path of its collection and its name: `pods/team-a/ws-ann`.
type Key = String;

#[derive(Default)]
struct State {
    version: u64,
    objects: BTreeMap<Key, Value>,
    /// What has happened: the version, the kind of the change, the collection, the object.
    log: Vec<(u64, &'static str, String, Value)>,
    away: bool,
    without_policy: bool,
}

/// The server; its threads end with the process.
#[derive(Clone)]
pub struct Cluster {
    state: Arc<(Mutex<State>, Condvar)>,
    port: u16,
}

struct Request {
    method: String,
    path: String,
    query: String,
    user: String,
    body: Value,
}

impl Cluster {
    /// # Panics
    /// No port is left.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let cluster = Self { state: Arc::default(), port };
        let server = cluster.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                thread::spawn(move || while server.serve(&stream).is_some() {});
            }
        });
        cluster
    }

    /// A file by which `user` finds it.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn kubeconfig(&self, file: &Path, user: &str) {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{}'}}}}]\n\
             users: [{{name: u, user: {{token: '{user}'}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u, namespace: team-a}}}}]\n",
            self.port
        );
        std::fs::write(file, text).expect("a kubeconfig");
    }

    /// Adds an object, or replaces it, whoever may.
    pub fn put(&self, plural: &str, namespace: &str, name: &str, object: Value) {
        self.change(|state| state.put(plural, namespace, name, object));
    }

    #[must_use]
    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.lock().objects.get(&format!("{plural}/{namespace}/{name}")).cloned()
    }

    #[must_use]
    pub fn list(&self, plural: &str) -> Vec<Value> {
        let prefix = format!("{plural}/");
        let state = self.lock();
        state
            .objects
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// While it is away every request fails, and every watch ends.
    pub fn go_away(&self, away: bool) {
        self.change(|state| state.away = away);
    }

    /// From now on decisions are taken in anybody's name.
    pub fn uninstall_policy(&self) {
        self.change(|state| state.without_policy = true);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().expect("no server thread panics")
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.state.1.notify_all();
        changed
    }

    /// `None`: the connection is over.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let request = read(stream)?;
        if self.lock().away {
            return None; // a 503 would be asked again by the client itself
        }
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        // The group and its version stand before: /api/v1/… or /apis/GROUP/VERSION/….
        let rest = parts.get(if parts.first() == Some(&"api") { 2 } else { 3 }..)?;
        match *rest {
            ["selfsubjectreviews"] => answer(stream, 201, &review(&request.user)),
            ["namespaces", namespace, plural] if request.method == "POST" => {
                let (code, object) = self.create(namespace, plural, &request);
                answer(stream, code, &object)
            }
            ["namespaces", _, plural] | [plural] if request.query.contains("watch=true") => {
                self.watch(stream, plural, &request.query)
            }
            ["namespaces", _, plural] | [plural] => answer(stream, 200, &self.listed(plural, &request.query)),
            ["namespaces", namespace, plural, name] => {
                self.one(stream, (plural, namespace, name), &request, false)
            }
            ["namespaces", namespace, plural, name, "status"] => {
                self.one(stream, (plural, namespace, name), &request, true)
            }
            _ => answer(stream, 404, &status(404, "no such path")),
        }
    }

    fn create(&self, namespace: &str, plural: &str, request: &Request) -> (u16, Value) {
        let mut object = request.body.clone();
        let is_decision = plural == "interlockdecisions";
        if is_decision && !self.lock().without_policy && object["spec"]["user"] != request.user.as_str() {
            let message = "interlockdecisions.interlock.dev is forbidden: ValidatingAdmissionPolicy 'interlock-decisions' with binding \
                           'interlock-decisions' denied request: spec.user is not who asks";
            return (403, status(403, message));
        }
        if request.query.contains("dryRun=All") {
            return (201, object);
        }
        self.change(|state| {
            let given = object["metadata"]["generateName"]
                .as_str()
                .map(|prefix| format!("{prefix}{}", state.version));
            let name = object["metadata"]["name"]
                .as_str()
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .or(given);
            let name = name.unwrap_or_default();
            object["metadata"]["name"] = name.clone().into();
            (201, state.put(plural, namespace, &name, object))
        })
    }

    fn one(
        &self,
        stream: &TcpStream,
        (plural, namespace, name): (&str, &str, &str),
        request: &Request,
        of_status: bool,
    ) -> Option<()> {
        let found = self.get(plural, namespace, name);
        let (code, object) = match (request.method.as_str(), found) {
            ("GET", Some(object)) => (200, object),
            ("DELETE", Some(object)) => {
                self.change(|state| state.remove(plural, namespace, name));
                (200, object)
            }
            ("PATCH", Some(mut object)) => {
                let fields = if of_status { &["status"][..] } else { &["metadata", "spec", "series"] };
                for field in fields.iter().filter(|field| !request.body[**field].is_null()) {
                    merge(&mut object[*field], &request.body[*field], *field == "metadata");
                }
                (200, self.change(|state| state.put(plural, namespace, name, object)))
            }
            ("PATCH", None) if !of_status => {
                (201, self.change(|state| state.put(plural, namespace, name, request.body.clone())))
            }
            _ => (404, status(404, "not found")),
        };
        answer(stream, code, &object)
    }

    fn listed(&self, plural: &str, query: &str) -> Value {
        let items: Vec<Value> =
            self.list(plural).into_iter().filter(|object| is_selected(object, query)).collect();
        let version = self.lock().version.to_string();
        json!({ "kind": "List", "apiVersion": "v1", "metadata": { "resourceVersion": version }, "items": items })
    }

    fn watch(&self, mut stream: &TcpStream, plural: &str, query: &str) -> Option<()> {
        let after = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion=")?.parse().ok());
        let mut seen: u64 = after.unwrap_or_default();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).ok()?;
        let mut state = self.lock();
        loop {
            let news: Vec<_> = state.log.iter().filter(|(at, ..)| *at > seen).cloned().collect();
            seen = state.version.max(seen);
            drop(state);
            for (_, kind, of, object) in news {
                if of == plural && is_selected(&object, query) {
                    let line = format!("{}\n", json!({ "type": kind, "object": object }));
                    stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).ok()?;
                }
            }
            let waits = |state: &mut State| state.version <= seen && !state.away;
            state = self.state.1.wait_while(self.lock(), waits).ok()?;
            if state.away {
                return None;
            }
        }
    }
}

impl State {
    fn put(&mut self, plural: &str, namespace: &str, name: &str, mut object: Value) -> Value {
        self.version += 1;
        let (key, version) = (format!("{plural}/{namespace}/{name}"), self.version);
        let kind = if self.objects.contains_key(&key) { "MODIFIED" } else { "ADDED" };
        let metadata = &mut object["metadata"];
        metadata["name"] = name.into();
        metadata["namespace"] = namespace.into();
        metadata["resourceVersion"] = version.to_string().into();
        if metadata["uid"].is_null() {
            metadata["uid"] = format!("uid-{version}").into();
        }
        if metadata["creationTimestamp"].is_null() {
            metadata["creationTimestamp"] = jiff::Timestamp::now()
                .round(jiff::Unit::Second)
                .map_or(Value::Null, |now| now.to_string().into());
        }
        self.objects.insert(key, object.clone());
        self.log.push((version, kind, plural.to_owned(), object.clone()));
        object
    }

    fn remove(&mut self, plural: &str, namespace: &str, name: &str) {
        if let Some(object) = self.objects.remove(&format!("{plural}/{namespace}/{name}")) {
            self.version += 1;
            self.log.push((self.version, "DELETED", plural.to_owned(), object));
        }
    }
}

/// Metadata is merged; what is applied as a whole replaces what was there.
fn merge(into: &mut Value, from: &Value, deeply: bool) {
    match (into.as_object_mut(), from.as_object()) {
        (Some(into), Some(from)) if deeply => {
            from.iter().for_each(|(key, value)| drop(into.insert(key.clone(), value.clone())));
        }
        _ => *into = from.clone(),
    }
}

fn is_selected(object: &Value, query: &str) -> bool {
    let selector = query.split('&').find_map(|pair| pair.strip_prefix("fieldSelector=")).unwrap_or_default();
    let selector = selector.replace("%3D", "=");
    let Some((field, value)) = selector.split_once('=') else { return true };
    object
        .pointer(&format!("/{}", field.replace('.', "/")))
        .is_none_or(|found| found == value.trim_start_matches('='))
}

fn review(user: &str) -> Value {
    let info =
        json!({ "username": user, "uid": format!("uid-of-{user}"), "groups": ["system:authenticated"] });
    json!({ "kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {}, "status": { "userInfo": info } })
}

fn status(code: u16, message: &str) -> Value {
    let reason = match code {
        403 => "Forbidden",
        _ => "NotFound",
    };
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code })
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let mut next = |reader: &mut BufReader<&TcpStream>| {
        line.clear();
        let read = reader.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    };
    let first = next(&mut reader)?;
    let (mut length, mut user) = (0, String::new());
    loop {
        let line = next(&mut reader)?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => user = value.trim_start_matches("Bearer ").to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), user, body })
}

fn answer(mut stream: &TcpStream, code: u16, body: &Value) -> Option<()> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {code} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok()
}
