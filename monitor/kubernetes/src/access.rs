//! The way to the API.

use std::{path::PathBuf, sync::Arc, time::Duration};

use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tokio::sync::Notify;
use tower::{limit::RateLimitLayer, timeout::TimeoutLayer, util::MapResponseLayer};

/// Who has not accepted a connection by then is away.
const CONNECT: Duration = Duration::from_secs(10);
/// Who has not begun to answer by then is away; an answer may go on for as long as it likes.
pub const ANSWER: Duration = Duration::from_secs(20);

/// Who the daemon is to the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// `None`: the service account of the daemon's own pod, whose token and authority are read again as they are renewed.
    pub kubeconfig: Option<PathBuf>,
}

/// Why there is no client. None of these is for want of an answer: nothing was asked yet.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("{file} cannot be used: {source}")]
    Kubeconfig { file: String, source: Box<KubeconfigError> },
    #[error("this is no pod with a service account: {0}; or name a file by kubernetes.kubeconfig")]
    InCluster(#[source] Box<InClusterError>),
    #[error("no client can be made: {0}")]
    Client(#[source] Box<kube::Error>),
}

impl Access {
    /// A client; its clones share connections. Nothing is asked of the API yet.
    ///
    /// # Errors
    /// The kubeconfig, the service account or a certificate cannot be read.
    pub async fn client(&self) -> Result<Client, AccessError> {
        let builder = ClientBuilder::try_from(self.config().await?).map_err(unmade)?;
        Ok(builder.with_layer(&TimeoutLayer::new(ANSWER)).build())
    }

    /// The same for a watch: it tries nothing again by itself, because the watch does; `heard` is notified of each good answer; and it asks
    /// `most` times within `span`, as kube's watcher pauses after errors only, and not where a server ends every answer at once.
    ///
    /// # Errors
    /// As [`Access::client`].
    pub async fn watching(
        &self,
        heard: Arc<Notify>,
        (most, span): (u64, Duration),
        answer: Duration,
    ) -> Result<Client, AccessError> {
        let mut config = self.config().await?;
        config.default_retry = false;
        let note = move |answer: http::Response<_>| {
            if answer.status().is_success() {
                heard.notify_one();
            }
            answer
        };
        let builder =
            ClientBuilder::try_from(config).map_err(unmade)?.with_layer(&MapResponseLayer::new(note));
        let builder = builder.with_layer(&TimeoutLayer::new(answer));
        Ok(builder.with_layer(&RateLimitLayer::new(most, span)).build())
    }

    async fn config(&self) -> Result<Config, AccessError> {
        let mut config = match &self.kubeconfig {
            None => Config::incluster().map_err(|error| AccessError::InCluster(Box::new(error)))?,
            Some(file) => {
                let error = |source| AccessError::Kubeconfig {
                    file: file.display().to_string(),
                    source: Box::new(source),
                };
                let kubeconfig = Kubeconfig::read_from(file).map_err(error)?;
                let options = KubeConfigOptions::default();
                Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(error)?
            }
        };
        config.connect_timeout = Some(CONNECT);
        Ok(config)
    }
}

fn unmade(error: kube::Error) -> AccessError {
    AccessError::Client(Box::new(error))
}
