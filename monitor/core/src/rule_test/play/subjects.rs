//! What the daemon would see of an act: the subjects that rules are asked about, and the processes that do it.

use std::{collections::HashMap, net::IpAddr, path::Path};

use crate::{
    catalog::{Catalog, normalise},
    facts::{
        BootNanos, Destination, EnvironAccess, EnvironHow, Inspection, NameSource, Process, Relink,
        SecretAccess, Subject,
    },
    names::Identified,
    recognition::{self, Grounds, KnownBy, Reader, environment},
    rule_test::{
        case::{Act, Actor, Endpoint, Program},
        read::values::in_home,
    },
    sessions::Session,
};

/// Pids of every case.
pub const ROOT: u32 = 4000;
const CHILD: u32 = 4001;
const STRANGER: u32 = 3999;
/// When every session of a case began, boot clock ns: a machine that has been up for an hour.
pub const BEGAN: u64 = 3_600_000_000_000;
/// No entry of the catalogue: the path alone decides.
const NO_HINT: u32 = u32::MAX;

/// Secrets that were given other names, with their entries and whether they came from outside of the workspace: the
/// kernel follows the inode.
pub type Followed = HashMap<String, (u32, bool)>;

/// Where the acts of a case happen.
pub struct Surroundings<'a> {
    pub catalog: &'a Catalog,
    pub session: Option<&'a Session>,
    pub home: &'a str,
    pub followed: &'a mut Followed,
}

impl Surroundings<'_> {
    fn workspace(&self) -> Option<&Path> {
        self.session.and_then(|session| session.workspace.as_deref())
    }

    fn grounds(&self) -> Grounds<'_> {
        self.session.map(Session::grounds).unwrap_or_default()
    }

    /// What rules are asked about; empty where the daemon would see nothing.
    pub fn subjects(&mut self, act: &Act, process: &Process, parent: &Process) -> Vec<Subject> {
        let subject = match act {
            Act::Exec(_) => {
                return recognition::executed(self.catalog, process, [Some(parent), None], self.grounds());
            }
            Act::Open(path) => self.secret(path, process, parent).map(Subject::Open),
            Act::Probe(path) => self.secret(path, process, parent).map(Subject::Probe),
            Act::Connect(endpoint) => Some(Subject::Connect(self.destination(endpoint))),
            Act::Environ { how: EnvironHow::Open, .. } if environment::lists_processes(process) => None,
            Act::Environ { own, how } => {
                let target = if *own { process.pid } else { STRANGER };
                Some(Subject::Environ(EnvironAccess { target, own: *own, how: *how }))
            }
            Act::Inspect { own, how } => {
                let target = if *own { ROOT } else { STRANGER };
                Some(Subject::Inspect(Inspection { target, own: *own, how: *how }))
            }
            Act::Delegate(path) => {
                let (catalog, path) = (self.catalog, self.absolute(path));
                let asked = recognition::asked_service(catalog, path.clone());
                asked
                    .or_else(|| recognition::written_file(catalog, path, Some(self.home)))
                    .map(Subject::Delegate)
            }
            Act::Link { path, to, how } => self.secret(path, process, parent).map(|secret| {
                self.follow(&secret, self.absolute(to));
                Subject::Link(Relink { secret, how: *how })
            }),
            Act::Lifecycle(end) => Some(Subject::Lifecycle(*end)),
            Act::Answer { .. } => None,
        };
        subject.into_iter().collect()
    }

    fn secret(&self, path: &str, process: &Process, parent: &Process) -> Option<SecretAccess> {
        let path = self.absolute(path);
        let (known, outside) = match self.followed.get(&path) {
            Some((entry, outside)) => (KnownBy::Inode { entry: *entry }, *outside),
            None => (KnownBy::Name { hint: NO_HINT }, self.is_outside(&path)),
        };
        let session = self.session?;
        let reader = Reader {
            grounds: session.grounds(),
            moved: &session.moved,
            is_root: process.pid == ROOT,
            environment: None,
            executable: Some(&process.executable),
            args: &process.args,
            ancestors: &[parent],
        };
        recognition::secret(self.catalog, reader, path, known, outside)
    }

    /// The kernel tags the inode when it sees the secret get another name.
    fn follow(&mut self, secret: &SecretAccess, to: String) {
        let outside =
            self.followed.get(&secret.path).map_or_else(|| self.is_outside(&secret.path), |from| from.1);
        let mut ids = (0_u32..).zip(self.catalog.secrets.ids());
        if let Some((entry, _)) = ids.find(|(_, id)| *id == secret.entry) {
            self.followed.insert(to, (entry, outside));
        }
    }

    fn is_outside(&self, path: &str) -> bool {
        recognition::is_outside(self.workspace(), Path::new(path))
    }

    fn destination(&self, endpoint: &Endpoint) -> Destination {
        // An address that a proxy is asked for is no name.
        let names = endpoint.host.iter().filter(|host| host.parse::<IpAddr>().is_err());
        let own = names.map(|host| (host.clone(), endpoint.named_by));
        let resolved = endpoint.resolved.iter().map(|name| (name.clone(), NameSource::Dns));
        let says_another = |host: &String| !endpoint.resolved.is_empty() && !endpoint.resolved.contains(host);
        let identified = Identified {
            names: own.chain(resolved).collect(),
            mismatch: endpoint.host.as_ref().is_some_and(says_another) && !endpoint.through_proxy,
            proxy_target: endpoint
                .host
                .clone()
                .filter(|_| endpoint.through_proxy)
                .map(|host| (host, endpoint.port)),
            ..Identified::default()
        };
        let Endpoint { address, port, transport, .. } = *endpoint;
        recognition::destination(&self.catalog.destinations, &identified, address, port, transport)
    }

    pub fn process(&self, actor: &Actor, agent: &str) -> Process {
        let (pid, program) = match actor {
            Actor::Program(program) => (CHILD, program.clone()),
            Actor::Agent => {
                (ROOT, Program { executable: format!("/usr/bin/{agent}"), args: vec![agent.to_owned()] })
            }
        };
        Process {
            pid,
            parent: if pid == ROOT { 1 } else { ROOT },
            start: BootNanos(BEGAN),
            executable: self.absolute(&program.executable),
            args: program.args.iter().map(|arg| in_home(arg, self.home)).collect(),
            args_unknown: false,
        }
    }

    /// A path as the process means it: in the home, or from the workspace on. Abstract sockets stay what they are.
    fn absolute(&self, path: &str) -> String {
        let path = in_home(path, self.home);
        if path.starts_with('@') {
            return path;
        }
        let base = self.workspace().unwrap_or(Path::new("/"));
        normalise(&base.join(path).to_string_lossy())
    }
}
