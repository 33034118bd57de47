//! Names: every dns reason from a real answer, the choice of addresses, the fallback.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bongsu::config::IpChoice;
use bongsu::outcome::Reason;
use hickory_proto::op::ResponseCode;
use tokio::net::TcpListener;

use crate::support::SHORT;
use crate::support::dns::{NameServer, Says};
use crate::support::http::{Site, page};
use crate::support::visit::{Visit, assert_accounted, detail, reason, up};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn addresses(ips: &[&str]) -> Says {
    Says::Addresses(ips.iter().map(|ip| ip.parse::<IpAddr>().unwrap()).collect())
}

async fn failing(says: Says, ip: IpChoice) -> Reason {
    let dns = NameServer::with(&[("www.probe.test", says)]).await;
    let visit = Visit::to("http://www.probe.test/").asking(dns.address).on(ip);
    let outcome = visit.within(SHORT).run().await;
    assert!(outcome.facts.dns_lookup.is_some(), "the lookup's time is kept");
    assert!(outcome.facts.phases.resolve.is_some());
    assert_eq!(outcome.facts.phases.connect, None);
    reason(&outcome)
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_nxdomain() {
    let dns = NameServer::with(&[]).await;
    let outcome = Visit::to("http://www.probe.test/").asking(dns.address).run().await;
    assert_eq!(reason(&outcome), Reason::DnsNxdomain);
    let facts = outcome.facts;
    assert_eq!((facts.address, facts.http.unwrap().status), (None, 0));
}

#[tokio::test]
async fn errors_of_the_name_server_are_servfail() {
    for code in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::FormErr] {
        assert_eq!(failing(Says::Code(code), IpChoice::PreferV4).await, Reason::DnsServfail);
    }
}

#[tokio::test]
async fn a_name_server_that_is_not_there_does_not_answer_in_time() {
    // Bound and dropped: the kernel answers "port unreachable", which a stub resolver must not
    // believe at once, because anyone can send it.
    let gone = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let visit = Visit::to("http://www.probe.test/").asking(gone);
    let outcome = visit.within(SHORT).run().await;
    assert_eq!(reason(&outcome), Reason::DnsTimeout, "{outcome:?}");
}

#[tokio::test]
async fn a_silent_name_server_is_a_dns_timeout_and_the_time_is_in_resolve() {
    let dns = NameServer::with(&[("www.probe.test", Says::Silence)]).await;
    let visit = Visit::to("http://www.probe.test/").asking(dns.address);
    let outcome = visit.within(SHORT).run().await;
    assert_eq!(reason(&outcome), Reason::DnsTimeout);
    assert!(outcome.facts.phases.resolve.unwrap() > SHORT * 8 / 10);
    assert_accounted(&outcome);
}

#[tokio::test]
async fn a_name_without_an_address_or_with_the_wrong_family_is_no_address() {
    assert_eq!(failing(addresses(&[]), IpChoice::PreferV4).await, Reason::DnsNoAddress);
    assert_eq!(failing(addresses(&["::1"]), IpChoice::OnlyV4).await, Reason::DnsNoAddress);
    assert_eq!(failing(addresses(&["127.0.0.1"]), IpChoice::OnlyV6).await, Reason::DnsNoAddress);
}

/// That the other family has nothing to say takes nothing from what the preferred one said.
#[tokio::test]
async fn a_name_that_leads_to_this_machine_says_so() {
    for other in [addresses(&[]), Says::Code(ResponseCode::ServFail)] {
        let says = Says::by_family(addresses(&["127.0.0.1"]), other);
        let dns = NameServer::with(&[("www.gov.kr", says)]).await;
        let outcome = Visit::to("http://www.gov.kr/").asking(dns.address).run().await;
        assert_eq!(reason(&outcome), Reason::DnsNoAddress);
        let said = detail(&outcome);
        assert!(said.contains("is at 127.0.0.1, which is this machine itself"), "{said}");
    }
}

#[tokio::test]
async fn every_run_asks_anew_and_only_for_the_preferred_family() {
    let site = Site::answering(OK).await;
    let dns = NameServer::pointing("www.probe.test", "127.0.0.1").await;
    let url = format!("http://www.probe.test:{}/", site.address.port());
    for run in 1..=3 {
        let outcome = Visit::to(&url).asking(dns.address).run().await;
        up(&outcome);
        assert_eq!(dns.queries(), run);
        assert_eq!(outcome.facts.address, Some("127.0.0.1".parse().unwrap()));
    }
    let host = format!("Host: www.probe.test:{}\r\n", site.address.port());
    assert!(site.requests()[0].to_lowercase().contains(&host.to_lowercase()));
}

#[tokio::test]
async fn the_other_family_is_used_where_the_preferred_one_has_none() {
    let site = Site::answering(OK).await;
    let dns = NameServer::pointing("www.probe.test", "127.0.0.1").await;
    let url = format!("http://www.probe.test:{}/", site.address.port());
    up(&Visit::to(&url).asking(dns.address).on(IpChoice::PreferV6).run().await);
    assert_eq!(dns.queries(), 2);
}

#[tokio::test]
async fn the_other_family_is_used_where_the_preferred_one_refuses() {
    let site = Site::answering(OK).await;
    // Nothing listens on ::1 at this port.
    let says = addresses(&["::1", "127.0.0.1"]);
    let dns = NameServer::with(&[("www.probe.test", says)]).await;
    let url = format!("http://www.probe.test:{}/", site.address.port());
    let outcome = Visit::to(&url).asking(dns.address).on(IpChoice::PreferV6).run().await;
    up(&outcome);
    assert_eq!(outcome.facts.address, Some("127.0.0.1".parse().unwrap()));
    let only = Visit::to(&url).asking(dns.address).on(IpChoice::OnlyV6).run().await;
    assert_eq!(reason(&only), Reason::ConnectRefused);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let site = Site::answering(OK).await;
    let says = addresses(&["127.0.0.9", "127.0.0.8", "127.0.0.1"]);
    let dns = NameServer::with(&[("www.probe.test", says)]).await;
    let url = format!("http://www.probe.test:{}/", site.address.port());
    let outcome = Visit::to(&url).asking(dns.address).run().await;
    up(&outcome);
    assert_eq!(outcome.facts.address, Some("127.0.0.1".parse().unwrap()));
    assert_eq!(site.requests().len(), 1, "the request was sent once");
}

#[tokio::test]
async fn a_silent_address_gets_its_share_of_the_time_and_no_more() {
    let site = Site::answering(OK).await;
    let port = site.address.port();
    let hole: SocketAddr = format!("127.0.0.7:{port}").parse().unwrap();
    let _hole = crate::support::hole::BlackHole::at(hole);
    let says = addresses(&["127.0.0.7", "127.0.0.1"]);
    let dns = NameServer::with(&[("www.probe.test", says)]).await;
    let visit = Visit::to(format!("http://www.probe.test:{port}/")).asking(dns.address);
    let outcome = visit.within(Duration::from_secs(4)).run().await;
    up(&outcome);
    assert!(outcome.elapsed > Duration::from_millis(1500), "{outcome:?}");
    assert_eq!(outcome.facts.address, Some("127.0.0.1".parse().unwrap()));
    assert_accounted(&outcome);
}

#[tokio::test]
async fn a_silent_family_is_given_up_for_one_that_answers() {
    // Both loopback families on one port, so that only silence can make the difference.
    let listener = TcpListener::bind("[::1]:0").await.expect("IPv6 on loopback");
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let site = crate::support::hole::site_on(&format!("127.0.0.1:{port}"), OK).await;
    let _hole = crate::support::hole::BlackHole::at(format!("[::1]:{port}").parse().unwrap());
    let says = addresses(&["::1", "127.0.0.1"]);
    let dns = NameServer::with(&[("www.probe.test", says)]).await;
    let visit = Visit::to(format!("http://www.probe.test:{port}/")).asking(dns.address);
    let outcome = visit.on(IpChoice::PreferV6).within(Duration::from_secs(5)).run().await;
    up(&outcome);
    assert_eq!(outcome.facts.address, Some(site.ip()));
}

#[tokio::test]
async fn localhost_needs_no_name_server() {
    let site = Site::answering(page("200 OK", "", "")).await;
    up(&Visit::to(format!("http://localhost:{}/", site.address.port())).run().await);
}

#[tokio::test]
async fn an_answer_too_long_for_a_datagram_that_does_not_say_so_is_asked_for_again() {
    let site = Site::answering(OK).await;
    let ips: Vec<String> = (1..=60).map(|number| format!("127.0.0.{number}")).collect();
    let says = addresses(&ips.iter().map(String::as_str).collect::<Vec<_>>());
    let dns = NameServer::with(&[("www.probe.test", says)]).await;
    let url = format!("http://www.probe.test:{}/", site.address.port());
    up(&Visit::to(&url).asking(dns.address).run().await);
}
