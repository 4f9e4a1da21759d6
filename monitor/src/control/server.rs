//! The server: each route becomes one [`Request`] to the event loop, and the event loop's answer a response.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    body::{Body, Bytes},
    extract::{
        ConnectInfo, DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request as HttpRequest,
    },
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{net::UnixStream, sync::oneshot, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    api::{Approval, Denial, Enroll, NotifyTry, Refusal, Thaw},
    command::{Command, EventLoop, Reply, Request, RequestError},
    factors::{FactorRemoval, NewFactor, WantedStatement},
    peer::Caller,
    socket::{ControlSocket, Peer},
    stream::Kept,
    suspensions::{Resume, Suspend},
    writers::Heard,
};
use crate::{archive::Question, metrics::Metrics};

/// Largest request body, bytes.
const BODY: usize = 64 * 1024;
/// How long the head of a request may take, and the time between two of one connection.
const HEAD: Duration = Duration::from_secs(10);
/// How long a request's body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the event loop may take for an answer.
const ANSWER: Duration = Duration::from_secs(30);
/// How long open connections get to finish when the daemon stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// What every handler works with.
#[derive(Clone)]
struct AppState {
    event_loop: Arc<dyn EventLoop>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

/// Serves the API on `socket` until `stop`; event streams end then too.
pub async fn serve(
    mut socket: ControlSocket,
    event_loop: Arc<dyn EventLoop>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let routes = routes(AppState { event_loop, metrics, stop: stop.clone() });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (stream, peer) = socket.accept() => {
                connections.spawn(connection(stream, peer, routes.clone(), stop.clone()));
            }
            Some(_) = connections.join_next() => {} // its place is free again
            () = stop.cancelled() => break,
        }
    }
    drop(socket); // nobody connects to a daemon that ends
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FAREWELL, ended).await; // who is not done by then is cut off
}

/// Serves one connection to its end. Who does not finish a request's head in time has no use for its place.
async fn connection(stream: UnixStream, peer: Peer, routes: Router, stop: CancellationToken) {
    let known = peer.caller.as_ref().ok();
    let strangers = known.map(|caller| caller.strangers.clone()).unwrap_or_default();
    let heard = Heard::new(stream, known.map(|caller| caller.pid), strangers);
    let service = TowerToHyperService::new(routes.layer(Extension(ConnectInfo(peer))));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut serving = pin!(http.serve_connection(TokioIo::new(heard), service));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a control connection ended");
    }
}

fn routes(app: AppState) -> Router {
    Router::new()
        .route("/v1/status", get(async |asked: Asked| asked.ask(Request::Status).await))
        .route("/v1/sessions", get(async |asked: Asked| asked.ask(Request::Sessions).await).post(enroll))
        .route("/v1/sessions/{id}/freeze", post(freeze))
        .route("/v1/sessions/{id}/thaw", post(thaw))
        .route("/v1/sessions/{id}/kill", post(kill))
        .route("/v1/holds", get(holds))
        .route("/v1/holds/{id}/approve", post(approve))
        .route("/v1/holds/{id}/deny", post(deny))
        .route("/v1/grants", get(async |asked: Asked| asked.ask(Request::Grants).await))
        .route("/v1/grants/{id}/revoke", post(revoke))
        .route("/v1/events", get(events))
        .route("/v1/explain/{id}", get(explain))
        .route("/v1/suspensions", post(suspend))
        .route("/v1/suspensions/end", post(resume))
        .route("/v1/statements", post(statement))
        .route("/v1/factors", get(factors).post(add_factor))
        .route("/v1/factors/{id}/remove", post(remove_factor))
        .route("/v1/rules/reload", post(async |asked: Asked| asked.ask(Request::Reload).await))
        .route("/v1/notifier", get(async |asked: Asked| asked.ask(Request::Notifier).await))
        .route("/v1/notifier/test", post(test_notifier))
        .route("/v1/doctor", get(async |asked: Asked| asked.ask(Request::Doctor).await))
        .fallback(async || Failure::new(StatusCode::NOT_FOUND, "no such path in the control API, version 1"))
        .method_not_allowed_fallback(async || {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "this path has no such method")
        })
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(app)
}

async fn enroll(asked: Asked, Given(enroll): Given<Enroll>) -> Response {
    asked.ask(|reply| Request::Enroll(enroll, reply)).await
}

async fn freeze(asked: Asked, Path(id): Path<String>) -> Response {
    asked.ask(|reply| Request::Freeze(id, reply)).await
}

async fn kill(asked: Asked, Path(id): Path<String>) -> Response {
    asked.ask(|reply| Request::Kill(id, reply)).await
}

async fn thaw(asked: Asked, Path(id): Path<String>, Given(thaw): Given<Thaw>) -> Response {
    asked.ask(|reply| Request::Thaw(id, thaw, reply)).await
}

async fn suspend(asked: Asked, Given(suspend): Given<Suspend>) -> Response {
    asked.ask(|reply| Request::Suspend(suspend, reply)).await
}

async fn resume(asked: Asked, Given(resume): Given<Resume>) -> Response {
    asked.ask(|reply| Request::Resume(resume, reply)).await
}

async fn statement(asked: Asked, Given(wanted): Given<WantedStatement>) -> Response {
    asked.ask(|reply| Request::Statement(wanted, reply)).await
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WhoseFactors {
    user: Option<u32>,
}

async fn factors(asked: Asked, Flags(whose): Flags<WhoseFactors>) -> Response {
    asked.ask(|reply| Request::Factors(whose.user, reply)).await
}

async fn add_factor(asked: Asked, Given(new): Given<NewFactor>) -> Response {
    asked.ask(|reply| Request::AddFactor(new, reply)).await
}

async fn remove_factor(
    asked: Asked,
    Path(id): Path<String>,
    Given(removal): Given<FactorRemoval>,
) -> Response {
    asked.ask(|reply| Request::RemoveFactor(id, removal, reply)).await
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WhichHolds {
    all: bool,
    peek: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HowToExplain {
    peek: bool,
}

async fn holds(asked: Asked, Flags(which): Flags<WhichHolds>) -> Response {
    asked.ask(|reply| Request::Holds { all: which.all, peek: which.peek, reply }).await
}

async fn approve(asked: Asked, Path(id): Path<String>, Given(approval): Given<Approval>) -> Response {
    asked.ask(|reply| Request::Approve(id, approval, reply)).await
}

async fn deny(asked: Asked, Path(id): Path<String>, Given(denial): Given<Denial>) -> Response {
    asked.ask(|reply| Request::Deny(id, denial, reply)).await
}

async fn revoke(asked: Asked, Path(id): Path<String>) -> Response {
    asked.ask(|reply| Request::Revoke(id, reply)).await
}

async fn explain(asked: Asked, Path(id): Path<String>, Flags(how): Flags<HowToExplain>) -> Response {
    asked.ask(|reply| Request::Explain { id, peek: how.peek, reply }).await
}

async fn test_notifier(asked: Asked, Given(test): Given<NotifyTry>) -> Response {
    asked.ask(|reply| Request::TestNotifier(test, reply)).await
}

async fn events(asked: Asked, Flags(question): Flags<Question>) -> Response {
    let sight = match asked.answer(Request::Watch).await {
        Ok(sight) => sight,
        Err(failure) => return failure.into_response(),
    };
    let AppState { event_loop, metrics, stop } = asked.app;
    let kept = Kept::of(&*event_loop, question, sight);
    let found = match kept.files_asked(&*event_loop) {
        None => kept.found(),
        Some(None) => {
            let error = "older events are being read for you, or for too many others, already; ask again";
            return Failure::new(StatusCode::TOO_MANY_REQUESTS, error).into_response();
        }
        Some(Some(answer)) => match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => {
                return Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping")
                    .into_response();
            }
            Err(_) => {
                let error = "the files of events were not read within 30 s; ask again";
                return Failure::new(StatusCode::GATEWAY_TIMEOUT, error).into_response();
            }
        },
    };
    let body = Body::from_stream(kept.lines(found, metrics, stop));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

/// One request of an identified caller.
struct Asked {
    caller: Caller,
    app: AppState,
}

impl Asked {
    async fn ask<T: Serialize>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Response {
        self.answer(request).await.map(Json).into_response()
    }

    async fn answer<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let command =
            Command { caller: self.caller.clone(), request: request(reply), typed: None, strength: None };
        let ended = || Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping");
        self.app.event_loop.submit(command).map_err(|_| ended())?;
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(answer)) => answer.map_err(Failure::from),
            Ok(Err(_)) => Err(ended()),
            Err(_) => Err(Failure::new(StatusCode::GATEWAY_TIMEOUT, "the daemon did not answer within 30 s")),
        }
    }
}

impl FromRequestParts<AppState> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Failure> {
        let forbidden = |error: &dyn std::fmt::Display| Failure::new(StatusCode::FORBIDDEN, error);
        let ConnectInfo(peer) = ConnectInfo::<Peer>::from_request_parts(parts, app)
            .await
            .map_err(|_| forbidden(&"the caller is unknown"))?;
        let caller = peer.caller.map_err(|error| forbidden(&error))?;
        Ok(Self { caller, app: app.clone() })
    }
}

/// A JSON body; an empty one is the default, and so is `null`.
struct Given<T>(T);

impl<T: Default + Serialize + DeserializeOwned> FromRequest<AppState> for Given<T> {
    type Rejection = Failure;

    async fn from_request(request: HttpRequest, app: &AppState) -> Result<Self, Failure> {
        let body = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, app)).await;
        let late =
            |_| Failure::new(StatusCode::REQUEST_TIMEOUT, "the request's body did not come within 10 s");
        let body = body.map_err(late)?.map_err(|error| Failure::new(error.status(), error.body_text()))?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        let invalid = |text: String| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, text);
        let value: Value =
            serde_json::from_slice(&body).map_err(|error| invalid(format!("not JSON: {error}")))?;
        if value.is_null() {
            return Ok(Self(T::default()));
        }
        refuse_unknown_fields::<T>(&value).map_err(invalid)?;
        serde_json::from_value(value).map(Self).map_err(|error| invalid(error.to_string()))
    }
}

/// All of them at once, where serde alone would name the first.
fn refuse_unknown_fields<T: Default + Serialize>(value: &Value) -> Result<(), String> {
    let known = serde_json::to_value(T::default()).map_err(|error| error.to_string())?;
    let (Some(given), Some(known)) = (value.as_object(), known.as_object()) else {
        return Err("expected a JSON object".into());
    };
    let list = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let unknown: Vec<&String> = given.keys().filter(|name| !known.contains_key(*name)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(format!("unknown fields: {}; expected: {}", list(unknown), list(known.keys().collect())))
}

/// The query string, refused like a body where it is wrong.
struct Flags<T>(T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Flags<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Failure> {
        match Query::from_request_parts(parts, app).await {
            Ok(Query(flags)) => Ok(Self(flags)),
            Err(error) => Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error.body_text())),
        }
    }
}

/// A refusal with its status.
struct Failure {
    status: StatusCode,
    refusal: Refusal,
}

impl Failure {
    fn new(status: StatusCode, error: impl std::fmt::Display) -> Self {
        Self { status, refusal: Refusal { error: error.to_string(), hint: None } }
    }
}

impl From<RequestError> for Failure {
    fn from(no: RequestError) -> Self {
        let (status, refusal) = match no {
            RequestError::NotPermitted(refusal) => (StatusCode::FORBIDDEN, refusal),
            RequestError::NotFound(refusal) => (StatusCode::NOT_FOUND, refusal),
            RequestError::Conflict(refusal) => (StatusCode::CONFLICT, refusal),
            RequestError::Throttled(refusal) => (StatusCode::TOO_MANY_REQUESTS, refusal),
            RequestError::Invalid(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, refusal),
        };
        Self { status, refusal }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.refusal)).into_response();
        // Who may not ask has no use for the connection; in a loop, each request costs its caller a new one.
        if self.status == StatusCode::FORBIDDEN {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
