//! Connections to the metrics page: few at a time and none for long, because whoever is on the machine may open them, and
//! each costs a descriptor that a freeze needs more.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

/// Connections at a time; others wait in the kernel's queue.
const PLACES: usize = 16;
/// How long one may last, whatever it does: a scrape takes milliseconds.
const STAY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct LimitedListener {
    listener: TcpListener,
    free: Arc<Semaphore>,
    stay: Duration,
}

impl LimitedListener {
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, free: Arc::new(Semaphore::new(PLACES)), stay: STAY }
    }
}

impl Listener for LimitedListener {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        // Never closed, so there is always a permit in the end.
        let place = self.free.clone().acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        (Guest { stream, end: Box::pin(sleep(self.stay)), _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection; its place is free again when it is dropped.
#[derive(Debug)]
pub(super) struct Guest {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Guest {
    /// The stream, until the time is over.
    fn stream(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        match self.end.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(Pin::new(&mut self.stream)),
        }
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream(cx)?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream(cx)?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn whoever_only_stays_makes_room_for_whoever_asks() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let guests = LimitedListener { stay: Duration::from_millis(300), ..LimitedListener::new(listener) };
        let (address, free) = (guests.local_addr().unwrap(), Arc::clone(&guests.free));
        let page = axum::Router::new().route("/", axum::routing::get(async || "here"));
        let serving = tokio::spawn(axum::serve(guests, page).into_future());
        let mut idle = Vec::new();
        for _ in 0..PLACES {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        while free.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let mut asker = TcpStream::connect(address).await.unwrap();
        asker.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let read = tokio::time::timeout(Duration::from_secs(10), asker.read_to_string(&mut answer)).await;
        assert!(read.is_ok() && answer.ends_with("here"), "{read:?} {answer}");
        let closed = tokio::time::timeout(Duration::from_secs(10), idle[0].read(&mut [0])).await;
        assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
        serving.abort();
    }
}
