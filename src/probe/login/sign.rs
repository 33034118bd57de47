//! The step that signs: asks nobody, and blocks no other run.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use sign::envelope::enveloped_data;
use sign::error::SignError;
use sign::signed_data::{MessageForm, signed_data};
use sign::signing_identity::SigningIdentity;

use crate::config::login::LoginStep;
use crate::config::login::sign::{
    SignAction, SignatureEncoding, SignatureFormat, SignedAttributes,
};
use crate::outcome::{Failure, Reason};
use crate::secret::Secret;

use super::lockout::admission::Codes;
use super::progress::Progress;
use super::run::{LoginRun, StepFailure};

impl LoginRun<'_> {
    /// Signs, and keeps the result for later steps.
    pub(super) async fn sign(
        &mut self,
        step: &LoginStep,
        action: &SignAction,
    ) -> Result<(), StepFailure> {
        let identity = self.values.identity(&action.with)?;
        let now = self.context.surroundings.accounts.now();
        is_valid(&action.with, &identity, now)?;
        let codes = Codes::new();
        let values = self.values.with(self.context.surroundings, &codes);
        let data = action.data.fill_bytes(&values, action.charset)?;
        let wanted = action.clone();
        // Milliseconds of the processor, which other runs would wait for.
        let made = tokio::task::spawn_blocking(move || make(&identity, &data, &wanted, now));
        let failed = |why: String| {
            let detail = format!("identity {} could not sign: {why}", action.with);
            Failure::new(Reason::SignFailed, detail)
        };
        let made = made.await.map_err(|_| failed("the signing thread ended".to_owned()))?;
        let made = made.map_err(|error| failed(error.to_string()))?;
        let signed = Secret::new(encoded(&made, action.encode));
        // As good as a password until its challenge runs out.
        self.values.hide(&signed);
        self.values.keep(&action.name, signed);
        self.signers.push(action.with.clone());
        self.reached.set(step, Progress::Ok);
        Ok(())
    }

    /// Names the certificates that were signed with, where the failure is about one.
    pub(super) fn name_signers(&self, failure: &mut Failure) {
        if failure.reason == Reason::CertRejected && !self.signers.is_empty() {
            let names: Vec<&str> = self.signers.iter().map(|name| &**name).collect();
            failure.detail = format!("identity {}: {}", names.join(", "), failure.detail);
        }
    }
}

/// Our own certificate that has run out is no outage, and no server is asked what it thinks of it.
fn is_valid(name: &str, identity: &SigningIdentity, now: Duration) -> Result<(), Failure> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let certificate = identity.certificate();
    let (said, at) = if now > certificate.not_after() {
        ("our certificate expired at", certificate.not_after())
    } else if now < certificate.not_before() {
        ("our certificate is not valid before", certificate.not_before())
    } else {
        return Ok(());
    };
    let at = Timestamp::from_second(at).map(|at| at.to_string()).unwrap_or_default();
    let detail = format!("identity {name}: {said} {at}; nothing was signed");
    Err(Failure::new(Reason::CertRejected, detail))
}

fn make(
    identity: &SigningIdentity,
    data: &[u8],
    action: &SignAction,
    now: Duration,
) -> Result<Vec<u8>, SignError> {
    let SignatureFormat::Cms { content, attributes, certificates, envelope } = &action.format
    else {
        return identity.key().sign(data, action.digest);
    };
    let form = MessageForm {
        content: *content,
        digest: action.digest,
        signed_at: match attributes {
            SignedAttributes::Absent => None,
            SignedAttributes::Present => Some(now),
        },
        certificates: *certificates,
    };
    let message = signed_data(identity, data, form)?;
    match envelope {
        Some(envelope) => enveloped_data(&envelope.to, &message, envelope.cipher),
        None => Ok(message),
    }
}

fn encoded(bytes: &[u8], encoding: SignatureEncoding) -> String {
    match encoding {
        SignatureEncoding::Base64 => STANDARD.encode(bytes),
        SignatureEncoding::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
        SignatureEncoding::Hex => base::hex::encode(bytes),
    }
}
