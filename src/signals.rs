//! Signals as values: the select loop sees [`Signal`]s and does not care who sent them, so that a
//! test can send its own.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Several signals at once say no more than a few do.
const QUEUE: usize = 8;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: stop. A second one: stop now.
    Terminate,
    /// SIGHUP: read the configuration again.
    Reload,
}

pub struct Signals {
    queue: mpsc::Receiver<Signal>,
}

impl Signals {
    /// Takes over the process's signals.
    pub fn install() -> io::Result<Signals> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (sender, signals) = Signals::scripted();
        tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    Some(()) = terminate.recv() => Signal::Terminate,
                    Some(()) = interrupt.recv() => Signal::Terminate,
                    Some(()) = hangup.recv() => Signal::Reload,
                    else => return,
                };
                // Waiting for room loses nothing: the operating system merges equal signals too.
                if sender.send(signal).await.is_err() {
                    return;
                }
            }
        });
        Ok(signals)
    }

    /// Signals that a caller sends.
    pub fn scripted() -> (mpsc::Sender<Signal>, Signals) {
        let (sender, queue) = mpsc::channel(QUEUE);
        (sender, Signals { queue })
    }

    /// The next one. Never resolves once the source is gone.
    pub async fn next(&mut self) -> Signal {
        match self.queue.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}
