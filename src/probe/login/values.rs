//! What a run fills its templates in with: secrets for the host that will receive them, captured
//! values, values that were set, one-time codes, facts of certificates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use parking_lot::Mutex;
use sign::signing_identity::SigningIdentity;

use crate::config::login::LoginOptions;
use crate::outcome::{Failure, Reason};
use crate::probe::surroundings::Surroundings;
use crate::receiver::Receiver;
use crate::secret::Secret;
use crate::secrets::SecretStore;
use crate::template::fill::Values;
use crate::template::{FlowSource, IdentityField, Source, Template};

use super::identity::Identities;
use super::lockout::admission::Codes;

/// Everything that a template of one step may name.
pub(super) struct StepValues<'v> {
    secrets: &'v SecretStore,
    flow: &'v FlowValues<'v>,
    codes: &'v Codes,
    /// The wall clock, since 1970.
    now: Duration,
}

/// The values of a run: what was captured and made, and what is masked beside the secrets of the
/// configuration.
pub(super) struct FlowValues<'a> {
    captured: BTreeMap<Arc<str>, Secret>,
    identities: Identities,
    /// How the values of `set` are made.
    set: &'a BTreeMap<Arc<str>, Template<FlowSource>>,
    learned: Mutex<Learned>,
}

/// What is learned while requests are written.
#[derive(Default)]
struct Learned {
    /// The values of `set` that were needed so far, each of which is made once in a run, and what
    /// programs gave.
    made: BTreeMap<Arc<str>, Secret>,
    /// Captures that are as good as secrets.
    captures: BTreeSet<Arc<str>>,
    /// Masked wherever text leaves the process. Bounded by what the flow's file says is captured
    /// and made.
    private: Vec<Secret>,
}

impl<'a> FlowValues<'a> {
    pub(super) fn new(options: &'a LoginOptions, identities: Identities) -> FlowValues<'a> {
        let learned = Learned { private: identities.private().collect(), ..Learned::default() };
        FlowValues {
            captured: BTreeMap::new(),
            identities,
            set: &options.set,
            learned: Mutex::new(learned),
        }
    }

    /// An identity of the flow.
    pub(super) fn identity(&self, name: &str) -> Result<Arc<SigningIdentity>, Failure> {
        self.identities.get(name)
    }

    /// What is masked wherever text leaves the process.
    pub(super) fn private(&self) -> Vec<Secret> {
        self.learned.lock().private.clone()
    }

    /// Masks a value from now on.
    pub(super) fn hide(&self, value: &Secret) {
        self.learned.lock().private.push(value.clone());
    }

    /// Masks a captured value, and whatever is made of it, from now on.
    pub(super) fn hide_capture(&self, name: &Arc<str>, value: &Secret) {
        self.hide(value);
        self.learned.lock().captures.insert(name.clone());
    }

    /// Masks what of a template was captured: it is sent as a credential.
    pub(super) fn hide_captures_of(&self, template: &Template<FlowSource>) {
        for source in template.sources() {
            if let FlowSource::Capture(name) = source
                && let Some(value) = self.captured.get(name)
            {
                self.hide_capture(name, value);
            }
        }
    }

    /// Keeps a captured value for later steps.
    pub(super) fn keep(&mut self, name: &Arc<str>, value: Secret) {
        self.captured.insert(name.clone(), value);
    }

    /// Keeps a value that a program gave, and masks it.
    pub(super) fn keep_made(&self, name: &Arc<str>, value: Secret) {
        self.hide_capture(name, &value);
        self.learned.lock().made.insert(name.clone(), value);
    }

    /// Forgets what was made of one-time codes: each step has its own.
    pub(super) fn begin_step(&self) {
        let of_code = |name: &Arc<str>| {
            let mut sources = self.set.get(name).into_iter().flat_map(Template::sources);
            sources.any(|source| matches!(source, FlowSource::Code(_)))
        };
        self.learned.lock().made.retain(|name, _| !of_code(name));
    }

    /// What the templates of a step are filled in with.
    pub(super) fn with<'v>(
        &'v self,
        surroundings: &'v Surroundings,
        codes: &'v Codes,
    ) -> StepValues<'v> {
        StepValues {
            secrets: &surroundings.secrets,
            flow: self,
            codes,
            now: surroundings.accounts.now(),
        }
    }
}

impl Values<FlowSource> for StepValues<'_> {
    fn value(&self, source: &FlowSource, to: &Receiver) -> Result<Secret, Failure> {
        match source {
            FlowSource::Text(text) => Ok(Secret::new(text.as_str())),
            FlowSource::Secret(name) => self.secrets.reveal(name, to),
            FlowSource::Code(name) => {
                let code = self.codes.get(name).cloned();
                code.ok_or_else(|| internal(format!("no code was made for {name}")))
            }
            // Only after a failure: `finally` may name what was never captured.
            FlowSource::Capture(name) | FlowSource::Signed(name) => {
                self.flow.captured.get(name).cloned().ok_or_else(|| not_captured(name))
            }
            FlowSource::Identity(name, field) => {
                self.flow.identities.field(name, *field, to).map(Secret::new)
            }
            FlowSource::Date(zone, form) => self.date(zone.as_ref(), form).map(Secret::new),
            FlowSource::Uuid => Ok(Secret::new(uuid())),
            FlowSource::Made(name, roots) => self.made(name, roots, to),
        }
    }

    fn is_private(&self, source: &FlowSource) -> bool {
        source.roots().iter().any(|root| match root {
            FlowSource::Secret(_) | FlowSource::Code(_) | FlowSource::Signed(_) => true,
            FlowSource::Identity(_, IdentityField::VidRandom) => true,
            FlowSource::Capture(name) => self.flow.learned.lock().captures.contains(name),
            _ => false,
        })
    }

    fn learn(&self, made: Secret) {
        self.flow.hide(&made);
    }
}

impl StepValues<'_> {
    /// A value of `set` or of a program. Where its secrets may go is asked each time, although it is made once.
    fn made(
        &self,
        name: &Arc<str>,
        roots: &[FlowSource],
        to: &Receiver,
    ) -> Result<Secret, Failure> {
        for root in roots {
            match root {
                FlowSource::Secret(_) | FlowSource::Identity(..) => drop(self.value(root, to)?),
                FlowSource::Code(name) => drop(self.secrets.reveal(name, to)?),
                _ => {}
            }
        }
        if let Some(made) = self.flow.learned.lock().made.get(name) {
            return Ok(made.clone());
        }
        let template = self.flow.set.get(name);
        let template = template.ok_or_else(|| not_captured(name))?;
        let made = template.fill(self, to)?;
        if roots.iter().any(|root| self.is_private(root)) {
            self.learn(made.clone());
        }
        self.flow.learned.lock().made.insert(name.clone(), made.clone());
        Ok(made)
    }

    fn date(&self, zone: Option<&TimeZone>, form: &str) -> Result<String, Failure> {
        let now = jiff::SignedDuration::try_from(self.now).ok();
        let now = now.and_then(|now| jiff::Timestamp::from_duration(now).ok()).unwrap_or_default();
        let zoned = now.to_zoned(zone.cloned().unwrap_or_else(TimeZone::system));
        jiff::fmt::strtime::format(form, &zoned)
            .map_err(|error| internal(format!("date:{form}: {error}")))
    }
}

/// RFC 9562, version 4.
fn uuid() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness no TLS works; the identifier is then merely not unique.
    let _ = rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn not_captured(name: &str) -> Failure {
    let said = format!("{name} was not captured, because its step was not done");
    Failure::new(Reason::CaptureMissing, said)
}

fn internal(detail: String) -> Failure {
    Failure::new(Reason::Internal, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `${x}` and `${otp}` stand for, and how `set` makes values.
    fn value_with(
        source: &FlowSource,
        set: &BTreeMap<Arc<str>, Template<FlowSource>>,
    ) -> Result<Secret, Failure> {
        let flow = FlowValues {
            captured: BTreeMap::from([("x".into(), Secret::new("00123"))]),
            identities: Identities::default(),
            set,
            learned: Mutex::default(),
        };
        let codes = Codes::from([("otp".into(), Secret::new("123456"))]);
        let now = Duration::from_millis(1_700_150_400_123);
        let values =
            StepValues { secrets: &SecretStore::default(), flow: &flow, codes: &codes, now };
        let value = values.value(source, &Receiver::any_port("a.go.kr"));
        // Asked again, it is the same.
        if let (FlowSource::Made(..), Ok(first)) = (source, &value) {
            assert_eq!(
                values.value(source, &Receiver::any_port("a.go.kr")).ok().unwrap().expose(),
                first.expose()
            );
        }
        value
    }

    fn value(source: &FlowSource) -> Result<Secret, Failure> {
        value_with(source, &BTreeMap::new())
    }

    fn text(source: &FlowSource) -> String {
        value(source).ok().unwrap().expose().to_owned()
    }

    #[test]
    fn a_step_knows_what_its_templates_name() {
        assert_eq!(text(&FlowSource::Capture("x".into())), "00123");
        assert_eq!(text(&FlowSource::Code("otp".into())), "123456");
        assert_eq!(text(&FlowSource::Date(None, "%Y".into())), "2023");
        let uuid = text(&FlowSource::Uuid);
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        assert_ne!(uuid, text(&FlowSource::Uuid));
    }

    #[test]
    fn a_date_has_the_zone_that_it_names_and_milliseconds() {
        let seoul = TimeZone::get("Asia/Seoul").unwrap();
        let date = |form: &str| text(&FlowSource::Date(Some(seoul.clone()), form.into()));
        assert_eq!(date("%Y%m%d%H%M%S"), "20231117010000");
        assert_eq!(date("%s%3f"), "1700150400123");
    }

    #[test]
    fn a_value_that_was_set_is_made_once() {
        let uuid = Template { parts: vec![FlowSource::Uuid.into()] };
        let set = BTreeMap::from([("id".into(), uuid)]);
        let source = FlowSource::Made("id".into(), [FlowSource::Uuid].into());
        assert_eq!(value_with(&source, &set).ok().unwrap().expose().len(), 36);
    }

    #[test]
    fn what_was_not_captured_is_a_failure() {
        let failure = value(&FlowSource::Capture("y".into())).err().unwrap();
        assert_eq!(failure.reason, Reason::CaptureMissing);
    }
}
