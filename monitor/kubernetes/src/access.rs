//! The way to the API.

use std::{path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};

/// Who has not answered by then is away.
const CONNECT: Duration = Duration::from_secs(10);

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
        let mut config = self.config().await?;
        config.connect_timeout = Some(CONNECT);
        Client::try_from(config).map_err(|error| AccessError::Client(Box::new(error)))
    }

    async fn config(&self) -> Result<Config, AccessError> {
        let Some(file) = &self.kubeconfig else {
            return Config::incluster().map_err(|error| AccessError::InCluster(Box::new(error)));
        };
        let error =
            |source| AccessError::Kubeconfig { file: file.display().to_string(), source: Box::new(source) };
        let kubeconfig = Kubeconfig::read_from(file).map_err(error)?;
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(error)
    }
}
