//! Asking controls over the network: a connection for `tcp://`, any response to a HEAD for
//! `http://` and `https://`.
//!
//! A response over TLS shows that we are online whatever the certificate. Its `Date` is believed
//! only with a certificate that is valid for the name at that time, because something between us
//! and the control, an inspecting proxy or a captive portal, may keep its own time. Over plain
//! HTTP it is believed: whoever writes `http://` there has chosen to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use reqwest::dns::{Name, Resolve, Resolving};
use reqwest::header::{AGE, CACHE_CONTROL, DATE, HeaderMap};
use reqwest::{Method, Url};
use rustls::RootCertStore;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Contact, Reading};
use crate::calendar;
use crate::config::{Control, DialOptions};
use crate::http_date;
use crate::outcome::Failure;
use crate::probe::surroundings::Surroundings;
use crate::trusted_client::TrustedClient;

/// `Date` has whole seconds and is cut off, not rounded (RFC 9110 section 5.6.7): on average the
/// server's clock is half a second further.
const DATE_CUT_OFF: Duration = Duration::from_millis(500);

pub trait Names: Send + Sync + 'static {
    /// In the order they should be tried. A literal is returned as it is.
    fn lookup<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure>>;
}

impl Names for Surroundings {
    fn lookup<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure>> {
        async move { self.resolvers.lookup(host, &DialOptions::default()).await }.boxed()
    }
}

/// The controls of a configuration.
struct Wire {
    controls: Vec<Dialled>,
}

/// One control with what it takes to ask it.
enum Dialled {
    Tcp { host: String, port: u16, names: Arc<dyn Names> },
    Http { url: Url, client: TrustedClient, roots: Arc<RootCertStore> },
}

/// It answered; perhaps with the time.
struct Answer {
    skew: Option<f64>,
}

/// Ready to ask these controls; `None` when there are none. `roots` vouch for clocks only.
pub fn contact(
    controls: &[Control],
    names: &Arc<dyn Names>,
    roots: &Arc<RootCertStore>,
) -> Result<Option<Arc<dyn Contact>>, WireError> {
    let controls: Result<Vec<_>, _> =
        controls.iter().map(|control| Dialled::new(control, names, roots)).collect();
    let controls = controls?;
    Ok((!controls.is_empty()).then(|| Arc::new(Wire { controls }) as Arc<dyn Contact>))
}

/// The roots of browsers, compiled in.
pub fn public_roots() -> Arc<RootCertStore> {
    Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
}

/// A client could not be made: a fault of this build, not of a control.
#[derive(Debug, thiserror::Error)]
#[error("no client for the control {url}")]
pub struct WireError {
    url: Url,
    source: reqwest::Error,
}

impl Contact for Wire {
    fn anyone(&self) -> BoxFuture<'_, bool> {
        async {
            let mut answers: FuturesUnordered<_> = self.controls.iter().map(Dialled::ask).collect();
            while let Some(answer) = answers.next().await {
                if answer.is_some() {
                    return true;
                }
            }
            false
        }
        .boxed()
    }

    fn everyone(&self, patience: Duration) -> BoxFuture<'_, Reading> {
        async move {
            let asked = self.controls.iter().map(|control| timeout(patience, control.ask()));
            let answers: Vec<Answer> =
                join_all(asked).await.into_iter().filter_map(|answer| answer.ok()?).collect();
            let skews = answers.iter().filter_map(|answer| answer.skew).collect();
            Reading { online: !answers.is_empty(), skew: median(skews) }
        }
        .boxed()
    }
}

impl Dialled {
    fn new(
        control: &Control,
        names: &Arc<dyn Names>,
        roots: &Arc<RootCertStore>,
    ) -> Result<Dialled, WireError> {
        let names = Arc::clone(names);
        match control {
            Control::Tcp { host, port } => {
                Ok(Dialled::Tcp { host: host.clone(), port: *port, names })
            }
            Control::Http(url) => {
                let client = TrustedClient::new(|client| client.dns_resolver(Lookup(names)))
                    .map_err(|source| WireError { url: url.clone(), source })?;
                Ok(Dialled::Http { url: url.clone(), client, roots: Arc::clone(roots) })
            }
        }
    }

    /// `None` when it does not answer. The caller minds the time.
    async fn ask(&self) -> Option<Answer> {
        match self {
            Dialled::Tcp { host, port, names } => {
                let addresses = names.lookup(host).await.ok()?;
                let addresses: Vec<_> =
                    addresses.into_iter().map(|ip| SocketAddr::new(ip, *port)).collect();
                TcpStream::connect(&*addresses).await.ok()?;
                Some(Answer { skew: None })
            }
            Dialled::Http { url, client, roots } => {
                let asked = SystemTime::now();
                let request = client.request(Method::HEAD, url.clone());
                let request = request.header(CACHE_CONTROL, "no-cache");
                let response = request.send().await.ok()?;
                // The server looked at its clock somewhere between.
                let ours = asked + asked.elapsed().unwrap_or_default() / 2;
                let theirs = date(response.headers());
                let believed = theirs
                    .filter(|&theirs| url.scheme() == "http" || client.is_proven(roots, theirs));
                let skew = believed.map(|theirs| ahead(ours, theirs + DATE_CUT_OFF));
                Some(Answer { skew })
            }
        }
    }
}

/// The time a response was made. A response from a cache (`Age`) tells when it was stored.
fn date(headers: &HeaderMap) -> Option<SystemTime> {
    if headers.contains_key(AGE) {
        return None;
    }
    let text = headers.get(DATE)?.to_str().ok()?;
    http_date::parse(text, calendar::now()).map(SystemTime::from)
}

/// Seconds by which `ours` is ahead of `theirs`.
fn ahead(ours: SystemTime, theirs: SystemTime) -> f64 {
    let seconds = |time: SystemTime| match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    };
    seconds(ours) - seconds(theirs)
}

/// The middle one, or the mean of the middle two.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// The same names for reqwest, which would otherwise block threads in getaddrinfo.
struct Lookup(Arc<dyn Names>);

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let names = Arc::clone(&self.0);
        Box::pin(async move {
            let addresses = names.lookup(name.as_str()).await.map_err(|failure| failure.detail)?;
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_date_is_read_as_http_writes_it() {
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        for form in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(date(&headers(&[("date", form)])), at(784_111_777), "{form}");
        }
        assert_eq!(date(&headers(&[("date", "yesterday")])), None);
        assert_eq!(date(&headers(&[])), None);
    }

    #[test]
    fn a_cached_response_does_not_tell_the_time() {
        let cached = headers(&[("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("age", "3")]);
        assert_eq!(date(&cached), None);
    }

    #[test]
    fn one_wrong_clock_among_three_does_not_count() {
        assert_eq!(median(vec![0.2, 86_400.0, -0.1]), Some(0.2));
        assert_eq!(median(vec![1.0, 3.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn skew_is_positive_when_our_clock_is_ahead() {
        let theirs = UNIX_EPOCH + Duration::from_secs(1_000);
        assert_eq!(ahead(theirs + Duration::from_secs(20), theirs), 20.0);
        assert_eq!(ahead(theirs - Duration::from_secs(20), theirs), -20.0);
    }
}
