//! The server and the client over a real socket, with an event loop that answers from a script.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    sync::{broadcast, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    api::{
        Approval, Denial, Enroll, HoldView, NotifyTry, Refusal, RulesView, SessionView, Status, TargetView,
    },
    client::{Client, ClientError},
    command::{Command, EventLoop, Request, RequestError},
    live::Live,
    peer::Caller,
    server,
    socket::ControlSocket,
};
use crate::{
    archive::{Librarian, Notes, Question, Sight, Told},
    cli::sample,
    config::Approvers,
    metrics::Metrics,
};
use interlock_core::{
    explanation::Explanation,
    facts::HoldState,
    health::{Check, CheckState},
};

/// Events a slow reader may be behind.
const BACKLOG: usize = 16;

struct Scripted {
    /// Each request as text, with its caller.
    asked: Mutex<Vec<(String, Caller)>>,
    events: broadcast::Sender<Arc<Value>>,
    plain: broadcast::Sender<Arc<Value>>,
    recent: Mutex<Vec<Arc<Value>>>,
    sight: Mutex<Sight>,
    librarian: Librarian,
}

fn refusal() -> Refusal {
    Refusal { error: "no".into(), hint: Some("ask".into()) }
}

fn session(id: String) -> Result<SessionView, RequestError> {
    match id.as_str() {
        "labelled" => Err(RequestError::NotPermitted(refusal())),
        _ => Ok(SessionView { id, ..sample::session() }),
    }
}

fn hold(id: String, state: HoldState) -> Result<HoldView, RequestError> {
    match id.as_str() {
        "h404" => Err(RequestError::NotFound(refusal())),
        "h409" => Err(RequestError::Conflict(refusal())),
        "h422" => Err(RequestError::Invalid(refusal())),
        _ => Ok(HoldView { id, state, ..sample::hold() }),
    }
}

fn explanation(id: String) -> Explanation {
    Explanation { id, ..sample::explanation() }
}

fn check() -> Check {
    Check { subject: "connect".into(), state: CheckState::Good, found: "cgroup".into(), advice: None }
}

impl EventLoop for Scripted {
    fn submit(&self, command: Command) -> Result<(), Box<Command>> {
        let name = match &command.request {
            Request::Enroll(enroll, _) => format!("enroll {}", enroll.command.join(" ")),
            Request::Freeze(id, _) => format!("freeze {id}"),
            Request::Thaw(id, _, _) => format!("thaw {id}"),
            Request::Kill(id, _) => format!("kill {id}"),
            Request::Holds { all, peek, .. } => format!("holds {all} {peek}"),
            Request::Approve(id, approval, _) => {
                format!("approve {id} {:?} {:?} {:?}", approval.for_seconds, approval.seen, approval.reason)
            }
            Request::Deny(id, denial, _) => format!("deny {id} {:?}", denial.reason),
            Request::Grants(_) => "grants".into(),
            Request::Revoke(id, _) => format!("revoke {id}"),
            Request::Explain { id, peek, .. } => format!("explain {id} {peek}"),
            Request::Status(_) => "status".into(),
            Request::Sessions(_) => "sessions".into(),
            Request::Statement(wanted, _) => format!("statement {} {}", wanted.verdict, wanted.object),
            Request::Factors(user, _) => format!("factors {user:?}"),
            Request::AddFactor(new, _) => format!("add factor {:?}", new.key),
            Request::RemoveFactor(id, removal, _) => format!("remove factor {id} {:?}", removal.user),
            Request::Suspend(suspend, _) => format!("suspend {:?}", suspend.session),
            Request::Resume(resume, _) => format!("resume {:?}", resume.session),
            Request::Reload(_) => "reload".into(),
            Request::Doctor(_) => "doctor".into(),
            Request::Notifier(_) => "notifier".into(),
            Request::TestNotifier(test, _) => format!("test notifier {:?}", test.target),
            Request::Watch(_) => "watch".into(),
        };
        self.asked.lock().unwrap().push((name, command.caller));
        match command.request {
            Request::Status(reply) => drop(reply.send(Ok(sample::status()))),
            Request::Sessions(reply) => drop(reply.send(Ok(vec![sample::session()]))),
            Request::Enroll(_, reply) => drop(reply.send(session("new".into()))),
            Request::Freeze(id, reply) | Request::Thaw(id, _, reply) | Request::Kill(id, reply) => {
                drop(reply.send(session(id)))
            }
            Request::Holds { reply, .. } => drop(reply.send(Ok(vec![sample::hold()]))),
            Request::Approve(id, _, reply) => drop(reply.send(hold(id, HoldState::Approved))),
            Request::Deny(id, _, reply) => drop(reply.send(hold(id, HoldState::Denied))),
            Request::Grants(reply) | Request::Revoke(_, reply) => drop(reply.send(Ok(vec![sample::grant()]))),
            // An event loop that ends before it answers.
            Request::Explain { id, reply, .. } if id == "end" => drop(reply),
            Request::Explain { id, reply, .. } => drop(reply.send(Ok(explanation(id)))),
            Request::Statement(_, reply) => drop(reply.send(Err(RequestError::Invalid(refusal())))),
            Request::Suspend(_, reply) | Request::Resume(_, reply) => {
                drop(reply.send(Ok(vec![sample::session()])))
            }
            Request::Factors(_, reply)
            | Request::AddFactor(_, reply)
            | Request::RemoveFactor(_, _, reply) => drop(reply.send(Ok(Vec::new()))),
            Request::Reload(reply) => drop(reply.send(Ok(sample::status().rules))),
            Request::Doctor(reply) => drop(reply.send(Ok(vec![check()]))),
            Request::Notifier(reply) => drop(reply.send(Ok(vec![TargetView::default()]))),
            Request::TestNotifier(test, reply) => drop(reply.send(Ok(test.target.into_iter().collect()))),
            Request::Watch(reply) => drop(reply.send(Ok(self.sight.lock().unwrap().clone()))),
        }
        Ok(())
    }

    fn events(&self) -> Live {
        Live::new(self.events.subscribe(), self.plain.subscribe())
    }

    fn recent(&self) -> Vec<Arc<Value>> {
        self.recent.lock().unwrap().clone()
    }

    fn past(&self, question: Question, sight: Sight, kept: Vec<Value>) -> Option<oneshot::Receiver<Told>> {
        self.librarian.ask(question, sight, kept)
    }
}

struct Served {
    event_loop: Arc<Scripted>,
    client: Client,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    socket: PathBuf,
    directory: tempfile::TempDir,
}

fn serve() -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let event_loop = Arc::new(Scripted {
        asked: Mutex::default(),
        events: broadcast::channel(BACKLOG).0,
        plain: broadcast::channel(BACKLOG).0,
        recent: Mutex::default(),
        sight: Mutex::new(Sight::of_root()),
        librarian: Librarian::start(directory.path().to_path_buf()).unwrap(),
    });
    let metrics = Arc::new(Metrics::new().unwrap());
    let stop = CancellationToken::new();
    let socket = ControlSocket::bind(&path).unwrap();
    let serving = tokio::spawn(server::serve(socket, event_loop.clone(), metrics.clone(), stop.clone()));
    Served { event_loop, client: Client::new(&path), metrics, stop, serving, socket: path, directory }
}

impl Served {
    fn asked(&self) -> Vec<String> {
        self.event_loop.asked.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }

    async fn raw(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn post_raw(&self, path: &str, body: &str) -> String {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        self.raw(&(head + body)).await
    }
}

#[tokio::test]
async fn each_route_asks_the_event_loop_its_question() {
    let served = serve();
    let client = &served.client;
    assert_eq!(client.get::<Status>("/v1/status").await.unwrap(), sample::status());
    assert_eq!(client.get::<Vec<SessionView>>("/v1/sessions").await.unwrap(), [sample::session()]);
    let enroll = Enroll { command: vec!["claude".into(), "-p".into()] };
    assert_eq!(client.post::<_, SessionView>("/v1/sessions", &enroll).await.unwrap().id, "new");
    assert_eq!(client.post::<_, SessionView>("/v1/sessions/1-2/freeze", &()).await.unwrap().id, "1-2");
    assert_eq!(client.post::<_, SessionView>("/v1/sessions/1-2/thaw", &()).await.unwrap().id, "1-2");
    assert_eq!(client.get::<Vec<HoldView>>("/v1/holds").await.unwrap(), [sample::hold()]);
    client.get::<Vec<HoldView>>("/v1/holds?all=true").await.unwrap();
    client.get::<Vec<HoldView>>("/v1/holds?peek=true").await.unwrap();
    let approval =
        Approval { for_seconds: Some(600), seen: Some(2), reason: Some("x".into()), ..Approval::default() };
    let approved: HoldView = client.post("/v1/holds/h1/approve", &approval).await.unwrap();
    assert_eq!(approved.state, HoldState::Approved);
    let denial = Denial { reason: Some("y".into()), ..Denial::default() };
    let denied: HoldView = client.post("/v1/holds/h1/deny", &denial).await.unwrap();
    assert_eq!(denied.state, HoldState::Denied);
    assert_eq!(client.get::<Explanation>("/v1/explain/e7").await.unwrap(), explanation("e7".into()));
    client.get::<Explanation>("/v1/explain/h1?peek=true").await.unwrap();
    assert_eq!(client.post::<_, RulesView>("/v1/rules/reload", &()).await.unwrap(), sample::status().rules);
    assert_eq!(client.get::<Vec<Check>>("/v1/doctor").await.unwrap(), [check()]);
    assert_eq!(client.get::<Vec<TargetView>>("/v1/notifier").await.unwrap(), [TargetView::default()]);
    let one = NotifyTry { target: Some("phone".into()) };
    assert_eq!(client.post::<_, Vec<String>>("/v1/notifier/test", &one).await.unwrap(), ["phone"]);
    let expected = [
        "status",
        "sessions",
        "enroll claude -p",
        "freeze 1-2",
        "thaw 1-2",
        "holds false false",
        "holds true false",
        "holds false true",
        "approve h1 Some(600) Some(2) Some(\"x\")",
        "deny h1 Some(\"y\")",
        "explain e7 false",
        "explain h1 true",
        "reload",
        "doctor",
        "notifier",
        "test notifier Some(\"phone\")",
    ];
    assert_eq!(served.asked(), expected);
}

#[tokio::test]
async fn the_caller_is_the_process_that_connected() {
    let served = serve();
    served.client.get::<Status>("/v1/status").await.unwrap();
    let asked = served.event_loop.asked.lock().unwrap();
    let caller = &asked.first().unwrap().1;
    assert_eq!(caller.pid, std::process::id());
    assert_eq!(caller.uid, rustix::process::geteuid().as_raw());
    assert!(caller.process.as_ref().is_some_and(|process| process.is_alive()));
}

#[tokio::test]
async fn each_no_has_its_status() {
    let served = serve();
    let client = &served.client;
    let error = client.post::<_, SessionView>("/v1/sessions/labelled/thaw", &()).await.unwrap_err();
    assert!(matches!(&error, ClientError::NotPermitted(said) if *said == refusal()), "{error:?}");
    let error = client.post::<_, HoldView>("/v1/holds/h404/deny", &()).await.unwrap_err();
    assert!(matches!(&error, ClientError::NotFound(said) if *said == refusal()), "{error:?}");
    for (id, expected) in [("h409", 409), ("h422", 422)] {
        let error = client.post::<_, HoldView>(&format!("/v1/holds/{id}/deny"), &()).await.unwrap_err();
        assert!(matches!(&error, ClientError::Refused { status, .. } if *status == expected), "{error:?}");
    }
    let error = client.get::<Explanation>("/v1/explain/end").await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused { status: 503, .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_malformed_never_reaches_the_event_loop() {
    let served = serve();
    let unknown =
        served.post_raw("/v1/holds/h1/approve", r#"{"for_second":9,"for_seconds":9,"force":true}"#).await;
    assert!(unknown.starts_with("HTTP/1.1 422"), "{unknown}");
    assert!(
        unknown.contains(
            "unknown fields: for_second, force; expected: for_seconds, times, session, scope, seen, evidence, reason, proof"
        ),
        "{unknown}"
    );
    let wrong = served.post_raw("/v1/holds/h1/approve", r#"{"for_seconds":"9"}"#).await;
    assert!(wrong.starts_with("HTTP/1.1 422"), "{wrong}");
    let broken = served.post_raw("/v1/sessions", "{").await;
    assert!(broken.starts_with("HTTP/1.1 422"), "{broken}");
    let huge =
        served.post_raw("/v1/sessions", &format!("{{\"command\":[\"{}\"]}}", "x".repeat(64 * 1024))).await;
    assert!(huge.starts_with("HTTP/1.1 413"), "{}", &huge[..200.min(huge.len())]);
    let error = served.client.get::<Value>("/v1/holds?al=true").await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused { status: 422, .. }), "{error:?}");
    let error = served.client.get::<Value>("/v2/status").await.unwrap_err();
    assert!(matches!(&error, ClientError::NotFound(_)), "{error:?}");
    let error = served.client.get::<Value>("/v1/rules/reload").await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused { status: 405, .. }), "{error:?}");
    assert_eq!(served.asked(), [""; 0]);
}

#[tokio::test]
async fn a_script_without_chunks_can_read_events() {
    let served = serve();
    *served.event_loop.recent.lock().unwrap() = vec![event(1), event(2)];
    let answer = served.raw("GET /v1/events HTTP/1.0\r\n\r\n").await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "{\"event.id\":\"1\"}\n{\"event.id\":\"2\"}\n");
}

#[tokio::test]
async fn an_empty_body_is_the_default() {
    let served = serve();
    let answer = served.post_raw("/v1/holds/h1/approve", "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(served.asked(), ["approve h1 None None None"]);
}

fn event(id: u64) -> Arc<Value> {
    Arc::new(json!({ "event.id": id.to_string() }))
}

#[tokio::test]
async fn a_follower_gets_each_event_once() {
    let served = serve();
    *served.event_loop.recent.lock().unwrap() = vec![event(1), event(2)];
    let mut lines = served.client.stream("/v1/events?follow=true").await.unwrap();
    assert_eq!(served.asked(), ["watch"]);
    // The stream subscribed before it read what is kept: event 2 comes again and must not be shown again.
    assert_eq!(lines.next().await.unwrap(), Some((*event(1)).clone()));
    for id in [2, 3] {
        served.event_loop.events.send(event(id)).unwrap();
    }
    assert_eq!(lines.next().await.unwrap(), Some((*event(2)).clone()));
    assert_eq!(lines.next().await.unwrap(), Some((*event(3)).clone()));
    served.stop.cancel();
    assert_eq!(lines.next().await.unwrap(), None);
    served.serving.await.unwrap();
    assert!(!served.socket.exists());
}

#[tokio::test]
async fn what_a_kept_line_counts_is_not_counted_again() {
    let served = serve();
    let mut kept = (*event(1)).clone();
    kept["interlock.count"] = 4.into();
    *served.event_loop.recent.lock().unwrap() = vec![Arc::new(kept.clone())];
    let mut lines = served.client.stream("/v1/events?follow=true").await.unwrap();
    assert_eq!(lines.next().await.unwrap(), Some(kept));
    let repeats = |first: &str, count: u64| json!({ "event.id": "9", "interlock.repeats": first, "interlock.count": count });
    for event in [repeats("1", 5), repeats("1", 7)] {
        served.event_loop.plain.send(Arc::new(event)).unwrap();
    }
    assert_eq!(lines.next().await.unwrap(), Some(repeats("1", 2)), "three of the five were in the line");
    assert_eq!(lines.next().await.unwrap(), Some(repeats("1", 7)), "those of the next window");
}

#[tokio::test]
async fn without_follow_the_kept_events_are_all() {
    let served = serve();
    *served.event_loop.recent.lock().unwrap() = vec![event(1)];
    let mut lines = served.client.stream("/v1/events").await.unwrap();
    assert_eq!(lines.next().await.unwrap(), Some((*event(1)).clone()));
    assert_eq!(lines.next().await.unwrap(), None);
}

#[tokio::test]
async fn everybody_is_told_of_their_own_sessions_alone() {
    let served = serve();
    *served.event_loop.sight.lock().unwrap() = Sight::of(1000, &Approvers::Owner);
    let owned = |id: u64, user: &str| {
        Arc::new(
            json!({ "event.id": format!("e{id}"), "interlock.session.id": format!("{id}-0"), "user.id": user }),
        )
    };
    let forgotten = |user: &str| {
        Arc::new(json!({ "interlock.forgotten": 2, "interlock.session.id": "1-0", "user.id": user }))
    };
    *served.event_loop.recent.lock().unwrap() =
        vec![forgotten("1000"), forgotten("1001"), owned(1, "1000"), owned(2, "1001"), event(3)];
    let mut lines = served.client.stream("/v1/events?follow=true").await.unwrap();
    for (id, user) in [(4, "1001"), (5, "1000")] {
        served.event_loop.events.send(owned(id, user)).unwrap();
    }
    for expected in [forgotten("1000"), owned(1, "1000"), owned(5, "1000")] {
        assert_eq!(lines.next().await.unwrap(), Some((*expected).clone()));
    }
}

#[tokio::test]
async fn the_files_are_read_where_that_is_asked_and_what_is_missing_comes_first() {
    let served = serve();
    let at = |id: u64| json!({ "event.id": format!("e{id}"), "event.action": if id == 2 { "exec" } else { "connect" } });
    let text: String = (1..=3).map(|id| format!("{}\n", at(id))).collect();
    std::fs::write(served.directory.path().join("events.jsonl"), format!("no event\n{text}")).unwrap();
    *served.event_loop.recent.lock().unwrap() = vec![Arc::new(at(3)), Arc::new(at(4))];
    let mut lines = served.client.stream("/v1/events?files=true&kind=connect&limit=2").await.unwrap();
    let notes = Notes { unreadable: 1, left_off: 1, ..Notes::default() };
    assert_eq!(Notes::of_line(&lines.next().await.unwrap().unwrap()), Some(notes));
    for id in [3, 4] {
        assert_eq!(lines.next().await.unwrap(), Some(at(id)));
    }
    assert_eq!(lines.next().await.unwrap(), None);
    let error = served.client.stream("/v1/events?sins=2h").await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused { status: 422, .. }), "{error:?}");
}

#[tokio::test]
async fn a_follower_who_asked_for_the_files_gets_each_event_once() {
    let served = serve();
    let at = |id: u64| json!({ "event.id": format!("e{id}") });
    std::fs::write(served.directory.path().join("events.jsonl"), format!("{}\n{}\n", at(1), at(3))).unwrap();
    *served.event_loop.recent.lock().unwrap() = vec![Arc::new(at(2))];
    let mut lines = served.client.stream("/v1/events?files=true&follow=true").await.unwrap();
    // It was written while the files were read.
    [2, 3, 4].into_iter().for_each(|id| drop(served.event_loop.events.send(Arc::new(at(id)))));
    for id in 1..=4 {
        assert_eq!(lines.next().await.unwrap(), Some(at(id)));
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_missed() {
    let served = serve();
    let mut lines = served.client.stream("/v1/events?follow=true").await.unwrap();
    // Nothing awaits in between, so the server has no chance to read before the backlog is full.
    for id in 0..BACKLOG as u64 + 5 {
        served.event_loop.events.send(event(id)).unwrap();
    }
    assert_eq!(lines.next().await.unwrap(), Some(json!({ "interlock.lost": 5 })));
    assert_eq!(lines.next().await.unwrap(), Some((*event(5)).clone()));
    let page = served.metrics.encode();
    assert!(page.contains("interlock_events_lost_total{kind=\"event\",ring=\"control\"} 5"), "{page}");
}

#[tokio::test]
async fn no_daemon_is_told_from_no_permission() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let error = Client::new(&path).get::<Value>("/v1/status").await.unwrap_err();
    assert!(matches!(error, ClientError::NoDaemon { .. }), "{error:?}");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let error = Client::new(&path).get::<Value>("/v1/status").await.unwrap_err();
    assert!(matches!(error, ClientError::NoDaemon { .. }), "{error:?}");
}
