//! A person's side: what `kubectl interlock approve` does.

use std::{path::PathBuf, time::Duration};

use k8s_openapi::{
    api::authentication::v1::{SelfSubjectReview, UserInfo},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Client, Config, Resource as _, ResourceExt as _,
    api::{ObjectMeta, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};

use super::{
    decision::{DecisionSpec, DecisionStatus, InterlockDecision, Verdict},
    hold::InterlockHold,
    limits,
};

/// How often the answer is looked for.
const LOOK: Duration = Duration::from_millis(250);

/// As `kubectl` finds its cluster: by these, or what it finds without them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    pub namespace: Option<String>,
}

impl Place {
    /// A client, and the namespace that is meant.
    ///
    /// # Errors
    /// There is no such file or context, or its credentials cannot be read.
    pub async fn client(&self) -> Result<(Client, String), Undecided> {
        let unusable = |error: &dyn std::fmt::Display| Undecided::NoCluster(error.to_string());
        let kubeconfig = match &self.kubeconfig {
            Some(file) => Kubeconfig::read_from(file),
            None => Kubeconfig::read(), // KUBECONFIG, else ~/.kube/config
        };
        let kubeconfig = kubeconfig.map_err(|error| unusable(&error))?;
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = config.map_err(|error| unusable(&error))?;
        config.default_retry = false; // after a 504 nobody knows whether the decision was made
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        Ok((Client::try_from(config).map_err(|error| unusable(&error))?, namespace))
    }
}

/// What a person says beside the verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// What they were shown; `None`: what the object says now.
    pub evidence: Option<String>,
    pub reason: Option<String>,
    pub for_seconds: Option<u32>,
    pub times: Option<u32>,
}

#[derive(Debug, thiserror::Error)]
pub enum Undecided {
    #[error("no cluster is known: {0}; --kubeconfig names a file")]
    NoCluster(String),
    #[error("there is no hold {name} in namespace {namespace}; kubectl get holds -A lists them")]
    NoHold { name: String, namespace: String },
    #[error("the cluster refuses it: {0}")]
    Refused(String),
    #[error("the cluster cannot be asked: {0}")]
    Api(#[from] Box<kube::Error>),
    #[error("{decision} is made, and the daemon of node {node} has not answered within {} s; kubectl get interlockdecisions says when it has", .waited.as_secs())]
    Unanswered { decision: String, node: String, waited: Duration },
}

impl From<kube::Error> for Undecided {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if matches!(status.code, 403 | 422) => {
                Self::Refused(status.message.clone())
            }
            other => Self::Api(Box::new(other)),
        }
    }
}

/// The hold of that name.
///
/// # Errors
/// There is none, or the cluster does not say.
pub async fn find(client: &Client, namespace: &str, name: &str) -> Result<InterlockHold, Undecided> {
    let api: Api<InterlockHold> = Api::namespaced(client.clone(), namespace);
    match api.get_opt(name).await? {
        Some(hold) => Ok(hold),
        None => Err(Undecided::NoHold { name: name.to_owned(), namespace: namespace.to_owned() }),
    }
}

/// Makes a decision about a hold as it was read, and waits for the daemon's answer.
///
/// # Errors
/// The cluster refuses it, or nobody answers in time.
pub async fn decide(
    client: &Client,
    hold: &InterlockHold,
    verdict: Verdict,
    said: Said,
    patience: Duration,
) -> Result<DecisionStatus, Undecided> {
    let namespace = hold.namespace().unwrap_or_default();
    let decision = decision(hold, verdict, said, whoami(client).await?);
    let api: Api<InterlockDecision> = Api::namespaced(client.clone(), &namespace);
    let made = api.create(&PostParams::default(), &decision).await?;
    let answered = async {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Some(status) = api.get(&made.name_any()).await?.status {
                return Ok(status);
            }
        }
    };
    tokio::time::timeout(patience, answered).await.unwrap_or_else(|_| {
        let decision = made.name_any();
        Err(Undecided::Unanswered { decision, node: hold.spec.node.clone(), waited: patience })
    })
}

/// As the API server authenticates us.
async fn whoami(client: &Client) -> Result<UserInfo, kube::Error> {
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = api.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
    Ok(review.status.and_then(|status| status.user_info).unwrap_or_default())
}

fn decision(hold: &InterlockHold, verdict: Verdict, said: Said, user: UserInfo) -> InterlockDecision {
    let name = hold.name_any();
    let spec = DecisionSpec {
        hold: name.clone(),
        hold_uid: hold.uid().unwrap_or_default(),
        node: hold.spec.node.clone(),
        verdict,
        evidence: said.evidence.unwrap_or_else(|| hold.spec.evidence.clone()),
        reason: said.reason,
        for_seconds: said.for_seconds,
        times: said.times,
        user: user.username.unwrap_or_default(),
        uid: user.uid.filter(|uid| !uid.is_empty()),
        groups: user.groups.unwrap_or_default().into_iter().take(limits::GROUPS).collect(),
    };
    let mut decision = InterlockDecision::new("", spec);
    decision.metadata = ObjectMeta {
        generate_name: Some(format!("{name}-{}-", verdict.subresource())),
        namespace: hold.namespace(),
        // With the hold it goes.
        owner_references: hold.uid().map(|uid| {
            let (api_version, kind) = (InterlockHold::api_version(&()), InterlockHold::kind(&()));
            let (api_version, kind) = (api_version.into_owned(), kind.into_owned());
            vec![OwnerReference { api_version, kind, name, uid, ..OwnerReference::default() }]
        }),
        ..ObjectMeta::default()
    };
    decision
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holds::tests::wanted;

    #[test]
    fn a_decision_names_who_the_api_server_says_and_what_the_hold_shows() {
        let wanted = wanted("h1");
        let mut hold = InterlockHold::new(&wanted.name, wanted.spec);
        (hold.metadata.uid, hold.metadata.namespace) = (Some("uid-of-h1".into()), Some("team-a".into()));
        let user = UserInfo {
            username: Some("ann@corp.example".into()),
            uid: Some(String::new()),
            groups: Some(vec!["sre".into(), "system:authenticated".into()]),
            ..UserInfo::default()
        };
        let made = decision(&hold, Verdict::Approve, Said::default(), user);
        assert_eq!((made.spec.user.as_str(), made.spec.uid.as_ref()), ("ann@corp.example", None));
        assert_eq!(
            (made.spec.evidence.as_str(), made.spec.hold_uid.as_str()),
            ("0123456789abcdef", "uid-of-h1")
        );
        assert_eq!(made.spec.groups, ["sre", "system:authenticated"]);
        assert_eq!(made.metadata.generate_name, Some(format!("{}-approve-", wanted.name)));
        let owner = made.metadata.owner_references.unwrap().remove(0);
        assert_eq!(
            (owner.kind.as_str(), owner.api_version.as_str()),
            ("InterlockHold", "interlock.dev/v1alpha1")
        );
    }
}
