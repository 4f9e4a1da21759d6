//! The socket file: made, replaced when its daemon is dead, and who may connect at one time.

use std::{
    fs,
    io::{self, ErrorKind},
    os::fd::AsRawFd as _,
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _},
        net::UnixStream as Probe,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::serve::Listener;
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, UnixAddr, sockopt};
use tokio::net::{UnixListener, UnixStream};

use super::{
    peer::{self, Caller, Unidentified},
    places::{self, Place, Places},
};

/// Who is nobody's user.
const NOBODY: u32 = u32::MAX;

/// Why the control socket could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("another interlock daemon answers on {}; stop it first, or name another socket", .0.display())]
    Answered(PathBuf),
    #[error("{} exists and is not a socket; remove it, or name another socket", .0.display())]
    NotASocket(PathBuf),
    #[error("the control socket {}: {what}: {source}", .path.display())]
    Io { path: PathBuf, what: &'static str, source: io::Error },
}

/// The listening control socket; its file is removed when this is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    places: Places,
    /// Someone was turned away since a place was last free: said once, or the log would be the next thing to fill.
    crowded: bool,
}

impl ControlSocket {
    /// Makes the socket at `path`, and its directory where it is missing.
    ///
    /// # Errors
    /// When another daemon answers there, or the file cannot be made.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        let failed = |what| move |source| BindError::Io { path: path.into(), what, source };
        if let Some(directory) = path.parent() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o755);
            builder.create(directory).map_err(failed("its directory cannot be made"))?;
        }
        clear(path)?;
        let listener = listener(path).map_err(failed("cannot be made"))?;
        // Everyone may connect, because sessions and their owners are ordinary users, and a file's mode cannot tell
        // a person from the agent that runs as them. The peer's credentials and label can, so they decide.
        fs::set_permissions(path, fs::Permissions::from_mode(0o666))
            .map_err(failed("its mode cannot be set"))?;
        Ok(Self { listener, path: path.into(), places: Places::default(), crowded: false })
    }

    /// The next connection that there is a place for, and who it is of.
    pub async fn accept(&mut self) -> (UnixStream, Peer) {
        loop {
            let (stream, _) = Listener::accept(&mut self.listener).await;
            let caller = peer::identify(&stream);
            if let Some(place) = self.admit(&caller) {
                self.crowded &= place.is_none();
                return (stream, Peer { caller, _place: place.map(Arc::new) });
            }
            if !self.crowded {
                self.crowded = true;
                tracing::warn!(
                    ?caller,
                    all = places::ALL,
                    of_one = places::OF_ONE,
                    "too many control connections; closing new ones"
                );
            }
        }
    }

    /// A place for one more connection. Root needs none: whoever fills them all cannot keep root from deciding.
    fn admit(&self, caller: &Result<Caller, Unidentified>) -> Option<Option<Place>> {
        match caller {
            Ok(caller) if caller.uid == 0 => Some(None),
            Ok(caller) => self.places.take(caller.uid).map(Some),
            Err(_) => self.places.take(NOBODY).map(Some), // nobody knows who: all of them share one user's
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(socket = %self.path.display(), %error, "the control socket's file was not removed");
        }
    }
}

/// Each connection has it from its listener that every piece that comes says who wrote it. So the listener has it before anybody can
/// connect: what is written before is nobody's, and root, who needs no mode, connects at once.
fn listener(path: &Path) -> io::Result<UnixListener> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    socket::setsockopt(&socket, sockopt::PassCred, &true)?;
    socket::bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    socket::listen(&socket, Backlog::MAXCONN)?;
    UnixListener::from_std(socket.into())
}

/// Removes the socket of a daemon that is no more.
fn clear(path: &Path) -> Result<(), BindError> {
    let failed = |what| move |source| BindError::Io { path: path.into(), what, source };
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("cannot be looked at")(error)),
    };
    if !kind.is_socket() {
        return Err(BindError::NotASocket(path.into()));
    }
    match Probe::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed("the one a dead daemon left cannot be removed"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Ok(_) => Err(BindError::Answered(path.into())),
        // A full backlog answers "try again": someone listens.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(BindError::Answered(path.into())),
        Err(error) => Err(failed("it is unclear whether a daemon answers there")(error)),
    }
}

/// Who is at the other end of one connection.
#[derive(Clone, Debug)]
pub struct Peer {
    pub caller: Result<Caller, Unidentified>,
    /// Given back when the connection ends, which keeps this value as long.
    _place: Option<Arc<Place>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::writers::Strangers;

    #[tokio::test]
    async fn a_dead_daemons_socket_is_replaced_and_a_live_ones_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/control.sock");
        fs::create_dir(directory.path().join("run")).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = ControlSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
        let error = ControlSocket::bind(&path).unwrap_err();
        assert!(matches!(error, BindError::Answered(_)), "{error}");
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        fs::write(&path, "precious").unwrap();
        let error = ControlSocket::bind(&path).unwrap_err();
        assert!(matches!(error, BindError::NotASocket(_)), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_user_can_fill_its_own_places_and_others_and_root_still_get_in() {
        let directory = tempfile::tempdir().unwrap();
        let socket = ControlSocket::bind(&directory.path().join("control.sock")).unwrap();
        let caller = |uid| {
            Ok(Caller { pid: 7, uid, gid: uid, groups: None, process: None, strangers: Strangers::default() })
        };
        let places: Vec<_> = (0..places::OF_ONE).map(|_| socket.admit(&caller(1000)).unwrap()).collect();
        assert!(socket.admit(&caller(1000)).is_none());
        assert!(socket.admit(&caller(1001)).is_some());
        assert!(socket.admit(&caller(0)).is_some());
        drop(places);
        assert!(socket.admit(&caller(1000)).is_some());
    }
}
