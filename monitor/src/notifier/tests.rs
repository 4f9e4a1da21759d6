//! The whole notifier against a real server on loopback: slow, wrong, down and back, and over TLS.

use std::{
    collections::VecDeque,
    fs,
    io::{BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::Mutex,
    time::Instant,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::*;

/// How the server answers the next request.
#[derive(Clone, Debug)]
enum Answer {
    Status(u16),
    With(u16, &'static str, String),
    Garbage,
    Close,
    /// Endless headers, a byte at a time.
    Never,
    Endless,
}

#[derive(Clone, Debug)]
struct Received {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    at: Instant,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn key(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["data"]["notice"]["key"].as_str().unwrap().to_owned()
    }
}

#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Receiver {
    fn start(answers: &[Answer], tls: Option<Arc<ServerConfig>>) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").unwrap(), answers, tls)
    }

    fn listen(listener: TcpListener, answers: &[Answer], tls: Option<Arc<ServerConfig>>) -> Self {
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
            answers: Arc::new(Mutex::new(answers.iter().cloned().collect())),
        };
        let own = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (own, tls) = (own.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => own.serve(stream),
                    Some(tls) => own.serve(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream)),
                });
            }
        });
        receiver
    }

    /// Requests until the connection ends; more than one on a connection that is kept.
    fn serve(&self, stream: impl Read + Write) {
        let mut stream = BufReader::new(stream);
        loop {
            let Some(received) = read(&mut stream) else { return };
            self.received.lock().unwrap().push(received);
            let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Status(204));
            let text = match answer {
                Answer::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
                Answer::With(status, header, body) => {
                    format!("HTTP/1.1 {status} X\r\n{header}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                }
                Answer::Garbage => "SSH-2.0-OpenSSH\r\n\r\n".to_owned(),
                Answer::Close => return,
                Answer::Never => {
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest); // until the other side has enough
                    return;
                }
                Answer::Endless => {
                    let _ = stream.get_mut().write_all(b"HTTP/1.1 200 X\r\n\r\n");
                    while stream.get_mut().write_all(&[b'x'; 4096]).is_ok() {}
                    return;
                }
            };
            if stream.get_mut().write_all(text.as_bytes()).and_then(|()| stream.get_mut().flush()).is_err() {
                return;
            }
        }
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    fn seen(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    fn wait(&self, count: usize) -> Vec<Received> {
        until(&format!("{count} requests"), || self.seen().len() >= count);
        self.seen()
    }
}

fn read(stream: &mut impl std::io::BufRead) -> Option<Received> {
    let mut first = String::new();
    if stream.read_line(&mut first).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let (path, body) = (first.split(' ').nth(1)?.to_owned(), String::from_utf8(body).ok()?);
    Some(Received { path, headers, body, at: Instant::now() })
}

/// Waits on a condition, 30 s at most.
fn until(what: &str, is: impl Fn() -> bool) {
    let (began, bell) = (Instant::now(), mpsc::channel::<()>());
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        let _ = bell.1.recv_timeout(Duration::from_millis(5));
    }
}

struct Trial {
    dir: tempfile::TempDir,
    metrics: Arc<Metrics>,
    targets: Vec<Target>,
    notifier: Notifier,
}

impl Trial {
    fn new(change: impl FnOnce(&tempfile::TempDir, &mut Target), url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut target = Target { quiet_except: None, ..Target::sample("a", url) };
        change(&dir, &mut target);
        let metrics = Arc::new(Metrics::new().unwrap());
        let notifier = Notifier::start(std::slice::from_ref(&target), dir.path(), &metrics).unwrap();
        Self { dir, metrics, targets: vec![target], notifier }
    }

    fn plain(url: &str) -> Self {
        Self::new(|_, _| {}, url)
    }

    fn hold(&self, key: &str) {
        self.notifier.tell(Class::Hold, || Notice::new(key, Class::Hold, Severity::High, Timestamp::now()));
    }

    fn freeze(&self, key: &str) {
        self.notifier
            .tell(Class::Freeze, || Notice::new(key, Class::Freeze, Severity::High, Timestamp::now()));
    }

    fn view(&self) -> TargetView {
        self.notifier.views().remove(0)
    }

    fn left(&self) -> usize {
        fs::read_dir(self.dir.path().join(DIR)).unwrap().count()
    }

    fn start_again(&mut self) {
        self.notifier = Notifier::default(); // the one before is gone before the next
        self.notifier = Notifier::start(&self.targets, self.dir.path(), &self.metrics).unwrap();
    }
}

fn credential(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn a_message_arrives_at_once_and_leaves_nothing_behind() {
    let receiver = Receiver::start(&[], None);
    let trial = Trial::plain(&receiver.url());
    let began = Instant::now();
    trial.freeze("e1");
    let seen = receiver.wait(1);
    assert!(seen[0].at - began < Duration::from_secs(1));
    assert_eq!((seen[0].path.as_str(), seen[0].key().as_str()), ("/hook", "e1"));
    assert!(
        seen[0].header("user-agent").starts_with("interlock/") && !seen[0].header("webhook-id").is_empty()
    );
    until("a delivery", || trial.view().delivered.is_some());
    assert_eq!(trial.left(), 0);
}

#[test]
fn a_server_that_fails_is_asked_again_and_told_once() {
    let wrong = [Answer::Status(500), Answer::Close, Answer::Garbage, Answer::Status(503)];
    let receiver = Receiver::start(&wrong, None);
    let trial = Trial::plain(&receiver.url());
    trial.freeze("e1");
    until("a failure", || trial.view().failing_since.is_some());
    let seen = receiver.wait(5);
    let ids: Vec<_> = seen.iter().map(|request| request.header("webhook-id")).collect();
    assert!(ids.iter().all(|id| id == &ids[0]), "{ids:?}");
    until("a delivery", || trial.view().delivered.is_some());
    assert_eq!((trial.view().why, trial.view().waiting), (None, 0));
    let page = trial.metrics.encode();
    assert!(page.contains("notifications_total{outcome=\"retried\",target=\"a\"} 4"), "{page}");
    assert!(page.contains("notifications_total{outcome=\"delivered\",target=\"a\"} 1"), "{page}");
}

#[test]
fn a_server_that_asks_for_time_gets_it() {
    let receiver = Receiver::start(&[Answer::With(429, "retry-after: 2", String::new())], None);
    let trial = Trial::plain(&receiver.url());
    trial.freeze("e1");
    let seen = receiver.wait(2);
    let waited = seen[1].at - seen[0].at;
    assert!((Duration::from_millis(1990)..Duration::from_secs(6)).contains(&waited), "{waited:?}");
}

#[test]
fn what_is_refused_is_told_and_not_tried_again() {
    let location = "location: http://127.0.0.1:9/elsewhere";
    for answer in [
        Answer::Status(400),
        Answer::Status(401),
        Answer::Status(404),
        Answer::With(307, location, String::new()),
    ] {
        let receiver = Receiver::start(std::slice::from_ref(&answer), None);
        let trial = Trial::plain(&receiver.url());
        trial.freeze("e1");
        until("a refusal", || trial.view().lost == 1);
        trial.freeze("e2");
        let seen = receiver.wait(2);
        assert_eq!(seen.iter().map(Received::key).collect::<Vec<_>>(), ["e1", "e2"], "{answer:?}");
        until("an empty outbox", || trial.left() == 0);
    }
}

#[test]
fn an_answer_without_end_costs_nobody_more_than_a_while() {
    let receiver = Receiver::start(&[Answer::Endless], None);
    let trial = Trial::plain(&receiver.url());
    trial.freeze("e1");
    until("a delivery", || trial.view().delivered.is_some());
    assert_eq!(receiver.seen().len(), 1);
}

#[test]
fn a_server_that_is_down_is_told_when_it_is_back_by_the_next_daemon_and_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut trial = Trial::plain(&url);
    trial.hold("h1");
    trial.hold("h2");
    trial.freeze("e1");
    until("three letters", || trial.view().waiting == 3);
    until("a failure", || trial.view().failing_since.is_some());
    // h2 is decided while nobody can be told of either.
    trial.notifier.tell(Class::Decided, || Notice {
        decided: Some(Decided {
            state: interlock_core::facts::HoldState::Denied,
            at: Timestamp::now(),
            by: None,
            reason: None,
        }),
        ..Notice::new("h2", Class::Decided, Severity::High, Timestamp::now())
    });
    trial.start_again();
    trial.notifier.only_these_wait(vec!["h1".into()]);
    trial.hold("h1");
    let receiver = Receiver::listen(TcpListener::bind(address).unwrap(), &[], None);
    receiver.wait(3);
    until("nothing that waits", || trial.view().waiting == 0);
    let mut seen: Vec<(String, bool)> =
        receiver.seen().iter().map(|one| (one.key(), one.body.contains("interlock.decided"))).collect();
    seen.sort();
    assert_eq!(seen, [("e1".to_owned(), false), ("h1".to_owned(), false), ("h2".to_owned(), true)]);
}

#[test]
fn a_server_that_never_answers_holds_nobody_up() {
    let receiver = Receiver::start(&[Answer::Never], None);
    let trial = Trial::plain(&receiver.url());
    trial.freeze("e1");
    receiver.wait(1);
    let began = Instant::now();
    drop(trial);
    assert!(began.elapsed() < FAREWELL + Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn a_body_is_signed_and_a_secret_is_read_anew() {
    let receiver = Receiver::start(&[], None);
    let trial = Trial::new(
        |dir, target| target.secret = Some(credential(dir, "secret", "whsec_ZmFrZS1zZWNyZXQtMDAwMA==\n")),
        &receiver.url(),
    );
    trial.freeze("e1");
    let one = receiver.wait(1).remove(0);
    let secret = crate::config::Credential::read(&trial.dir.path().join("secret")).unwrap();
    let at = Timestamp::from_second(one.header("webhook-timestamp").parse().unwrap()).unwrap();
    let [_, _, (_, expected)] = sign::headers(&secret, one.header("webhook-id"), at, one.body.as_bytes());
    assert_eq!(one.header("webhook-signature"), expected);
    credential(&trial.dir, "secret", "another-fake\n");
    trial.freeze("e2");
    let two = receiver.wait(2).remove(1);
    let [_, _, (_, old)] = sign::headers(&secret, two.header("webhook-id"), at, two.body.as_bytes());
    assert_ne!(two.header("webhook-signature"), old);
    // Others may read it now: nothing is sent, and nothing is lost.
    fs::set_permissions(trial.dir.path().join("secret"), fs::Permissions::from_mode(0o644)).unwrap();
    trial.freeze("e3");
    until("a failure", || trial.view().why.is_some_and(|why| why.contains("chmod 600")));
    assert_eq!((receiver.seen().len(), trial.view().waiting), (2, 1));
}

#[test]
fn a_certificate_is_checked_against_the_file_that_is_named() {
    let key = rcgen::KeyPair::generate().unwrap();
    let issued = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(issued.pem().as_bytes()).unwrap()];
    let server = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let server = Arc::new(server.with_no_client_auth().with_single_cert(chain, private).unwrap());
    let receiver = Receiver::start(&[], Some(server));
    let url = format!("https://localhost:{}/hook", receiver.address.port());

    let trusted = Trial::new(
        |dir, target| {
            let path = dir.path().join("ca.pem");
            fs::write(&path, issued.pem()).unwrap();
            target.ca_file = Some(path);
        },
        &url,
    );
    trusted.freeze("e1");
    assert_eq!(receiver.wait(1)[0].key(), "e1");

    let strange = Trial::plain(&url);
    strange.freeze("e2");
    until("a failure", || strange.view().why.is_some());
    let why = strange.view().why.unwrap();
    assert!(why.contains("certificate") || why.contains("Certificate"), "{why}");
    assert_eq!(receiver.seen().len(), 1);
}

#[test]
fn a_test_passes_every_filter_and_says_what_became_of_it() {
    let receiver = Receiver::start(&[Answer::Status(204), Answer::Status(403)], None);
    let trial = Trial::new(|_, target| target.events = Vec::new(), &receiver.url());
    assert_eq!(trial.notifier.test(Some("nobody")), [] as [String; 0]);
    assert_eq!(trial.notifier.test(None), ["a"]);
    let outcome = || trial.view().test.and_then(|test| test.outcome);
    until("an outcome", || outcome().is_some());
    assert_eq!(outcome().unwrap(), "delivered");
    assert!(receiver.seen()[0].body.contains("notifier-test"));
    trial.notifier.test(Some("a"));
    until("another outcome", || outcome().is_some_and(|outcome| outcome != "delivered"));
    assert!(outcome().unwrap().starts_with("refused: answered 403"), "{:?}", outcome());
}
