//! What the acts are aimed at: decoys in a directory of their own, and the entries in the kernel's tables that forbid them.
//!
//! Nothing here touches anybody else: files, ports, names and the session are the proof's own. Where the policy has one
//! value for all sessions, it is changed for the length of one act, and only so that sessions whose flows ask would ask.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    os::unix::net::{UnixDatagram, UnixListener},
};

use aya::maps::MapError;
use monitor_common::{
    hash,
    label::{GATED, Label, Session},
    policy::{
        ADDRESS_CLASSES, AddressKey, ENTRIES_MAX, GRADE_A, InodeKey, Policy, SecretTag, VERDICT_ALLOW,
        VERDICT_ASK, VERDICT_ASK_IF_GATED, VERDICT_DENY, open_index,
    },
};
use tempfile::TempDir;

use super::{
    act::{Act, DATAGRAM, OWN, PLAIN, SECRET, STREAM, Scene},
    case::Case,
    finding::SESSION,
};
use crate::probes::{inode::Mounts, maps::Maps, table::Feature};

/// A place in the table that no catalogue fills.
pub const ENTRY: u32 = ENTRIES_MAX - 1;
/// A class of destinations that no catalogue fills.
const CLASS: usize = ADDRESS_CLASSES - 1;
/// A loopback address that nobody serves names at: a resolver uses the usual ones, and another daemon one of its own.
fn names_address() -> Ipv4Addr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 91, high, low)
}

/// The decoys, and what stood in the tables before.
pub struct Fixture {
    directory: TempDir,
    secret: InodeKey,
    own: InodeKey,
    /// Keeps its port from everybody else.
    refused: TcpListener,
    pub open: TcpListener,
    /// `None` where something answers names at every address.
    pub names: Option<UdpSocket>,
    _services: (UnixListener, UnixDatagram),
    before: Policy,
}

impl Fixture {
    /// Lays out the decoys.
    ///
    /// # Errors
    /// There is no room for files, or no loopback network.
    pub fn build(maps: &Maps) -> Result<Self, String> {
        let before = maps.policy().map_err(|error| format!("the policy cannot be read: {error}"))?;
        if before.observe != 0 && !maps.sessions().is_empty() {
            return Err(
                "the mode is observe, and sessions of an earlier daemon live: nothing may be stopped".into(),
            );
        }
        Self::lay_out(before).map_err(|error| format!("the decoys cannot be made: {error}"))
    }

    fn lay_out(before: Policy) -> io::Result<Self> {
        let directory = TempDir::with_prefix("interlock-proof-")?;
        let own = directory.path().join(OWN);
        fs::create_dir_all(own.join("directory"))?;
        fs::create_dir(directory.path().join(PLAIN))?;
        for file in [directory.path().join(SECRET), own.join("file")] {
            fs::write(file, "a decoy")?;
        }
        let loopback = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (refused, open) = (loopback()?, loopback()?);
        open.set_nonblocking(true)?;
        let mounts = Mounts::own();
        Ok(Self {
            secret: mounts.identify(&directory.path().join(SECRET))?,
            own: mounts.identify(&own)?,
            refused,
            open,
            names: UdpSocket::bind((names_address(), 53)).ok(),
            _services: (
                UnixListener::bind(directory.path().join(STREAM))?,
                UnixDatagram::bind(directory.path().join(DATAGRAM))?,
            ),
            directory,
            before,
        })
    }

    pub fn scene(&self) -> io::Result<Scene> {
        Ok(Scene {
            directory: self.directory.path().to_path_buf(),
            refused: self.refused.local_addr()?.port(),
            open: self.open.local_addr()?.port(),
            names: names_address(),
        })
    }

    /// Forbids the acts to the process `pid`, which becomes a session of its own.
    ///
    /// # Errors
    /// A table cannot be written.
    pub fn arm(&self, maps: &mut Maps, pid: u32) -> Result<(), MapError> {
        maps.set_policy(self.policy())?;
        maps.set_open_verdict(open_index(ENTRY, true), VERDICT_ASK)?;
        maps.tag_inode(self.secret, SecretTag::of(ENTRY, GRADE_A))?;
        maps.protect_also(self.own)?;
        for name in [STREAM, DATAGRAM] {
            maps.add_service(service(name), 0)?;
        }
        maps.add_address(self.refused_port(), CLASS as u32)?;
        maps.add_session(SESSION, Session::default())?;
        maps.set_label(pid, Label { session: SESSION.0, start_ns: 0 })
    }

    /// From here on whatever may ask does.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn gate(&self, maps: &mut Maps) -> Result<(), MapError> {
        maps.set_flags(SESSION, GATED, true)
    }

    /// Makes the act of `case` ask, where the rules let them pass.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn set_for(&self, maps: &mut Maps, case: &Case) -> Result<(), MapError> {
        let ask = |verdict: u32| if verdict == VERDICT_ALLOW { VERDICT_ASK_IF_GATED } else { verdict };
        let mut policy = self.policy();
        match case.feature {
            Feature::Connect if case.act == Act::Reach => {
                policy.handshake = ask(policy.handshake);
                policy.late_handshake = u32::from(case.program != "socket_connect");
            }
            Feature::HoldExecute => policy.execute = ask(policy.execute),
            Feature::Delegate => policy.delegate = ask(policy.delegate),
            _ => {}
        }
        maps.set_policy(policy)
    }

    fn policy(&self) -> Policy {
        let mut policy = Policy { observe: 0, ..self.before };
        if let Some(class) = policy.connect.get_mut(CLASS) {
            *class = VERDICT_DENY;
        }
        policy
    }

    fn refused_port(&self) -> AddressKey {
        let port = self.refused.local_addr().map_or(0, |address| address.port());
        AddressKey { address: [0; 16], port: port.into() }
    }

    /// Takes everything out of the tables again, also after a proof that broke off. The child has ended by now.
    pub fn disarm(&self, maps: &mut Maps) {
        if let Err(error) = maps.set_policy(self.before) {
            tracing::error!(%error, "the policy cannot be set back after the proof; reload the rules");
        }
        if let Err(error) = maps.set_open_verdict(open_index(ENTRY, true), VERDICT_ALLOW) {
            tracing::warn!(%error, "the proof's entry stays in the verdict table, where no secret has its number");
        }
        let of_proof = |(pid, label): (u32, Label)| (label.session == SESSION.0).then_some(pid);
        maps.labels().into_iter().filter_map(of_proof).for_each(|pid| maps.remove_label(pid));
        let flows = maps.flows().into_iter().filter(|(_, flow)| flow.session == SESSION.0);
        flows.for_each(|(cookie, _)| maps.remove_flow(cookie));
        maps.untag_inode(self.secret);
        maps.forget_followed(self.secret);
        maps.unprotect(self.own);
        for name in [STREAM, DATAGRAM] {
            maps.remove_service(service(name));
        }
        maps.remove_address(self.refused_port());
        maps.remove_session(SESSION);
    }
}

fn service(name: &str) -> u64 {
    hash::name(hash::EXACT, name.as_bytes())
}
