//! One TLS handshake over a stream, with the verifier that records it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use chain::{ByteStream, Peer, RecordingVerifier};
use futures_util::FutureExt;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::stream::Stream;
use super::{Handshake, starttls};

/// Shakes hands. Sessions are never resumed, because a resumed handshake shows no certificate; the
/// verifier is the session store only to notice tickets.
pub async fn handshake(
    stream: Stream,
    mut config: ClientConfig,
    verifier: &Arc<RecordingVerifier>,
    name: &str,
    alpn: &[&[u8]],
) -> io::Result<TlsStream<Stream>> {
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.resumption = Resumption::store(Arc::clone(verifier) as _);
    let name = ServerName::try_from(name.to_owned()).map_err(|_| unverifiable())?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The DNS takes names that no certificate can be for (RFC 5280 section 4.2.1.6), and that are no
/// SNI either. Browsers say of them that the name is not the certificate's.
fn unverifiable() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        rustls::Error::from(CertificateError::NotValidForName),
    )
}

/// The server of a handshake, for a second look at it.
pub fn peer<'a>(address: SocketAddr, handshake: &Handshake<'a>) -> Peer<'a> {
    let starttls = handshake.starttls;
    let connect = async move {
        let mut stream = TcpStream::connect(address).await?;
        if let Some(protocol) = starttls {
            let local = stream.local_addr().ok().map(|address| address.ip());
            let begun = starttls::begin(&mut stream, protocol, local).await;
            begun.map_err(|failure| io::Error::other(failure.detail))?;
        }
        Ok(Box::new(stream) as Box<dyn ByteStream>)
    };
    Peer { name: handshake.name, connect: connect.boxed() }
}

/// A name as it is sent: IDNA in ASCII, without the trailing dot, which rustls and servers do not
/// expect. What is no name at all is left for the handshake to refuse.
pub fn ascii_name(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    match url::Host::parse(name) {
        Ok(url::Host::Domain(ascii)) => ascii,
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sent_in_ascii_and_without_the_trailing_dot() {
        assert_eq!(ascii_name("www.gov.kr."), "www.gov.kr");
        assert_eq!(ascii_name("정부24.한국"), "xn--24-hr2jq36a.xn--3e0b707e");
        assert_eq!(ascii_name("2001:db8::1"), "2001:db8::1");
        assert_eq!(ascii_name("192.0.2.1"), "192.0.2.1");
    }
}
