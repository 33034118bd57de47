//! What the network does to messages: a stream that loses large ones or lets them trickle.
//!
//! It sits above TLS and below HTTP, so sizes are those of requests and responses and do not
//! depend on the length of a certificate chain. A message is what is sent in one direction before
//! anything is sent in the other.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::Sleep;

use crate::faults::{FaultKind, FaultSet, LARGE_MESSAGE_BYTES};

/// A dripping answer is sent in pieces of this size.
const DRIP_BYTES: usize = 16;
/// Time between two pieces: 64 bytes a second, so the head of a response takes three seconds.
const DRIP_EVERY: Duration = Duration::from_millis(250);
/// Bytes discarded at a time while a connection is stuck.
const DISCARD_BYTES: usize = 4_096;

pub struct LossyStream<S> {
    inner: S,
    faults: watch::Receiver<FaultSet>,
    /// Bytes of the message that is being received.
    received: usize,
    /// Bytes of the message that is being sent.
    sent: usize,
    /// Nothing passes any more, until the peer closes the connection.
    stuck: bool,
    drip: Option<Pin<Box<Sleep>>>,
}

impl<S> LossyStream<S> {
    pub fn new(inner: S, faults: watch::Receiver<FaultSet>) -> LossyStream<S> {
        LossyStream { inner, faults, received: 0, sent: 0, stuck: false, drip: None }
    }

    fn loses(&self, message: usize) -> bool {
        let faults = self.faults.borrow();
        faults.bites(FaultKind::Stall)
            || (message >= LARGE_MESSAGE_BYTES && faults.bites(FaultKind::StallLarge))
    }
}

impl<S: AsyncRead + Unpin> LossyStream<S> {
    /// Discards what is received, so that the end of a stuck connection is noticed.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scrap = [0; DISCARD_BYTES];
        loop {
            let mut scrap = ReadBuf::new(&mut scrap);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut scrap))?;
            if scrap.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for LossyStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.stuck {
            return this.poll_gone(cx);
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        if read == 0 {
            return Poll::Ready(Ok(()));
        }
        this.sent = 0;
        this.received += read;
        if this.loses(this.received) {
            this.stuck = true;
            buf.set_filled(before);
            return this.poll_gone(cx);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for LossyStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.stuck && this.loses(this.sent + buf.len()) {
            this.stuck = true;
        }
        if this.stuck {
            ready!(this.poll_gone(cx))?;
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if let Some(drip) = &mut this.drip {
            ready!(drip.as_mut().poll(cx));
            this.drip = None;
        }
        let dripping = this.faults.borrow().bites(FaultKind::SlowDrip);
        let piece = if dripping { &buf[..buf.len().min(DRIP_BYTES)] } else { buf };
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, piece))?;
        this.received = 0;
        this.sent += written;
        if dripping {
            this.drip = Some(Box::pin(tokio::time::sleep(DRIP_EVERY)));
            // A piece must leave before the next one, or they would travel together.
            let _ = Pin::new(&mut this.inner).poll_flush(cx)?;
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
