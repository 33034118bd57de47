//! The client's side of TLS, shared by all kinds of probes: trust, server name, certificate,
//! revocation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use read::Value;

use super::cache::PemUse;
use super::reading::{At, Fields};
use super::{ClientCert, Revocation, Roots, TlsClientOptions, TrustOptions, value};

/// Reads the keys of a kind's mapping over what was inherited.
pub(super) fn tls_client(fields: &Fields<'_>, inherited: TlsClientOptions) -> TlsClientOptions {
    TlsClientOptions {
        server_name: fields.parse("server_name", value::host).or(inherited.server_name),
        trust: fields.take("trust").and_then(|at| trust(&at)).unwrap_or(inherited.trust),
        client_cert: fields
            .take("client_cert")
            .and_then(|at| client_cert(&at))
            .or(inherited.client_cert),
        revocation: fields
            .take("revocation")
            .and_then(|at| revocation(&at))
            .unwrap_or(inherited.revocation),
        post_quantum: fields
            .take("post_quantum")
            .and_then(|at| at.flag())
            .unwrap_or(inherited.post_quantum),
        judgement: inherited.judgement,
        versions: inherited.versions,
    }
}

/// `trust: { roots: webpki | FILE | [webpki, FILE], intermediates: FILE }`.
pub(super) fn trust(at: &At<'_>) -> Option<Arc<TrustOptions>> {
    if matches!(at.node.value, Value::Text(_) | Value::List(_)) {
        at.problem(match at.written() {
            Some(file) => format!("expected a mapping, found text; write {{ roots: {file} }}"),
            None => "expected a mapping, found a list; write { roots: [...] }".to_owned(),
        });
        return None;
    }
    let fields = at.fields(&["roots", "intermediates"])?;
    if fields.present(&["roots", "intermediates"]).is_empty() && !fields.has_unknown() {
        at.problem("is empty; write roots: webpki, a PEM file, or both in a list");
    }
    let roots = match fields.take("roots") {
        Some(at) => roots(&at)?,
        None => Roots::Webpki,
    };
    let intermediates = match fields.take("intermediates") {
        Some(at) => Some(pem(&at, PemUse::Certificates)?),
        None => None,
    };
    Some(at.reading.load.cache.trust(TrustOptions { roots, intermediates }))
}

fn roots(at: &At<'_>) -> Option<Roots> {
    let mut webpki = false;
    let mut file = None;
    for item in at.one_or_many() {
        if item.text()? == "webpki" {
            webpki = true;
        } else if file.replace(pem(&item, PemUse::Certificates)?).is_some() {
            item.problem("only one file can be named; put all roots into it");
        }
    }
    if let Some(file) = &file {
        advise_on_old_roots(at, file);
    }
    match (webpki, file) {
        (true, None) => Some(Roots::Webpki),
        (false, Some(file)) => Some(Roots::File(file)),
        (true, Some(file)) => Some(Roots::Both(file)),
        (false, None) => {
            at.problem("is an empty list; nobody would be trusted");
            None
        }
    }
}

/// Probes whose chain ends at such a root are degraded; here one learns of it before.
fn advise_on_old_roots(at: &At<'_>, file: &Path) {
    for fault in at.reading.load.cache.old_roots(at.reading.load.files, file) {
        at.reading.load.advise(format!("{}: {}", file.display(), fault.detail));
    }
}

/// `client_cert: { cert: FILE, key: FILE }`.
///
/// In a login flow it may also be the name of one of its identities.
fn client_cert(at: &At<'_>) -> Option<ClientCert> {
    if let (Some(flow), Some(_)) = (&at.reading.scope.flow, at.written()) {
        let name = at.text()?;
        let Some(known) = flow.identities.get(&*name) else {
            let hint = read::hint(&name, flow.identities.keys().map(String::as_str));
            at.problem(format!("no identity named \"{name}\" under identities{hint}"));
            return None;
        };
        return known.client_cert.clone();
    }
    let fields = at.fields(&["cert", "key"])?;
    let cert = fields.need("cert").and_then(|at| pem(&at, PemUse::Certificates));
    let key = fields.need("key").and_then(|at| pem(&at, PemUse::Key));
    Some(ClientCert { cert: cert?, key: key? })
}

/// A PEM file that is there and holds what it should.
pub(super) fn pem(at: &At<'_>, want: PemUse) -> Option<PathBuf> {
    let path = at.reading.document.resolve(&at.parse(read::some_text)?);
    at.settle(at.reading.load.cache.pem(at.reading.load.files, &path, want))?;
    Some(path)
}

/// `off`, `soft`, `hard`.
pub(super) fn revocation(at: &At<'_>) -> Option<Revocation> {
    at.parse(value::word(&[
        ("off", Revocation::Off),
        ("soft", Revocation::Soft),
        ("hard", Revocation::Hard),
    ]))
}
