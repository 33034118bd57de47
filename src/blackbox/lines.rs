//! A stream that is read by lines and by bytes.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::transport::stream::Stream;

/// Of a line, and of what was read ahead. As long as Go's scanner takes.
///
/// Limit: bytes of a line that a TCP module reads.
/// Share: of each run.
/// Full: the probe fails, and says so.
/// Filled: a_line_without_end_fails_the_probe
pub(super) const LINE_BYTES_MAX: usize = 64 << 10;

const PIECE_BYTES: usize = 4 << 10;

/// A connection and what was read of it and not looked at yet.
pub(super) struct Lines {
    stream: Stream,
    ahead: Vec<u8>,
}

impl Lines {
    pub(super) fn new(stream: Stream) -> Lines {
        Lines { stream, ahead: Vec::new() }
    }

    /// Without its end, which may be missing at the end of the stream; `None` when nothing is left.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut seen = 0;
        loop {
            if let Some(end) = self.ahead[seen..].iter().position(|byte| *byte == b'\n') {
                let rest = self.ahead.split_off(seen + end + 1);
                let mut line = std::mem::replace(&mut self.ahead, rest);
                line.pop();
                if line.ends_with(b"\r") {
                    line.pop();
                }
                return Ok(Some(line));
            }
            seen = self.ahead.len();
            if seen >= LINE_BYTES_MAX {
                return Err(io::Error::other("the line is too long"));
            }
            if self.read_on().await? == 0 {
                let mut line = std::mem::take(&mut self.ahead);
                if line.ends_with(b"\r") {
                    line.pop();
                }
                return Ok((seen > 0).then_some(line));
            }
        }
    }

    pub(super) async fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < count {
            if self.read_on().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.ahead.split_off(count);
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The connection alone, for TLS to begin on it. What was read ahead is gone: it came before TLS,
    /// and nobody may take it for something that came after.
    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }

    async fn read_on(&mut self) -> io::Result<usize> {
        let mut piece = [0; PIECE_BYTES];
        let read = self.stream.read(&mut piece).await?;
        self.ahead.extend_from_slice(&piece[..read]);
        Ok(read)
    }
}
