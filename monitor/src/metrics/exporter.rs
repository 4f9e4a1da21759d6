//! The page: `/metrics` for Prometheus, `/healthz` for whoever restarts the daemon.

mod accept;
mod guests;
mod open_metrics;

pub(super) use self::open_metrics::{bound_text, encode};

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use self::{accept::Format, guests::LimitedListener};
use super::{heartbeat::Heartbeat, registry::Metrics};

/// What the daemon is doing with itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Starting,
    Running,
    /// The event loop has not turned for a minute.
    Stuck,
    Stopping,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the metrics address {address} cannot be used: {source}; set the key metrics to a free address or to \"none\""
)]
pub struct ExporterError {
    pub address: SocketAddr,
    pub source: io::Error,
}

/// The metrics page's listening socket.
#[derive(Debug)]
pub struct Exporter {
    listener: TcpListener,
    address: SocketAddr,
}

impl Exporter {
    /// # Errors
    /// When the address is taken or not this machine's.
    pub async fn bind(address: SocketAddr) -> Result<Self, ExporterError> {
        let failed = |source| ExporterError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// The address in use; its port is a real one where port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`.
    ///
    /// # Errors
    /// When the socket can no longer be listened on.
    pub async fn serve(
        self,
        metrics: Arc<Metrics>,
        phase: watch::Receiver<Phase>,
        heartbeat: Heartbeat,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let routes = Router::new()
            .route("/metrics", get(page).with_state((metrics, heartbeat.clone())))
            .route("/healthz", get(health).with_state((phase, heartbeat)));
        // No farewell to open connections: a scrape that is cut short is scraped again.
        tokio::select! {
            ended = axum::serve(LimitedListener::new(self.listener), routes).into_future() => ended,
            () = stop.cancelled() => Ok(()),
        }
    }
}

async fn page(State((metrics, heartbeat)): State<(Arc<Metrics>, Heartbeat)>, headers: HeaderMap) -> Response {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = Format::accepted(&accepts.collect::<Vec<_>>().join(","));
    metrics.event_loop_is(heartbeat.age());
    let page = match format {
        Format::Text => metrics.encode(),
        Format::OpenMetrics => metrics.encode_open_metrics(),
    };
    ([(header::CONTENT_TYPE, format.content_type())], page).into_response()
}

async fn health(State((phase, heartbeat)): State<(watch::Receiver<Phase>, Heartbeat)>) -> Response {
    let phase = match *phase.borrow() {
        Phase::Running if !heartbeat.is_beating() => Phase::Stuck,
        phase => phase,
    };
    let status = if phase == Phase::Running { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "phase": phase }))).into_response()
}
