//! The step that signs: what, by whom, and what becomes of the signature.

use std::path::Path;
use std::sync::Arc;

use sign::envelope::{self, EnvelopeCipher};
use sign::private_key::SignatureDigest;
use sign::signed_data::{ContentPlace, Embedded};
use sign::signer_certificate::SignerCertificate;

use crate::config::reading::{At, ConfigValue, Fields};
use crate::config::{Files, http, value};
use crate::template::{FlowSource, Template};

/// A server's certificate in PEM or DER.
const CERT_LIMIT: u64 = 256 << 10;

/// Keys that say something of a message around the signature.
const OF_MESSAGES: &[&str] = &["detached", "signed_attributes", "chain", "envelope"];

/// `sign: { with: officer, data: '${nonce}', as: signed }`
#[derive(Debug, Clone, PartialEq)]
pub struct SignAction {
    pub with: Arc<str>,
    /// What is signed. Holds no secret.
    pub data: Template<FlowSource>,
    /// The charset in which the texts of `data` are signed.
    pub charset: &'static encoding_rs::Encoding,
    pub digest: SignatureDigest,
    pub format: SignatureFormat,
    pub encode: SignatureEncoding,
    /// What later steps call the result.
    pub name: Arc<str>,
}

/// What is made of a signature.
#[derive(Debug, Clone, PartialEq)]
pub enum SignatureFormat {
    /// RSA PKCS#1 v1.5, or ECDSA in DER, alone.
    Raw,
    /// SignedData (RFC 5652).
    Cms {
        content: ContentPlace,
        attributes: SignedAttributes,
        certificates: Embedded,
        /// Encrypts the message to a server.
        envelope: Option<EnvelopeOptions>,
    },
}

/// Whether content type, time and digest are signed in the place of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedAttributes {
    Absent,
    Present,
}

/// `envelope: { to: server.pem, cipher: seed-cbc }`
#[derive(Debug, Clone, PartialEq)]
pub struct EnvelopeOptions {
    pub to: Arc<SignerCertificate>,
    pub cipher: EnvelopeCipher,
}

/// How the result is written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureEncoding {
    Base64,
    Base64Url,
    Hex,
}

pub(in crate::config) const KEYS: &[&str] = &[
    "with",
    "data",
    "charset",
    "format",
    "detached",
    "digest",
    "signed_attributes",
    "chain",
    "encode",
    "envelope",
    "as",
];

/// The format as the file names it, before the keys that belong to it are read.
#[derive(Clone, Copy, PartialEq)]
enum Format {
    Cms,
    Raw,
}

pub(super) fn sign(at: &At<'_>) -> Option<SignAction> {
    let fields = at.fields(KEYS)?;
    let digest = fields.parse(
        "digest",
        value::word(&[
            ("sha256", SignatureDigest::Sha256),
            ("sha384", SignatureDigest::Sha384),
            ("sha512", SignatureDigest::Sha512),
        ]),
    );
    let digest = digest.unwrap_or_default();
    let with = fields.need("with").and_then(|at| with(&at, digest));
    let data = fields.need("data").and_then(|at| data(&at));
    let name = fields.need("as").and_then(|at| at.parse(value::name));
    let format = fields.parse("format", value::word(&[("cms", Format::Cms), ("raw", Format::Raw)]));
    let format = match format.unwrap_or(Format::Cms) {
        Format::Raw => {
            for key in fields.present(OF_MESSAGES) {
                if let Some(at) = fields.take(key) {
                    at.problem(
                        "means nothing for a raw signature; remove it, or write format: cms",
                    );
                }
            }
            Some(SignatureFormat::Raw)
        }
        Format::Cms => cms(&fields),
    };
    let encode = fields.parse(
        "encode",
        value::word(&[
            ("base64", SignatureEncoding::Base64),
            ("base64url", SignatureEncoding::Base64Url),
            ("hex", SignatureEncoding::Hex),
        ]),
    );
    Some(SignAction {
        charset: fields.parse("charset", http::charset).unwrap_or(encoding_rs::UTF_8),
        digest,
        encode: encode.unwrap_or(SignatureEncoding::Base64),
        with: with?,
        data: data?,
        format: format?,
        name: name?.into(),
    })
}

fn cms(fields: &Fields<'_>) -> Option<SignatureFormat> {
    let flag = |key: &str| fields.take(key).and_then(|at| at.flag()).unwrap_or(false);
    let envelope = match fields.take("envelope") {
        Some(at) => Some(envelope(&at)?),
        None => None,
    };
    Some(SignatureFormat::Cms {
        content: if flag("detached") { ContentPlace::Detached } else { ContentPlace::Attached },
        attributes: if flag("signed_attributes") {
            SignedAttributes::Present
        } else {
            SignedAttributes::Absent
        },
        certificates: if flag("chain") { Embedded::Chain } else { Embedded::Own },
        envelope,
    })
}

/// An identity of the flow whose certificate is for signatures.
fn with(at: &At<'_>, digest: SignatureDigest) -> Option<Arc<str>> {
    let name = at.text()?;
    let known = at.reading.scope.flow.as_ref().map(|flow| &flow.identities);
    let Some(identity) = known.and_then(|known| known.get(&*name)) else {
        let names = known.into_iter().flat_map(|known| known.keys()).map(String::as_str);
        at.problem(format!(
            "no identity named \"{name}\" under identities{}",
            read::hint(&name, names)
        ));
        return None;
    };
    // What cannot be opened is a problem already.
    let identity = identity.opened.as_ref()?;
    if !identity.certificate().may_sign() {
        at.problem(
            "its certificate is not for signatures (key usage); of the two pairs in a GPKI or NPKI \
             folder take signCert.der and signPri.key, not those that begin with km or env",
        );
        return None;
    }
    if let Err(said) = identity.key().check(digest) {
        at.problem(said.to_string());
        return None;
    }
    Some(name.as_ref().into())
}

fn data(at: &At<'_>) -> Option<Template<FlowSource>> {
    let template: Template<FlowSource> = at.template()?;
    if template.is_credential() {
        at.problem("a secret cannot be signed: the message would show it to whoever reads it");
        return None;
    }
    Some(template)
}

fn envelope(at: &At<'_>) -> Option<EnvelopeOptions> {
    let fields = at.fields(&["to", "cipher"])?;
    let to = fields.need("to").and_then(|at| {
        let path = at.reading.document.resolve(&at.parse(read::some_text)?);
        at.settle(recipient(&path, at.reading.load.files))
    });
    let cipher = fields.parse(
        "cipher",
        value::word(&[
            ("seed-cbc", EnvelopeCipher::SeedCbc),
            ("aes128-cbc", EnvelopeCipher::Aes128Cbc),
            ("aes256-cbc", EnvelopeCipher::Aes256Cbc),
        ]),
    );
    Some(EnvelopeOptions { to: to?, cipher: cipher.unwrap_or_default() })
}

fn recipient(path: &Path, files: &dyn Files) -> Result<Arc<SignerCertificate>, String> {
    let file =
        files.read(path, CERT_LIMIT).map_err(|said| format!("{}: {said}", path.display()))?;
    let needs = "an envelope needs the service's certificate, with an RSA key";
    let wrong = |error| format!("{} {error}; {needs}", path.display());
    let mut certificates = SignerCertificate::read_all(&file).map_err(wrong)?;
    let certificate = certificates.swap_remove(0);
    envelope::check(&certificate).map_err(wrong)?;
    Ok(Arc::new(certificate))
}
