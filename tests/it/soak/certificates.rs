//! Certificates that are not as they should be, and some that differ in every handshake.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::pki::{Authority, Issued, Leaf, authority_info_access};

/// A certificate that is not as it should be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown {
    Expired,
    OtherName,
    Unknown,
    Deceptive,
    /// A chain of 32 that differs in one byte each time.
    Altered,
    /// Each time other addresses of its issuer, where nobody answers.
    SlowIssuers,
}

impl Shown {
    pub(super) const ALL: [(&str, Shown); 6] = [
        ("an expired certificate", Shown::Expired),
        ("another's name", Shown::OtherName),
        ("an unknown authority", Shown::Unknown),
        ("deceptive characters in a subject", Shown::Deceptive),
        ("a long chain that changes", Shown::Altered),
        ("slow issuers that change", Shown::SlowIssuers),
    ];
}

pub(super) struct Chains {
    pub(super) good: Arc<ServerConfig>,
    leaf: Issued,
    expired: Issued,
    other: Issued,
    unknown: Issued,
    deceptive: Issued,
    padding: CertificateDer<'static>,
    stranger: Authority,
    slow: SocketAddr,
}

impl Chains {
    pub(super) fn new(authority: Authority, slow: SocketAddr) -> Chains {
        let stranger = Authority::root("Stranger \u{202e}");
        let names: Vec<String> = (0..256).map(|number| format!("n{number}")).collect();
        let padding = CertificateParams::new(names).unwrap();
        let padding = padding.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let leaf = authority.issue(Leaf::named("127.0.0.1"));
        Chains {
            good: config(vec![der(&leaf)], &leaf),
            expired: authority.issue(Leaf::named("127.0.0.1").expired()),
            other: authority.issue(Leaf::named("other.probe.test")),
            unknown: stranger.issue(Leaf::named("127.0.0.1")),
            deceptive: authority
                .issue(Leaf::named("127.0.0.1").subject("fdp.\u{202e}exe\u{1b}[2J")),
            padding: padding.der().clone(),
            leaf,
            stranger,
            slow,
        }
    }

    pub(super) fn config(&self, shown: Shown, turn: usize) -> Arc<ServerConfig> {
        let one = |issued: &Issued| config(vec![der(issued)], issued);
        match shown {
            Shown::Expired => one(&self.expired),
            Shown::OtherName => one(&self.other),
            Shown::Unknown => one(&self.unknown),
            Shown::Deceptive => one(&self.deceptive),
            Shown::Altered => {
                let mut altered = self.padding.to_vec();
                let end = altered.len() - 4;
                altered[end..].copy_from_slice(&(turn as u32).to_be_bytes());
                let mut chain = vec![der(&self.leaf)];
                chain.extend(std::iter::repeat_n(self.padding.clone(), 30));
                chain.push(altered.into());
                config(chain, &self.leaf)
            }
            Shown::SlowIssuers => {
                let urls: Vec<String> =
                    (0..4).map(|place| format!("http://{}/{turn}/{place}", self.slow)).collect();
                let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
                let mut leaf = Leaf::named("127.0.0.1");
                leaf.params.custom_extensions.push(authority_info_access(&urls));
                one(&self.stranger.issue(leaf))
            }
        }
    }
}

fn der(issued: &Issued) -> CertificateDer<'static> {
    issued.der.clone().into()
}

fn config(chain: Vec<CertificateDer<'static>>, key_of: &Issued) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from_pem_slice(key_of.key_pem.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}
