//! A stream that is read in stretches and within an allowance, and whose heads are mended.
//!
//! What parses a protocol goes on for as long as there are bytes. A server that sends interim
//! responses, empty lines or control frames without end would hold the worker that reads them, and
//! every probe that shares it. Here a reader must let others run after each stretch, and what may
//! be received without any result is bounded.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::head::{Flaw, HeadMender};

/// Bytes read before others may run. The shortest messages take some 100 ns for each 20 bytes, so
/// this is well below a millisecond; an ordinary page is one stretch.
const STRETCH: usize = 64 << 10;

/// More was received than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sends without end")]
pub struct Endless;

/// What a stream may receive and what it noticed, shared with whoever waits for its results.
#[derive(Debug, Default)]
pub struct Meter {
    left: AtomicU64,
    is_exceeded: AtomicBool,
    /// Something was received since a response is expected.
    has_received: AtomicBool,
    /// The next bytes are the head of an HTTP/1 response.
    expects_head: AtomicBool,
    /// TLS ended without close_notify.
    is_cut: AtomicBool,
    flaws: Mutex<Vec<Flaw>>,
    surplus: Mutex<Vec<u8>>,
}

impl Meter {
    /// From now on so many bytes, whatever is left of what was allowed before.
    pub fn allow(&self, bytes: u64) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// A response is expected from here on, with a head to mend where HTTP/1 is spoken.
    pub fn expect_response(&self, http1: bool) {
        self.has_received.store(false, Ordering::Relaxed);
        self.expects_head.store(http1, Ordering::Relaxed);
    }

    /// Whether the stream ended because of its allowance. Protocols may lose the error on its way
    /// up.
    pub fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Ordering::Relaxed)
    }

    /// Whether anything came since a response is expected.
    pub fn has_received(&self) -> bool {
        self.has_received.load(Ordering::Relaxed)
    }

    /// Whether TLS ended without close_notify, so that the end may not be the server's.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    /// What was wrong with heads since the last time.
    pub fn take_flaws(&self) -> Vec<Flaw> {
        std::mem::take(&mut self.flaws.lock())
    }

    /// Header lines of the last response that its parser did not get.
    pub fn take_surplus(&self) -> Vec<u8> {
        std::mem::take(&mut self.surplus.lock())
    }

    fn take(&self, bytes: u64) -> Result<(), Endless> {
        let left = self.left.load(Ordering::Relaxed);
        // The allowance may be set at the same time: then the newer one counts, less these bytes
        // or not.
        let left = left.checked_sub(bytes).ok_or_else(|| {
            self.is_exceeded.store(true, Ordering::Relaxed);
            Endless
        })?;
        self.left.store(left, Ordering::Relaxed);
        self.has_received.store(true, Ordering::Relaxed);
        Ok(())
    }
}

pub struct Limited<S> {
    inner: S,
    meter: Arc<Meter>,
    /// Bytes since others could run.
    stretch: usize,
    mender: HeadMender,
    /// Mended bytes that the reader has not taken, and how many of them it has.
    mended: Vec<u8>,
    taken: usize,
}

impl<S> Limited<S> {
    /// Nothing may be read until the meter allows it.
    pub fn new(inner: S, meter: Arc<Meter>) -> Limited<S> {
        let mender = HeadMender::default();
        Limited { inner, meter, stretch: 0, mender, mended: Vec::new(), taken: 0 }
    }

    /// Gives mended bytes to the reader, if there are any.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let waiting = self.mended.get(self.taken..).unwrap_or_default();
        if waiting.is_empty() {
            return false;
        }
        let length = waiting.len().min(buffer.remaining());
        buffer.put_slice(&waiting[..length]);
        self.taken += length;
        if self.taken == self.mended.len() {
            self.mended.clear();
            self.taken = 0;
        }
        true
    }
}

impl<S: AsyncRead + Unpin> Limited<S> {
    /// Reads once; gives the number of bytes, 0 at the end.
    fn receive(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.stretch >= STRETCH {
            self.stretch = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().len() - before;
                self.stretch += bytes;
                if bytes > 0 {
                    let taken = self.meter.take(bytes as u64);
                    taken.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
                }
                Poll::Ready(Ok(bytes))
            }
            // What the missing close_notify means is decided where the end of the body is known.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.meter.is_cut.store(true, Ordering::Relaxed);
                Poll::Ready(Ok(0))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.stretch = 0;
                Poll::Pending
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.give(buffer) {
                return Poll::Ready(Ok(()));
            }
            if this.meter.expects_head.swap(false, Ordering::Relaxed) {
                this.mender.restart();
            }
            let before = buffer.filled().len();
            let bytes = ready!(this.receive(cx, buffer))?;
            if this.mender.passes(&buffer.filled()[before..]) {
                return Poll::Ready(Ok(()));
            }
            if bytes == 0 {
                this.mender.finish(&mut this.mended);
                if this.mended.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            let received = &buffer.filled()[before..];
            this.mender.push(received, &mut this.mended);
            buffer.set_filled(before);
            let flaws = this.mender.take_flaws();
            if !flaws.is_empty() {
                let mut told = this.meter.flaws.lock();
                told.extend(flaws);
            }
            let surplus = this.mender.take_surplus();
            if !surplus.is_empty() {
                *this.meter.surplus.lock() = surplus;
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, pieces)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use tokio::io::{AsyncReadExt, repeat};

    use super::*;

    /// Bytes until others may run, and whether the stream goes on.
    async fn stretch(stream: &mut Limited<tokio::io::Repeat>) -> (usize, bool) {
        let (mut bytes, mut buffer) = (0, [0; 4096]);
        loop {
            match poll!(std::pin::pin!(stream.read(&mut buffer))) {
                Poll::Ready(Ok(read)) => bytes += read,
                Poll::Ready(Err(_)) => return (bytes, false),
                Poll::Pending => return (bytes, true),
            }
        }
    }

    #[tokio::test]
    async fn others_run_after_each_stretch_and_what_is_not_allowed_ends_the_stream() {
        let meter = Arc::new(Meter::default());
        meter.allow(3 * STRETCH as u64 + 5);
        let mut stream = Limited::new(repeat(7), Arc::clone(&meter));
        for _ in 0..3 {
            assert_eq!(stretch(&mut stream).await, (STRETCH, true));
        }
        assert!(!meter.is_exceeded());
        assert_eq!(stretch(&mut stream).await, (0, false));
        assert!(meter.is_exceeded());
    }
}
