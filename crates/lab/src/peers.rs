//! How one system calls another: over its real socket, with TLS verified against the lab's root,
//! so that a fault of the callee makes the caller fail.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use rustls_pki_types::CertificateDer;
use url::Url;

use crate::pki;

/// How long a system waits for another's answer, unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// Size of a signed message before base64: the smallest GPKI-style login that was measured.
pub const SIGNED_MESSAGE_BYTES: usize = 1_449;
/// Largest answer of another system that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub struct PeerAddress {
    /// `https://gpki.localhost:10921`
    pub base: String,
    /// The socket behind it, asked directly: no name service in between.
    pub address: SocketAddr,
}

/// A client for calls between systems.
pub struct Peers {
    client: reqwest::Client,
    places: BTreeMap<&'static str, PeerAddress>,
}

/// The other system did not answer as it should. The Korean text is for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerFailed(pub String);

/// An answer with status 200.
pub type PeerAnswer = Result<Bytes, PeerFailed>;

impl Peers {
    /// A client that finds every system at its place.
    pub fn new(
        places: BTreeMap<&'static str, PeerAddress>,
        root: CertificateDer<'static>,
        patience: Duration,
    ) -> Result<Peers, PeersError> {
        let mut client = reqwest::Client::builder()
            .tls_backend_preconfigured(pki::client_config(root)?)
            .timeout(patience)
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        for place in places.values() {
            if let Some(host) = Url::parse(&place.base).ok().as_ref().and_then(Url::host_str) {
                client = client.resolve(host, place.address);
            }
        }
        Ok(Peers { client: client.build()?, places })
    }

    /// The public address of a system.
    pub fn base(&self, system: &str) -> &str {
        self.places.get(system).map(|place| place.base.as_str()).unwrap_or_default()
    }

    pub async fn get(&self, system: &str, path: &str) -> PeerAnswer {
        self.send(system, path, reqwest::Client::get, Bytes::new()).await
    }

    /// Sends form fields.
    pub async fn post(&self, system: &str, path: &str, fields: &[(&str, &str)]) -> PeerAnswer {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(system, path, reqwest::Client::post, Bytes::from(body)).await
    }

    /// Has GPKI verify a signature: a challenge, then a message that needs more than one full-size
    /// packet, as every real login does.
    pub async fn gpki_verifies(&self, signer: &str) -> Result<(), PeerFailed> {
        let challenge = self.post("gpki", "/gpki/challenge", &[("serial", signer)]).await?;
        let challenge: serde_json::Value = serde_json::from_slice(&challenge)
            .map_err(|_| PeerFailed("GPKI 검증서버 응답 형식 오류".to_owned()))?;
        let text = |key: &str| challenge[key].as_str().unwrap_or_default().to_owned();
        let mut message = text("challenge").into_bytes();
        message.resize(SIGNED_MESSAGE_BYTES, b'=');
        let signed = BASE64.encode(message);
        let fields = [("txId", text("txId")), ("signedData", signed)];
        let fields = fields.each_ref().map(|(key, value)| (*key, value.as_str()));
        self.post("gpki", "/gpki/verify", &fields).await.map(drop)
    }

    async fn send(
        &self,
        system: &str,
        path: &str,
        method: fn(&reqwest::Client, String) -> reqwest::RequestBuilder,
        body: Bytes,
    ) -> PeerAnswer {
        let failed = |what: &str| PeerFailed(format!("{system} 연계 실패: {what}"));
        let mut request = method(&self.client, format!("{}{path}", self.base(system)));
        if !body.is_empty() {
            request =
                request.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        let mut response = request.send().await.map_err(|error| {
            failed(if error.is_timeout() { "응답 시간 초과" } else { "연결 오류" })
        })?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(failed(&format!("상태 {}", response.status().as_u16())));
        }
        let mut answer = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|_| failed("응답 중단"))? {
            if answer.len() + piece.len() > MAX_ANSWER_BYTES {
                return Err(failed("응답이 너무 큼"));
            }
            answer.extend_from_slice(&piece);
        }
        Ok(Bytes::from(answer))
    }
}

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PeersError {
    #[error("the lab's root certificate: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the HTTP client between the systems: {0}")]
    Client(#[from] reqwest::Error),
}
