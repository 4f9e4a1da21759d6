//! What the daemon knows before it sees anything: rules and catalogues. The rules in force are the decider's.

use std::{
    fmt, fs,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    config::Config,
    policy::{
        self,
        shipped::{Origin, Shipped},
    },
};
use interlock_core::{catalog::Catalog, problem::Problems, rules::RuleSet};
use interlock_host::capabilities::{self, Duty};
use interlock_host::packages::{self, Answers};

/// How long the homes may take to answer: users can put file systems there that never do.
const HOMES_TIMEOUT: Duration = Duration::from_secs(5);

/// What was read from the files.
pub struct Loaded {
    pub rules: Arc<RuleSet>,
    pub policies: PolicySet,
}

/// What is known beside the rules, and how they were loaded.
pub struct PolicySet {
    pub loaded: Timestamp,
    /// Why the last reload was refused; empty where it was not.
    pub refused: Problems,
    pub catalog: Catalog,
    /// The bundle in place of the built-in rules and catalogues, where there is one.
    pub bundle: Option<Origin>,
    /// What the package managers said of themselves; `None` until they have.
    pub answers: Option<Answers>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

impl Loaded {
    /// Whether they could be read: without the homes, which say nothing of the files.
    ///
    /// # Errors
    /// Every mistake in any of the files.
    pub fn check(config: &Config) -> Result<(), Problems> {
        files(config).map(drop)
    }

    /// # Errors
    /// Every mistake in any of the files.
    pub fn read(config: &Config) -> Result<Self, Problems> {
        let (rules, mut catalog, bundle) = files(config)?;
        catalog.destinations.learn(registries());
        catalog.switch_off(&rules.packs_off());
        // Such a rule never matches. A warning only: the catalogue may be newer or older than the rules, and the other
        // conditions and rules still work. `interlock rules check` counts it as a mistake.
        for problem in rules.strange_to(&catalog).iter().chain(rules.contradicted(&catalog).iter()) {
            tracing::warn!("{}", problem.headline());
        }
        let policies = PolicySet {
            loaded: Timestamp::now(),
            refused: Problems::default(),
            catalog,
            bundle,
            answers: None,
        };
        Ok(Self { rules: Arc::new(rules), policies })
    }

    /// Whether they say the same as those in force, word for word.
    pub fn is_like(&self, rules: &RuleSet, policies: &PolicySet) -> bool {
        self.rules.sha256() == rules.sha256()
            && self.policies.bundle == policies.bundle
            && self.policies.catalog.sha256() == policies.catalog.sha256()
    }
}

impl PolicySet {
    /// Counts the registries that the package managers have compiled in among those of their configuration.
    pub fn learn(&mut self, answers: Answers) {
        self.catalog.destinations.learn(answers.learned.iter().cloned());
        self.answers = Some(answers);
    }
}

/// What stands in the files of rules and catalogues, which fit each other.
fn files(config: &Config) -> Result<(RuleSet, Catalog, Option<Origin>), Problems> {
    policy::trust::check([&config.rules, &config.catalog].into_iter().flatten().map(PathBuf::as_path))?;
    let shipped = Shipped::configured(config)?;
    let (rules, catalog) = policy::load::load(config, &shipped)?;
    Ok((rules, catalog, shipped.bundle))
}

/// Registries that the machine's and its users' package managers are configured for. The daemon's own environment says
/// nothing about theirs; what a session's says is not known here. In the daemon's own mounts: what is a registry on this
/// machine no container says.
fn registries() -> Vec<(String, String)> {
    let (sender, found) = mpsc::sync_channel(1);
    let looked = capabilities::start("interlock-registries", Duty::Look, move || {
        let users = fs::read_dir("/home").into_iter().flatten().flatten().map(|entry| entry.path());
        let homes = users.chain(["/root".into()]);
        let found = homes.flat_map(|home| packages::configured(&home, &|_| None)).collect();
        let _ = sender.send(found); // too late: said below
    });
    looked.ok().and_then(|_| found.recv_timeout(HOMES_TIMEOUT).ok()).unwrap_or_else(|| {
        // What is not known to be a registry is an unknown host.
        tracing::warn!(
            "a home does not answer: registries that package managers are configured for are unknown"
        );
        Vec::new()
    })
}
