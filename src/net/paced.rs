//! A stream that is read in stretches and within an allowance.
//!
//! What parses a protocol goes on for as long as there are bytes. A server that sends interim
//! responses, empty lines or control frames without end would hold the worker that reads them, and
//! every probe that shares it. Here a reader must let others run after each stretch, and what may
//! be received without any result is bounded.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read before others may run. The shortest messages take some 100 ns for each 20 bytes, so
/// this is well below a millisecond; an ordinary page is one stretch.
const STRETCH: usize = 64 << 10;

/// More was received than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sends without end")]
pub struct Endless;

/// How many bytes may still be received, shared by a stream and by whoever waits for its results.
#[derive(Debug, Default)]
pub struct Allowance {
    left: AtomicU64,
    is_exceeded: AtomicBool,
}

impl Allowance {
    /// From now on so many, whatever is left of what was allowed before.
    pub fn set(&self, bytes: u64) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// Whether the stream ended because of it. Protocols may lose the error on its way up.
    pub fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> Result<(), Endless> {
        let left = self.left.load(Ordering::Relaxed);
        // Somebody may set it at the same time: then the newer one counts, less these bytes or not.
        let left = left.checked_sub(bytes).ok_or_else(|| {
            self.is_exceeded.store(true, Ordering::Relaxed);
            Endless
        })?;
        self.left.store(left, Ordering::Relaxed);
        Ok(())
    }
}

/// The stream.
pub struct Paced<S> {
    inner: S,
    allowance: Arc<Allowance>,
    /// Bytes since others could run.
    stretch: usize,
}

impl<S> Paced<S> {
    /// Nothing may be read until the allowance is set.
    pub fn new(inner: S, allowance: Arc<Allowance>) -> Paced<S> {
        Paced { inner, allowance, stretch: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stretch >= STRETCH {
            self.stretch = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        match read {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled().len() - before;
                self.stretch += bytes;
                let taken = self.allowance.take(bytes as u64);
                Poll::Ready(taken.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e)))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.stretch = 0;
                Poll::Pending
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
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
    async fn stretch(stream: &mut Paced<tokio::io::Repeat>) -> (usize, bool) {
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
        let allowance = Arc::new(Allowance::default());
        allowance.set(3 * STRETCH as u64 + 5);
        let mut stream = Paced::new(repeat(7), Arc::clone(&allowance));
        for _ in 0..3 {
            assert_eq!(stretch(&mut stream).await, (STRETCH, true));
        }
        assert!(!allowance.is_exceeded());
        assert_eq!(stretch(&mut stream).await, (0, false));
        assert!(allowance.is_exceeded());
    }
}
