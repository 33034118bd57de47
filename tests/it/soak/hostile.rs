//! Servers that misbehave in another way with every connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::certificates::{Chains, Shown};
use super::scripts::{Script, Then, answers, frames, greetings};
use crate::support::pki::{Authority, Files};

/// Between two bytes of `Drip`.
const DRIP: Duration = Duration::from_millis(200);
pub(super) struct Hostile {
    pub(super) plain: SocketAddr,
    pub(super) tls: SocketAddr,
    pub(super) http2: SocketAddr,
    /// Of the certificates that are good.
    pub(super) roots: PathBuf,
    met: Arc<Met>,
    ways: usize,
    _files: Files,
}

/// Connections by what they met.
#[derive(Default)]
struct Met(Mutex<BTreeMap<&'static str, u64>>);

impl Met {
    fn note(&self, name: &'static str) {
        *self.0.lock().unwrap().entry(name).or_default() += 1;
    }
}

impl Hostile {
    pub(super) async fn start() -> Hostile {
        let (files, authority) = (Files::new(), Authority::root("Soak Authority"));
        let roots = files.write(&authority.cert.pem);
        let met = Arc::new(Met::default());
        let http: Arc<Vec<Script>> = Arc::new(answers());
        let frames: Arc<Vec<Script>> = Arc::new(frames());
        let greetings: Arc<Vec<Script>> = Arc::new(greetings());
        let (silent, _) = listen().await;
        let chains = Arc::new(Chains::new(authority, address(&silent)));
        tokio::spawn(hold(silent));
        let ways = http.len() + frames.len() + greetings.len() + Shown::ALL.len();

        let plain = play_in_turn(Arc::clone(&http), Arc::clone(&met)).await;
        let http2 = play_in_turn(frames, Arc::clone(&met)).await;
        let (listener, tls) = listen().await;
        tokio::spawn({
            let met = Arc::clone(&met);
            async move {
                for turn in 0.. {
                    let Ok((stream, _)) = listener.accept().await else { return };
                    let (http, greetings) = (Arc::clone(&http), Arc::clone(&greetings));
                    let (chains, met) = (Arc::clone(&chains), Arc::clone(&met));
                    tokio::spawn(async move {
                        tls_turn(turn, stream, &greetings, &chains, &http, &met).await;
                    });
                }
            }
        });
        Hostile { plain, tls, http2, roots, met, ways, _files: files }
    }

    /// How many ways were met, and how often each at least.
    pub(super) fn met(&self) -> String {
        let met = self.met.0.lock().unwrap();
        let (least, all) = (met.values().min().copied(), met.values().sum::<u64>());
        format!(
            "{} of {} ways, each at least {} times, {all} connections",
            met.len(),
            self.ways,
            least.unwrap_or_default()
        )
    }

    pub(super) fn has_shown_all(&self) -> bool {
        self.met.0.lock().unwrap().len() == self.ways
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = address(&listener);
    (listener, address)
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().unwrap()
}

/// Takes connections and says nothing.
async fn hold(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(until_gone(stream));
    }
}

async fn until_gone(mut stream: impl AsyncRead + Unpin) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(read) if read > 0) {}
}

/// The next connection gets the next script.
async fn play_in_turn(scripts: Arc<Vec<Script>>, met: Arc<Met>) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        for turn in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let (scripts, met) = (Arc::clone(&scripts), Arc::clone(&met));
            tokio::spawn(async move { play(&scripts[turn % scripts.len()], stream, &met).await });
        }
    });
    address
}

async fn play(script: &Script, mut stream: impl AsyncRead + AsyncWrite + Unpin, met: &Met) {
    if !matches!(stream.read(&mut [0; 16_384]).await, Ok(1..)) {
        return;
    }
    met.note(script.name);
    if stream.write_all(&script.first).await.is_err() || stream.flush().await.is_err() {
        return;
    }
    match &script.then {
        Then::Close => {
            let _ = stream.shutdown().await;
        }
        Then::Silence => until_gone(stream).await,
        Then::Again(piece) => while stream.write_all(piece).await.is_ok() {},
        Then::Drip => {
            while stream.write_all(b"a").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(DRIP).await;
            }
        }
    }
}

/// A turn at the TLS port: something else than a handshake, a strange certificate, or a good one and
/// then one of the answers.
async fn tls_turn(
    turn: usize,
    stream: TcpStream,
    greetings: &[Script],
    chains: &Chains,
    answers: &[Script],
    met: &Met,
) {
    let strange = greetings.len() + Shown::ALL.len();
    let turn_of_all = turn % (strange + answers.len());
    if let Some(greeting) = greetings.get(turn_of_all) {
        return play(greeting, stream, met).await;
    }
    let shown = Shown::ALL.get(turn_of_all - greetings.len());
    let config = match shown {
        Some((name, shown)) => {
            met.note(name);
            chains.config(*shown, turn)
        }
        None => chains.good.clone(),
    };
    let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await else { return };
    match shown {
        Some(_) => {
            let _ = stream.shutdown().await;
        }
        None => play(&answers[turn_of_all - strange], stream, met).await,
    }
}
