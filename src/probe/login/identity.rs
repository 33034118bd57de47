//! What a run knows of its certificates: opened once, at its beginning, so that a renewed file
//! counts at the next run and no step waits for a key to be derived.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sign::signing_identity::SigningIdentity;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::login::LoginOptions;
use crate::outcome::{Failure, Reason};
use crate::probe::surroundings::Surroundings;
use crate::receiver::Receiver;
use crate::secret::Secret;
use crate::template::IdentityField;

/// The identities of a flow.
#[derive(Default)]
pub(super) struct Identities {
    opened: BTreeMap<Arc<str>, Result<Arc<SigningIdentity>, Failure>>,
    /// Where the flow goes: nobody else learns a random number of an owner's identification.
    hosts: BTreeSet<Receiver>,
}

impl Identities {
    /// Opens them all. One that cannot be opened fails the step that needs it.
    pub(super) async fn open(options: &LoginOptions, surroundings: &Surroundings) -> Identities {
        if options.identities.is_empty() {
            return Identities::default();
        }
        let mut opened = BTreeMap::new();
        for (name, identity) in &options.identities {
            opened.insert(name.clone(), surroundings.identities.open(name, identity).await);
        }
        Identities { opened, hosts: options.receivers() }
    }

    pub(super) fn get(&self, name: &str) -> Result<Arc<SigningIdentity>, Failure> {
        let missing = || {
            let detail = format!("identity {name} is not configured");
            Err(Failure::new(Reason::SecretMissing, detail))
        };
        self.opened.get(name).cloned().unwrap_or_else(missing)
    }

    /// A field of the named certificate, to be sent to a server.
    pub(super) fn field(
        &self,
        name: &str,
        field: IdentityField,
        to: &Receiver,
    ) -> Result<String, Failure> {
        let identity = self.get(name)?;
        let certificate = identity.certificate();
        let of_names = |of: fn(&X509Certificate<'_>) -> String| {
            let parsed = X509Certificate::from_der(certificate.der());
            parsed.map(|(_, parsed)| of(&parsed)).map_err(|_| {
                let detail = format!("the names in the certificate of {name} cannot be read");
                Failure::new(Reason::SecretMissing, detail)
            })
        };
        Ok(match field {
            IdentityField::SerialHex => certificate.serial_hex(),
            IdentityField::SerialDec => certificate.serial_dec(),
            IdentityField::Subject => of_names(|parsed| parsed.subject().to_string())?,
            IdentityField::Issuer => of_names(|parsed| parsed.issuer().to_string())?,
            IdentityField::Pem => certificate.pem(),
            IdentityField::Der => certificate.der_base64(),
            IdentityField::VidRandom => {
                if !self.hosts.iter().any(|bound| bound.covers(to)) {
                    let detail = format!(
                        "the VID random number of identity {name} is not for {to} and was not sent"
                    );
                    return Err(Failure::new(Reason::SecretHost, detail));
                }
                vid_random(&identity).ok_or_else(|| {
                    let detail = format!("the key of identity {name} has no VID random number");
                    Failure::new(Reason::SecretMissing, detail)
                })?
            }
        })
    }

    /// What is masked wherever text leaves the process.
    pub(super) fn private(&self) -> impl Iterator<Item = Secret> {
        let opened = self.opened.values().filter_map(|opened| opened.as_ref().ok());
        opened.filter_map(|identity| vid_random(identity)).map(Secret::new)
    }
}

fn vid_random(identity: &SigningIdentity) -> Option<String> {
    identity.key().vid_random().map(|random| BASE64.encode(random))
}
