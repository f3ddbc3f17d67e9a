//! Connections that can be cut: what is written on one ends where a fault says, and then it is closed.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Cuts a connection.
#[derive(Debug, Clone)]
pub(super) struct Cutter(Arc<Cut>);

#[derive(Debug)]
struct Cut {
    /// Bytes that may still be written.
    left: AtomicUsize,
    /// Bytes of the next answer's body behind which it is to be cut.
    in_body: Mutex<Option<usize>>,
}

/// The end of an answer's head.
const HEAD_END: &[u8] = b"\r\n\r\n";

impl Cutter {
    fn new() -> Self {
        Self(Arc::new(Cut { left: AtomicUsize::new(usize::MAX), in_body: Mutex::new(None) }))
    }

    /// Nothing is written any more.
    pub(super) fn now(&self) {
        self.0.left.store(0, Ordering::SeqCst);
    }

    /// The next answer ends behind so many bytes of its body.
    pub(super) fn in_body(&self, bytes: usize) {
        *self.0.in_body.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
    }

    /// How many of these bytes may be written.
    fn allowed(&self, bytes: &[u8]) -> usize {
        let mut in_body = self.0.in_body.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(body) = *in_body
            && let Some(head) = bytes.windows(HEAD_END.len()).position(|window| window == HEAD_END)
        {
            *in_body = None;
            self.0.left.store(head + HEAD_END.len() + body, Ordering::SeqCst);
        }
        self.0.left.load(Ordering::SeqCst).min(bytes.len())
    }

    fn written(&self, bytes: usize) {
        let left = self.0.left.load(Ordering::SeqCst);
        if left != usize::MAX {
            self.0.left.store(left.saturating_sub(bytes), Ordering::SeqCst);
        }
    }
}

/// Accepts connections that can be cut.
#[derive(Debug)]
pub(super) struct Cuttable(pub(super) TcpListener);

impl Listener for Cuttable {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        let (stream, from) = Listener::accept(&mut self.0).await;
        // Small answers leave at once, as from a service that is meant to be fast.
        stream.set_nodelay(true).unwrap_or_default();
        (Stream { stream, cutter: Cutter::new() }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Cuttable>> for Cutter {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        stream.io().cutter.clone()
    }
}

/// A connection that can be cut.
#[derive(Debug)]
pub(super) struct Stream {
    stream: TcpStream,
    cutter: Cutter,
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let allowed = self.cutter.allowed(bytes);
        if allowed == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let bytes = bytes.get(..allowed).unwrap_or_default();
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = written {
            self.cutter.written(written);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
