//! Each fault, as a client sees it that knows nothing of the lab.

use std::io::ErrorKind;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::estate::{EstateOptions as Options, SimulatedEstate as Estate};
use lab::faults::{Fault, FaultKind as Kind};
use lab::{peers, pki};
use rustls::{CertificateError, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::browser::{Browser, client, estate, system};

/// Long enough for an answer over loopback on a busy machine, short enough to wait for none.
const NO_ANSWER: Duration = Duration::from_millis(1_500);

/// Opens a TLS connection the way a strict client does.
async fn handshake(estate: &Estate, name: &str) -> std::io::Result<()> {
    let config = pki::client_config(estate.world().pki.root_der()).unwrap();
    let stream = TcpStream::connect(estate.address(system(name))).await?;
    let host = ServerName::try_from(format!("{name}.localhost")).unwrap();
    TlsConnector::from(Arc::new(config)).connect(host, stream).await.map(drop)
}

fn certificate_error(error: &std::io::Error) -> &CertificateError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(error)) => error,
        other => panic!("not about a certificate: {other:?}"),
    }
}

#[tokio::test]
async fn a_refusing_system_refuses_and_comes_back_on_its_port() {
    let (estate, gpki) = (estate().await, system("gpki"));
    let address = estate.address(gpki);
    handshake(&estate, "gpki").await.unwrap();
    estate.faults().set(gpki, Kind::Refuse);
    let refused = async {
        loop {
            match TcpStream::connect(address).await {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
                // Still in the queue of the socket that is going away.
                _ => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.unwrap();
    estate.faults().clear(gpki, Kind::Refuse);
    let back = async { while handshake(&estate, "gpki").await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(10), back).await.unwrap();
}

#[tokio::test]
async fn a_refusing_system_drops_the_connections_it_had() {
    let (estate, gpki) = (estate().await, system("gpki"));
    estate.faults().set(gpki, Fault::latency(Duration::from_secs(60)));
    let mut request = tokio::spawn(client(&estate).get(estate.base(gpki)).send());
    // Without the latency it would have been answered; without the reset the client would wait.
    assert!(tokio::time::timeout(NO_ANSWER, &mut request).await.is_err());
    estate.faults().set(gpki, Kind::Refuse);
    let error = tokio::time::timeout(Duration::from_secs(10), request).await.unwrap().unwrap();
    assert!(!error.unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_stalling_system_accepts_and_never_answers() {
    let (estate, gpki) = (estate().await, system("gpki"));
    estate.faults().set(gpki, Kind::Stall);
    TcpStream::connect(estate.address(gpki)).await.unwrap();
    assert!(tokio::time::timeout(NO_ANSWER, handshake(&estate, "gpki")).await.is_err());
    estate.faults().clear_all(gpki);
    handshake(&estate, "gpki").await.unwrap();
}

#[tokio::test]
async fn a_system_waits_for_another_as_long_as_it_was_told() {
    let options = Options::default().patience(Duration::from_millis(100));
    let estate = Estate::start(options).await.unwrap();
    estate.faults().set(system("gpki"), Kind::Stall);
    let url = format!("{}/certCheck.do", estate.base(system("saeol-jongno")));
    let answer = async { Browser::of(&estate).get(url).await };
    let answer = tokio::time::timeout(peers::PATIENCE, answer).await.unwrap();
    assert!(answer.text.contains("검증서버"), "{}", answer.text);
}

#[tokio::test]
async fn only_large_messages_stall_in_either_direction() {
    let (estate, client) = {
        let estate = estate().await;
        let client = client(&estate);
        (estate, client)
    };
    for name in ["gpki", "welfare", "bypass"] {
        estate.faults().set(system(name), Kind::StallLarge);
    }
    let small = || client.get(format!("{}/", estate.base(system("gpki"))));
    assert_eq!(small().send().await.unwrap().status(), 200);

    let large_request = small().header("x-bongsu-padding", "x".repeat(4096)).timeout(NO_ANSWER);
    assert!(large_request.send().await.unwrap_err().is_timeout());

    let just_below = small().header("x-bongsu-padding", "x".repeat(1_200));
    assert_eq!(just_below.send().await.unwrap().status(), 200);

    let large_answer = client.get(format!("{}/", estate.base(system("welfare"))));
    assert!(large_answer.timeout(NO_ANSWER).send().await.unwrap_err().is_timeout());
    let small_answer = client.get(format!("{}/login", estate.base(system("bypass"))));
    assert_eq!(small_answer.send().await.unwrap().status(), 200);

    estate.faults().clear_all(system("gpki"));
    let padded = small().header("x-bongsu-padding", "x".repeat(4096));
    assert_eq!(padded.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn latency_and_an_error_status_compose() {
    let (estate, gov24) = (estate().await, system("gov24"));
    estate.faults().set(gov24, Fault::latency(Duration::from_millis(700)));
    estate.faults().set(gov24, Fault::error_status(502));
    let begun = Instant::now();
    let answer = client(&estate).get(estate.base(gov24)).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert!(begun.elapsed() >= Duration::from_millis(700));
}

#[tokio::test]
async fn a_notice_page_is_a_200_in_the_systems_own_charset() {
    let estate = estate().await;
    for (name, charset) in [("gov24", encoding_rs::UTF_8), ("saeol-jongno", encoding_rs::EUC_KR)] {
        estate.faults().set(system(name), Kind::NoticePage);
        let url = format!("{}/login.do", estate.base(system(name)));
        let answer = client(&estate).get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let bytes = answer.bytes().await.unwrap();
        let (text, _, garbled) = charset.decode(&bytes);
        assert!(!garbled && text.contains("시스템 점검"), "{text}");
    }
}

#[tokio::test]
async fn a_relocated_system_answers_at_its_other_address_only() {
    let (estate, name) = (estate().await, "document-exchange");
    let first = estate.address(system(name));
    let other = std::net::SocketAddr::new(lab::port::ELSEWHERE.into(), first.port());
    let refuses = |address| async move {
        let found = TcpStream::connect(address).await;
        matches!(found, Err(error) if error.kind() == ErrorKind::ConnectionRefused)
    };
    assert!(refuses(other).await);
    estate.faults().set(system(name), Kind::Relocated);
    // Connections may still be in the queue of the socket that is going away.
    let moved = async {
        while !refuses(first).await || refuses(other).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), moved).await.unwrap();
    estate.faults().clear_all(system(name));
    let back = async { while handshake(&estate, name).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(10), back).await.unwrap();
    assert!(refuses(other).await);
}

#[tokio::test]
async fn a_new_certificate_is_another_one_and_good() {
    let (estate, gpki) = (estate().await, system("gpki"));
    let leaf = async || {
        let config = pki::client_config(estate.world().pki.root_der()).unwrap();
        let stream = TcpStream::connect(estate.address(gpki)).await.unwrap();
        let host = ServerName::try_from("gpki.localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(host, stream).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    let first = leaf().await;
    assert_eq!(leaf().await, first);
    estate.faults().set(gpki, Kind::NewCertificate);
    assert_ne!(leaf().await, first);
}

#[tokio::test]
async fn an_expired_certificate_is_one() {
    let (estate, gpki) = (estate().await, system("gpki"));
    estate.faults().set(gpki, Kind::ExpiredCertificate);
    let error = handshake(&estate, "gpki").await.unwrap_err();
    let error = certificate_error(&error);
    assert!(matches!(error, CertificateError::ExpiredContext { .. }), "{error:?}");
    estate.faults().clear(gpki, Kind::ExpiredCertificate);
    handshake(&estate, "gpki").await.unwrap();
}

#[tokio::test]
async fn without_its_intermediate_a_chain_leads_nowhere() {
    let (estate, gpki) = (estate().await, system("gpki"));
    assert_eq!(certificates_sent(&estate).await, 2);
    estate.faults().set(gpki, Kind::MissingIntermediate);
    let error = handshake(&estate, "gpki").await.unwrap_err();
    assert!(matches!(certificate_error(&error), CertificateError::UnknownIssuer));
    assert_eq!(certificates_sent(&estate).await, 1);
}

/// Asks openssl, which has no opinion of ours.
async fn certificates_sent(estate: &Estate) -> usize {
    let address = estate.address(system("gpki")).to_string();
    let output = tokio::process::Command::new("openssl")
        .args(["s_client", "-showcerts", "-servername", "gpki.localhost", "-connect", &address])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .await
        .expect("openssl must be installed: apt-get install openssl");
    String::from_utf8_lossy(&output.stdout).matches("-----BEGIN CERTIFICATE-----").count()
}

#[tokio::test]
async fn a_slow_drip_sends_its_head_and_takes_its_time() {
    let (estate, gpki) = (estate().await, system("gpki"));
    estate.faults().set(gpki, Kind::SlowDrip);
    let answer = client(&estate).get(estate.base(gpki)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(tokio::time::timeout(Duration::from_millis(500), answer.bytes()).await.is_err());
}

#[tokio::test]
async fn a_flapping_system_is_seen_well_and_broken() {
    let (estate, gpki) = (estate().await, system("gpki"));
    estate.faults().set(gpki, Fault::flapping(Duration::from_secs(2)));
    let mut seen = (false, false);
    let deadline = Instant::now() + Duration::from_secs(30);
    while seen != (true, true) && Instant::now() < deadline {
        match client(&estate).get(estate.base(gpki)).send().await.unwrap().status().as_u16() {
            200 => seen.0 = true,
            503 => seen.1 = true,
            status => panic!("{status}"),
        }
    }
    assert_eq!(seen, (true, true));
}

#[tokio::test]
async fn a_flapping_refusal_opens_and_closes_the_port() {
    let (estate, gpki) = (estate().await, system("gpki"));
    estate.faults().set(gpki, Kind::Refuse);
    estate.faults().set(gpki, Fault::flapping(Duration::from_millis(600)));
    let mut changes = 0;
    let mut last = true;
    let deadline = Instant::now() + Duration::from_secs(30);
    while changes < 4 && Instant::now() < deadline {
        let open = TcpStream::connect(estate.address(gpki)).await.is_ok();
        changes += u32::from(open != last);
        last = open;
    }
    assert_eq!(changes, 4);
}

#[tokio::test]
async fn stopping_frees_every_port_within_a_second() {
    let mut quickest = Duration::MAX;
    // The first of three, because a machine that stands still is not the program's slowness.
    for _ in 0..3 {
        let estate = estate().await;
        let (system, control) = (estate.address(system("gpki")), estate.control_address());
        let _idle = TcpStream::connect(control).await.unwrap();
        let begun = Instant::now();
        estate.stop().await;
        quickest = quickest.min(begun.elapsed());
        for address in [system, control] {
            let error = TcpStream::connect(address).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
        if quickest < Duration::from_secs(1) {
            return;
        }
    }
    panic!("it took at least {quickest:?}");
}
