//! Holds and freezes as objects of the cluster, and the decisions that come back: a thread of its own, as a cluster takes its time.
//!
//! The event loop never waits for it: it writes what the cluster should be told on a board, and is asked by message.

use std::{io, sync::Arc, time::Instant};

use interlock_kubernetes::{
    access::Access,
    holds::{
        board::Board,
        decisions::{self, Ask},
        reports,
    },
};
use tokio::runtime;

use crate::{
    config::{ClusterRoles, Kubernetes},
    metrics::{Metrics, raise},
};
use interlock_core::health::{Check, CheckState};
use interlock_host::capabilities::{self, Duty};

/// What the event loop speaks to. Where no cluster is configured it does nothing.
#[derive(Default)]
pub struct ClusterHolds(Option<Told>);

/// The cluster that is told.
#[derive(Clone)]
pub struct Told {
    pub board: Arc<Board>,
    /// This node's name there.
    pub node: String,
    pub started: Instant,
}

impl ClusterHolds {
    /// Starts the thread, which asks the daemon by `ask`.
    ///
    /// # Errors
    /// No thread or runtime can be had.
    pub fn start(config: &Kubernetes, ask: Arc<Ask>) -> io::Result<Self> {
        let Some(node) = config.node().filter(|_| config.enabled) else { return Ok(Self::default()) };
        let told = Told { board: Arc::default(), node, started: Instant::now() };
        let (access, thread) = (Access { kubeconfig: config.kubeconfig.clone() }, told.clone());
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        capabilities::start("interlock-cluster", Duty::Own, move || {
            runtime.block_on(run(&access, &thread, ask))
        })?;
        Ok(Self(Some(told)))
    }

    #[must_use]
    pub fn told(&self) -> Option<&Told> {
        self.0.as_ref()
    }

    /// Brings the metrics up to date.
    pub fn measure(&self, metrics: &Metrics) {
        let Some(Told { board, .. }) = &self.0 else { return };
        metrics.kubernetes_holds(board.behind(), matches!(board.proof(), Some(Err(_))));
        let (dropped, failed) = board.dropped_and_failed();
        raise(&metrics.kubernetes_holds_dropped, dropped);
        raise(&metrics.kubernetes_requests_failed, failed);
    }

    /// Lines of `interlock doctor`.
    #[must_use]
    pub fn checks(&self, roles: &ClusterRoles) -> Vec<Check> {
        let Some(Told { board, node, .. }) = &self.0 else { return Vec::new() };
        vec![telling(board, node), deciding(board, roles)]
    }
}

fn telling(board: &Board, node: &str) -> Check {
    let (behind, (dropped, failed)) = (board.behind(), board.dropped_and_failed());
    let state = if behind == 0 && dropped == 0 { CheckState::Good } else { CheckState::Limited };
    let lost = if dropped > 0 { format!(", {dropped} were never told") } else { String::new() };
    let found =
        format!("node {node}: {behind} objects are behind{lost}, {failed} requests failed since the start");
    let advice = (state != CheckState::Good).then(|| {
        "holds are decided on the node all the same; the daemon's log says what the cluster answered"
            .to_owned()
    });
    Check { subject: "kubernetes holds".to_owned(), state, found, advice }
}

/// What can be seen of the cluster from here, and what cannot.
fn deciding(board: &Board, roles: &ClusterRoles) -> Check {
    let subject = "kubernetes decisions".to_owned();
    if roles.is_nobody() {
        let found = "nobody decides through the cluster".to_owned();
        let advice =
            Some("kubernetes.approvers and kubernetes.admins of the configuration name who does".to_owned());
        return Check { subject, state: CheckState::Good, found, advice };
    }
    let (state, found, advice) = match board.proof() {
        Some(Ok(())) => (
            CheckState::Good,
            "the cluster refuses forged decisions (proven); who its roles permit it, and who may change its policies, is not seen from here",
            None,
        ),
        Some(Err(why)) => (CheckState::Missing, "NO decision is taken from the cluster", Some(why)),
        None => {
            (CheckState::Limited, "nobody has looked yet whether the cluster refuses forged decisions", None)
        }
    };
    Check { subject, state, found: found.to_owned(), advice }
}

/// Until the daemon ends. Fails open for what is told, and closed for what is decided: without a client nothing comes back.
async fn run(access: &Access, told: &Told, ask: Arc<Ask>) {
    let client = match access.client().await {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "the cluster is told of no hold, and decides none");
            return;
        }
    };
    let Told { board, node, .. } = told.clone();
    let telling = reports::report(client.clone(), node.clone(), Arc::clone(&board));
    let taking = decisions::take(client, node, board, ask);
    tokio::join!(telling, taking);
}
