//! How one system calls another: over its real socket, with TLS verified against the lab's root,
//! so that a fault of the callee makes the caller fail.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use rustls_pki_types::CertificateDer;
use url::Url;

use crate::pki;
use crate::signers::message;
use crate::signers::officers::SignerPki;

/// How long a system waits for another's answer, unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(3);
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
    pub signers: Arc<SignerPki>,
}

/// What GPKI says of a signed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouched {
    /// The name in the signer's certificate (RFC 4514).
    Signer(String),
    /// Why not, in Korean.
    Refused(String),
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
        signers: Arc<SignerPki>,
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
        Ok(Peers { client: client.build()?, places, signers })
    }

    /// The public address of a system.
    pub fn base(&self, system: &str) -> &str {
        self.places.get(system).map(|place| place.base.as_str()).unwrap_or_default()
    }

    pub async fn get(&self, system: &str, path: &str) -> PeerAnswer {
        self.send(system, path, reqwest::Client::get, Bytes::new()).await
    }

    pub async fn post(&self, system: &str, path: &str, fields: &[(&str, &str)]) -> PeerAnswer {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(system, path, reqwest::Client::post, Bytes::from(body)).await
    }

    /// Has GPKI verify a signature of the calling system, which is a message that needs more than
    /// one full-size packet, as every real login does.
    pub async fn gpki_verifies(&self, caller: &str) -> Result<(), PeerFailed> {
        let wrong_form = || PeerFailed("GPKI 검증서버 응답 형식 오류".to_owned());
        let challenge = self.post("gpki", "/gpki/challenge", &[("serial", caller)]).await?;
        let challenge: serde_json::Value =
            serde_json::from_slice(&challenge).map_err(|_| wrong_form())?;
        let text = |key: &str| challenge[key].as_str().unwrap_or_default();
        let nonce = BASE64.decode(text("challenge")).map_err(|_| wrong_form())?;
        let message = message::signed(&nonce, &self.signers.server).ok_or_else(wrong_form)?;
        match self.gpki_vouches(text("txId"), &BASE64.encode(message)).await? {
            Vouched::Signer(_) => Ok(()),
            Vouched::Refused(why) => Err(PeerFailed(why)),
        }
    }

    /// Asks GPKI who has signed the answer to its challenge.
    pub async fn gpki_vouches(&self, challenge: &str, signed: &str) -> Result<Vouched, PeerFailed> {
        let fields = [("txId", challenge), ("signedData", signed)];
        let answer = self.post("gpki", "/gpki/verify", &fields).await?;
        let answer: serde_json::Value = serde_json::from_slice(&answer)
            .map_err(|_| PeerFailed("GPKI 검증서버 응답 형식 오류".to_owned()))?;
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        Ok(match answer["result"].as_str() {
            Some("OK") => Vouched::Signer(text("signer")),
            _ => Vouched::Refused(text("why")),
        })
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
