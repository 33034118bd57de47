//! The smallest honest client: what a run costs when nothing is learned from it.
//!
//! A run is a new connection, with TLS a whole handshake whose chain and signature are verified,
//! one GET, and the body read to its end. There are no facts, no judgement, no metrics and no name
//! to resolve. One task for each of so many targets runs once a second, like the daemon's, on a
//! runtime like the daemon's; each polls its own connection, which costs less than spawning it.
//!
//! `bongsu-floor RUNS_PER_SECOND ADDRESS [CA_FILE]`: with a file of roots it speaks TLS, and the
//! server's name is `localhost`. At each line on standard input it says how many runs it made and
//! how many of them failed; it ends with its input.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::future::poll_fn;
use std::io::BufRead;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsConnector;

type Failed = Box<dyn Error + Send + Sync>;

const PERIOD: Duration = Duration::from_secs(1);
/// As many as the daemon has at most.
const WORKERS_MAX: usize = 4;

struct Server {
    address: SocketAddr,
    host: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

#[derive(Default)]
struct Tally {
    runs: AtomicU64,
    failures: AtomicU64,
}

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pace, address, rest @ ..] = arguments.as_slice() else {
        return Err("RUNS_PER_SECOND ADDRESS [CA_FILE]".into());
    };
    let address: SocketAddr = address.parse()?;
    let host = format!("localhost:{}", address.port());
    let tls = rest.first().map(|file| tls(file)).transpose()?;
    let server = Arc::new(Server { address, host, tls });
    let tally = Arc::new(Tally::default());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(WORKERS_MAX))
        .enable_all()
        .build()?;
    let pace: u32 = pace.parse()?;
    let start = Instant::now();
    for target in 0..pace {
        let (server, tally) = (Arc::clone(&server), Arc::clone(&tally));
        let mut due = start + PERIOD * target / pace;
        runtime.spawn(async move {
            loop {
                sleep_until(due).await;
                due += PERIOD;
                let failed = run(&server).await.is_err();
                tally.runs.fetch_add(1, Ordering::Relaxed);
                tally.failures.fetch_add(u64::from(failed), Ordering::Relaxed);
            }
        });
    }
    for line in std::io::stdin().lock().lines() {
        line?;
        let Tally { runs, failures } = &*tally;
        println!("{} {}", runs.load(Ordering::Relaxed), failures.load(Ordering::Relaxed));
    }
    Ok(())
}

fn tls(roots: &str) -> Result<(TlsConnector, ServerName<'static>), Failed> {
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(roots)? {
        store.add(root?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsConnector::from(Arc::new(config)), ServerName::try_from("localhost")?))
}

async fn run(server: &Server) -> Result<(), Failed> {
    let stream = TcpStream::connect(server.address).await?;
    stream.set_nodelay(true)?;
    match &server.tls {
        None => get(stream, server).await,
        Some((connector, name)) => {
            get(connector.connect(name.clone(), stream).await?, server).await
        }
    }
}

/// One GET and its whole body.
async fn get<S>(stream: S, server: &Server) -> Result<(), Failed>
where
    TokioIo<S>: Read + Write + Unpin,
{
    let (mut sender, mut connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get("/").header(HOST, &server.host).body(Empty::<Bytes>::new())?;
    let mut exchange = pin!(async {
        let mut response = sender.send_request(request).await?;
        while let Some(frame) = response.frame().await {
            frame?;
        }
        let good = response.status().is_success();
        if good { Ok(()) } else { Err(Failed::from("another status than 200")) }
    });
    let mut ended = false;
    poll_fn(|cx| {
        if let Poll::Ready(done) = exchange.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        ended = ended || Pin::new(&mut connection).poll(cx).is_ready();
        exchange.as_mut().poll(cx)
    })
    .await
}
