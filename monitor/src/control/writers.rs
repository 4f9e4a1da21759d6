//! Who wrote what comes over a control connection, as the kernel says with each piece of it.
//!
//! The peer's credentials are those of whoever connected. A connection gets into other hands: inherited, sent in a message
//! (`SCM_RIGHTS`), taken out of the person's own `interlock watch` (`pidfd_getfd`). What an agent writes on it would be the person's
//! word. So each piece is read with its writer's credentials (`SCM_CREDENTIALS`), and who is not the opener is a stranger.

use std::{
    collections::BTreeSet,
    io::{self, IoSliceMut},
    os::fd::AsRawFd as _,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::UnixStream,
};

/// Strangers of one connection that are kept: one is enough to refuse it.
const MOST: usize = 16;
/// Who is written down where the kernel does not say who it was.
const UNKNOWN: u32 = 0;

/// Processes that have written on a connection, and have not opened it.
#[derive(Clone, Debug, Default)]
pub struct Strangers(Arc<Mutex<BTreeSet<u32>>>);

impl Strangers {
    /// Their process ids; 0 for who is not known.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    fn note(&self, pid: u32) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST {
            known.insert(pid);
        }
    }
}

impl PartialEq for Strangers {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Strangers {}

/// A connection whose writers are noted. Its socket must be one that asks for credentials (`SO_PASSCRED`).
pub struct Heard {
    stream: UnixStream,
    opener: Option<u32>,
    strangers: Strangers,
}

impl Heard {
    /// Of a connection that this process opened; `None`: nobody knows which.
    #[must_use]
    pub fn new(stream: UnixStream, opener: Option<u32>, strangers: Strangers) -> Self {
        Self { stream, opener, strangers }
    }
}

impl AsyncRead for Heard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            ready!(this.stream.poll_read_ready(cx))?;
            let into = buf.initialize_unfilled();
            let received = this.stream.try_io(Interest::READABLE, || receive(&this.stream, into));
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok((bytes, writer)) => {
                    if bytes > 0 && writer != this.opener {
                        this.strangers.note(writer.unwrap_or(UNKNOWN));
                    }
                    buf.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

/// One piece, which has one writer: the kernel puts no two writers' bytes into one. Descriptors that come along are let go.
fn receive(stream: &UnixStream, into: &mut [u8]) -> io::Result<(usize, Option<u32>)> {
    let mut pieces = [IoSliceMut::new(into)];
    let mut control = nix::cmsg_space!(UnixCredentials);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut pieces, Some(&mut control), flags)?;
    // Fails closed: where there was no room for all that came along, nobody says who wrote.
    let writer = message.cmsgs().ok().into_iter().flatten().find_map(|control| match control {
        ControlMessageOwned::ScmCredentials(who) => u32::try_from(who.pid()).ok().filter(|pid| *pid > 0),
        _ => None,
    });
    Ok((message.bytes, writer))
}

impl AsyncWrite for Heard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        os::unix::net::UnixStream as Blocking,
        process::{Command, Stdio},
    };

    use nix::sys::socket::{setsockopt, sockopt};
    use tokio::{io::AsyncReadExt as _, net::UnixListener};

    use super::*;

    /// A connection to a listener that asks for credentials, and both of its ends.
    async fn connected() -> (Blocking, Heard, Strangers) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        setsockopt(&listener, sockopt::PassCred, &true).unwrap();
        let client = Blocking::connect(&path).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let strangers = Strangers::default();
        (client, Heard::new(stream, Some(std::process::id()), strangers.clone()), strangers)
    }

    #[tokio::test]
    async fn who_opened_a_connection_is_no_stranger_to_it() {
        let (mut client, mut heard, strangers) = connected().await;
        client.write_all(b"mine").unwrap();
        let mut read = [0; 4];
        heard.read_exact(&mut read).await.unwrap();
        assert_eq!((&read, strangers.pids()), (b"mine", Vec::new()));
    }

    #[tokio::test]
    async fn whoever_has_got_it_and_writes_is_noted_also_between_the_openers_own_words() {
        let (mut client, mut heard, strangers) = connected().await;
        client.write_all(b"PO").unwrap();
        let inherited = Stdio::from(std::os::fd::OwnedFd::from(client.try_clone().unwrap()));
        let mut child = Command::new("printf").arg("ST").stdout(inherited).spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        client.write_all(b" /").unwrap();
        let mut read = [0; 6];
        heard.read_exact(&mut read).await.unwrap();
        assert_eq!((&read, strangers.pids()), (b"POST /", vec![pid]));
    }
}
