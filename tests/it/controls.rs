//! Controls on real sockets: what counts as an answer, and whose clock is believed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bongsu::config::Control;
use bongsu::controls::wire::{self, Names, public_roots};
use bongsu::controls::{Contact, Controls, Reading};
use bongsu::outcome::{Failure, Reason, Verdict};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::http::{Site, page};
use crate::support::visit::{Visit, detail, reason};

/// Enough for loopback on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

const DAY: Duration = Duration::from_secs(86_400);

/// Every name under `.test` is this machine; no other name exists.
struct Loopback;

impl Names for Loopback {
    fn lookup<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure>> {
        let found = match host.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) if host.ends_with(".test") => Ok(vec![Ipv4Addr::LOCALHOST.into()]),
            Err(_) => Err(Failure::new(Reason::DnsNxdomain, "not here")),
        };
        async { found }.boxed()
    }
}

fn contact(controls: &[&str], roots: Arc<RootCertStore>) -> Arc<dyn Contact> {
    let controls: Vec<Control> = controls
        .iter()
        .map(|control| match control.strip_prefix("tcp://") {
            Some(address) => {
                let (host, port) = address.rsplit_once(':').unwrap();
                Control::Tcp { host: host.to_owned(), port: port.parse().unwrap() }
            }
            None => Control::Http(control.parse().unwrap()),
        })
        .collect();
    let names: Arc<dyn Names> = Arc::new(Loopback);
    wire::contact(&controls, &names, &roots).unwrap().unwrap()
}

async fn reading(controls: &[&str]) -> Reading {
    contact(controls, public_roots()).everyone(PATIENCE).await
}

/// A port on which nobody listens.
async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// The head of a response of a server whose clock is `ahead` of ours by so many seconds.
fn response(status: &str, ahead: i64, more: &str) -> String {
    let theirs = Timestamp::now().as_second() + ahead;
    let zoned = Timestamp::from_second(theirs).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    let date = zoned.strftime("%a, %d %b %Y %H:%M:%S GMT");
    format!("HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: close\r\n{more}\r\n")
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, response: &str) {
    let mut request = vec![0; 4_096];
    let read = stream.read(&mut request).await.unwrap_or_default();
    if request[..read].starts_with(b"HEAD /") {
        // The client may be gone by now.
        let _ = stream.write_all(response.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

/// A plain HTTP server that answers everybody alike.
async fn http(response: impl Fn() -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream, &response()).await;
        }
    });
    address
}

/// An HTTPS server for `time.test` whose certificate lives from `not_before` on for two days.
async fn https(ahead: i64, not_before: SystemTime) -> (SocketAddr, Arc<RootCertStore>) {
    let key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.not_before = (not_before - DAY).into();
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let mut leaf = CertificateParams::new(vec!["time.test".to_owned()]).unwrap();
    leaf.not_before = not_before.into();
    leaf.not_after = (not_before + 2 * DAY).into();
    let leaf = leaf.signed_by(&key, &ca).unwrap();

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream, &response("200 OK", ahead, "")).await;
            }
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    (address, Arc::new(roots))
}

/// Within the second of `Date` and what a busy machine takes.
fn assert_near(skew: Option<f64>, expected: f64) {
    let Some(skew) = skew else { panic!("no clock was believed") };
    assert!((skew - expected).abs() < 5.0, "{skew} is not near {expected}");
}

#[tokio::test]
async fn one_open_port_among_dead_ones_means_online() {
    let dead = format!("tcp://{}", refusing().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let by_name = format!("tcp://control.test:{}", listener.local_addr().unwrap().port());
    assert_eq!(
        reading(&[&dead, "tcp://nowhere.example:53", &by_name]).await,
        Reading { online: true, skew: None }
    );
}

#[tokio::test]
async fn nobody_answers_means_offline() {
    let dead = refusing().await;
    let controls = [format!("tcp://{dead}"), format!("http://{dead}/"), format!("https://{dead}/")];
    let controls: Vec<&str> = controls.iter().map(String::as_str).collect();
    let contact = contact(&controls, public_roots());
    assert_eq!(contact.everyone(PATIENCE).await, Reading { online: false, skew: None });
    assert!(!contact.anyone().await);
}

/// Real controls that nobody answers for, and a real run that reaches nobody.
#[tokio::test]
async fn what_a_vantage_without_a_connection_cannot_reach_is_vantage_offline() {
    let controls = Controls::none();
    let dead = format!("tcp://{}", refusing().await);
    controls.replace(Some(contact(&[&dead], public_roots())));
    let mut outcome = Visit::to(format!("http://{}/", refusing().await)).run().await;
    assert_eq!(reason(&outcome), Reason::ConnectRefused);
    controls.judge(&bongsu::config::DialOptions::default(), &mut outcome).await;
    assert_eq!(reason(&outcome), Reason::VantageOffline);
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    assert!(detail(&outcome).ends_with("connect_refused: the host refused the connection"));
    // What a server answered is its own doing, whatever the controls say.
    let site = Site::answering(page("503 No", "", "")).await;
    let mut outcome = Visit::to(site.url("/")).run().await;
    controls.judge(&bongsu::config::DialOptions::default(), &mut outcome).await;
    assert_eq!(reason(&outcome), Reason::HttpStatus);
}

#[tokio::test]
async fn a_control_that_accepts_and_says_nothing_is_no_answer_and_does_not_hold_up_the_others() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = (silent.local_addr().unwrap(), silent);
    let url = format!("http://{}/", silent.0);
    let short = Duration::from_millis(200);
    let alone = contact(&[&url], public_roots()).everyone(short).await;
    assert_eq!(alone, Reading { online: false, skew: None });
    let good = http(|| response("204 No Content", 0, "")).await;
    let both = contact(&[&url, &format!("http://{good}/")], public_roots());
    let answered = tokio::time::timeout(PATIENCE, both.anyone()).await;
    assert_eq!(answered, Ok(true), "the first answer is enough");
}

#[tokio::test]
async fn any_status_is_an_answer_and_redirects_are_not_followed() {
    for status in ["200 OK", "302 Found", "405 Method Not Allowed", "503 Service Unavailable"] {
        let address = http(move || response(status, 0, "Location: http://nowhere.example/\r\n"));
        let reading = reading(&[&format!("http://{}/", address.await)]).await;
        assert!(reading.online, "{status}");
        assert_near(reading.skew, 0.0);
    }
}

#[tokio::test]
async fn skew_is_ours_minus_theirs_and_the_median_of_all() {
    let slow = http(|| response("200 OK", -60, "")).await;
    let right = http(|| response("200 OK", -58, "")).await;
    let mad = http(|| response("200 OK", 1_000_000, "")).await;
    let controls = [slow, right, mad].map(|address| format!("http://{address}/"));
    assert_near(reading(&controls.each_ref().map(String::as_str)).await.skew, 58.0);
}

#[tokio::test]
async fn a_cached_date_is_not_believed() {
    let cached = http(|| response("200 OK", -3_600, "Age: 3600\r\n")).await;
    let reading = reading(&[&format!("http://{cached}/")]).await;
    assert_eq!(reading, Reading { online: true, skew: None });
}

#[tokio::test]
async fn a_proven_server_tells_the_time() {
    let (address, roots) = https(-30, SystemTime::now() - DAY).await;
    let url = format!("https://time.test:{}/", address.port());
    let reading = contact(&[&url], roots).everyone(PATIENCE).await;
    assert!(reading.online);
    assert_near(reading.skew, 30.0);
}

#[tokio::test]
async fn an_unproven_server_shows_that_we_are_online_but_not_the_time() {
    let (address, roots) = https(-30, SystemTime::now() - DAY).await;
    let named = format!("https://time.test:{}/", address.port());
    let unknown_issuer = contact(&[&named], public_roots()).everyone(PATIENCE).await;
    assert_eq!(unknown_issuer, Reading { online: true, skew: None });
    let other_name = format!("https://other.test:{}/", address.port());
    let other_name = contact(&[&other_name], roots).everyone(PATIENCE).await;
    assert_eq!(other_name, Reading { online: true, skew: None });
}

#[tokio::test]
async fn a_certificate_is_judged_by_the_servers_clock_since_ours_may_be_the_wrong_one() {
    // For a clock that is a year ahead, this server's certificate expired long ago.
    const YEAR: i64 = 365 * 86_400;
    let then = SystemTime::now() - Duration::from_secs(YEAR as u64);
    let (address, roots) = https(-YEAR, then - DAY).await;
    let url = format!("https://time.test:{}/", address.port());
    assert_near(contact(&[&url], roots).everyone(PATIENCE).await.skew, YEAR as f64);
    // One that is expired by its own clock is not believed.
    let (address, roots) = https(0, then - DAY).await;
    let url = format!("https://time.test:{}/", address.port());
    let expired = contact(&[&url], roots).everyone(PATIENCE).await;
    assert_eq!(expired, Reading { online: true, skew: None });
}

#[tokio::test]
async fn a_clock_is_read_in_every_form_of_a_date() {
    for form in ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S GMT"] {
        let address = http(move || {
            let theirs = Timestamp::from_second(Timestamp::now().as_second() + 100).unwrap();
            let date = theirs.to_zoned(jiff::tz::TimeZone::UTC).strftime(form);
            format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nConnection: close\r\n\r\n")
        });
        let skew = reading(&[&format!("http://{}/", address.await)]).await.skew;
        // Generous: the machine may be busy between the two clocks.
        assert!(skew.is_some_and(|skew| (-110.0..=-85.0).contains(&skew)), "{form}: {skew:?}");
    }
}
