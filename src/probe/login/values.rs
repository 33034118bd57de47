//! What a run fills its templates in with: secrets for the host that will receive them, captured
//! values, one-time codes, facts of certificates.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::login::Identity;
use crate::outcome::{Failure, Reason};
use crate::probe::surroundings::Surroundings;
use crate::secret::Secret;
use crate::template::fill::Values;
use crate::template::{FlowSource, pipe};
use crate::vault::Vault;

use super::identity::Identities;
use super::lockout::admission::Codes;

/// Everything that a template of one step may name.
pub(super) struct StepValues<'v> {
    vault: &'v Vault,
    captured: &'v BTreeMap<Arc<str>, Secret>,
    codes: &'v Codes,
    identities: &'v Identities,
    /// The wall clock, since 1970.
    now: Duration,
}

/// The values of a run: what was captured, and what is masked beside the secrets of the
/// configuration.
pub(super) struct FlowValues {
    captured: BTreeMap<Arc<str>, Secret>,
    identities: Identities,
    private: Vec<Secret>,
}

impl FlowValues {
    pub(super) fn new(identities: &BTreeMap<Arc<str>, Identity>) -> FlowValues {
        let (captured, private) = (BTreeMap::new(), Vec::new());
        FlowValues { captured, identities: Identities::new(identities), private }
    }

    /// What is masked wherever text leaves the process.
    pub(super) fn private(&self) -> &[Secret] {
        &self.private
    }

    /// Masks a value from now on.
    pub(super) fn hide(&mut self, value: &Secret) {
        self.private.push(value.clone());
    }

    /// Keeps a captured value for later steps.
    pub(super) fn keep(&mut self, name: &Arc<str>, value: Secret) {
        self.captured.insert(name.clone(), value);
    }

    /// What the templates of a step are filled in with.
    pub(super) fn with<'v>(
        &'v self,
        surroundings: &'v Surroundings,
        codes: &'v Codes,
    ) -> StepValues<'v> {
        StepValues {
            vault: &surroundings.vault,
            captured: &self.captured,
            codes,
            identities: &self.identities,
            now: surroundings.accounts.now(),
        }
    }
}

impl Values<FlowSource> for StepValues<'_> {
    fn value(&self, source: &FlowSource, host: &str) -> Result<Secret, Failure> {
        match source {
            FlowSource::Text(text) => Ok(Secret::new(text.as_str())),
            FlowSource::Secret(name) => self.vault.reveal(name, host),
            FlowSource::Code(name) => {
                let code = self.codes.get(name).cloned();
                code.ok_or_else(|| internal(format!("no code was made for {name}")))
            }
            // Only after a failure: `finally` may name what was never captured.
            FlowSource::Capture(name) => self.captured.get(name).cloned().ok_or_else(|| {
                let said = format!("{name} was not captured, because its step was not done");
                Failure::new(Reason::CaptureMissing, said)
            }),
            FlowSource::Identity(name, field) => {
                self.identities.field(name, *field).map(Secret::new)
            }
            FlowSource::Date(form) => self.date(form).map(Secret::new),
            FlowSource::Uuid => Ok(Secret::new(uuid())),
        }
    }
}

impl StepValues<'_> {
    fn date(&self, form: &str) -> Result<String, Failure> {
        let now = i64::try_from(self.now.as_secs()).ok();
        let now = now.and_then(|now| jiff::Timestamp::from_second(now).ok()).unwrap_or_default();
        let zoned = now.to_zoned(jiff::tz::TimeZone::system());
        jiff::fmt::strtime::format(form, &zoned)
            .map_err(|error| internal(format!("date:{form}: {error}")))
    }
}

/// RFC 9562, version 4.
fn uuid() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness no TLS works; the identifier is then merely not unique.
    let _ = rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = pipe::hex(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn internal(detail: String) -> Failure {
    Failure::new(Reason::Internal, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(source: &FlowSource) -> Result<Secret, Failure> {
        let values = StepValues {
            vault: &Vault::default(),
            captured: &BTreeMap::from([("x".into(), Secret::new("00123"))]),
            codes: &Codes::from([("otp".into(), Secret::new("123456"))]),
            identities: &Identities::default(),
            now: Duration::from_secs(1_700_150_400),
        };
        values.value(source, "a.go.kr")
    }

    fn text(source: &FlowSource) -> String {
        value(source).ok().unwrap().expose().to_owned()
    }

    #[test]
    fn a_step_knows_what_its_templates_name() {
        assert_eq!(text(&FlowSource::Capture("x".into())), "00123");
        assert_eq!(text(&FlowSource::Code("otp".into())), "123456");
        assert_eq!(text(&FlowSource::Date("%Y".into())), "2023");
        let uuid = text(&FlowSource::Uuid);
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        assert_ne!(uuid, text(&FlowSource::Uuid));
    }

    #[test]
    fn what_was_not_captured_is_a_failure() {
        let failure = value(&FlowSource::Capture("y".into())).err().unwrap();
        assert_eq!(failure.reason, Reason::CaptureMissing);
    }
}
