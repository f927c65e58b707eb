//! The port of a stand-in: closed while it is down, so that connections are refused, and connections that can be broken
//! before their answer.

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Handle,
};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;
/// A port that was just closed is taken again at once.
const TAKE_AGAIN: bool = true;

/// A port that can be closed and opened.
#[derive(Clone, Debug)]
pub struct Door {
    address: SocketAddr,
    runtime: Handle,
    port: Arc<Mutex<Port>>,
}

#[derive(Debug)]
struct Port {
    state: State,
    waiting: Option<Waker>,
}

#[derive(Debug)]
enum State {
    Open(TcpListener),
    /// Kept bound, so that nobody else gets the port, but not listened on: connections are refused.
    Closed(Option<TcpSocket>),
}

/// Breaks one connection: nothing more is written to it.
#[derive(Clone, Debug, Default)]
pub struct Cut(Arc<AtomicBool>);

/// A connection that can be broken.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    cut: Cut,
}

impl Door {
    /// Listens at `address`; called within a runtime.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let listener = bound(address)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let port = Port { state: State::Open(listener), waiting: None };
        Ok(Self { address, runtime, port: Arc::new(Mutex::new(port)) })
    }

    /// Where it listens, or would.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens or closes it, at once.
    pub fn set(&self, open: bool) {
        let _within = self.runtime.enter();
        let mut port = self.port();
        match (&mut port.state, open) {
            (State::Open(_), true) | (State::Closed(_), false) => (),
            (State::Open(_), false) => {
                // The old socket goes first: two of them cannot hold one port while one of them listens.
                port.state = State::Closed(None);
                port.state = State::Closed(bound(self.address).ok());
            }
            (State::Closed(kept), true) => {
                let socket = kept.take().map_or_else(|| bound(self.address), Ok);
                if let Ok(listener) = socket.and_then(|socket| socket.listen(BACKLOG)) {
                    port.state = State::Open(listener);
                }
                if let Some(waker) = port.waiting.take() {
                    waker.wake();
                }
            }
        }
    }

    fn port(&self) -> MutexGuard<'_, Port> {
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<TcpStream> {
        let mut port = self.port();
        port.waiting = Some(cx.waker().clone());
        let State::Open(listener) = &port.state else { return Poll::Pending };
        loop {
            match listener.poll_accept(cx) {
                Poll::Ready(Ok((stream, _))) => return Poll::Ready(stream),
                // A connection that broke before it was accepted: the next one.
                Poll::Ready(Err(_)) => (),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(TAKE_AGAIN)?;
    socket.bind(address)?;
    Ok(socket)
}

impl Listener for Door {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        let stream = poll_fn(|cx| self.poll_accept(cx)).await;
        (Line { stream, cut: Cut::default() }, self.address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Cut {
    /// Breaks the connection instead of answering.
    pub fn make(&self) {
        self.0.store(CUT, Ordering::SeqCst);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

/// Once broken, a connection stays so.
const CUT: bool = true;

impl Connected<IncomingStream<'_, Door>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().cut.clone()
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.cut.check() {
            Ok(()) => Pin::new(&mut self.stream).poll_write(cx, bytes),
            Err(broken) => Poll::Ready(Err(broken)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
