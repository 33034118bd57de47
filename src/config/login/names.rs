//! What `${...}` means in a login flow: secrets, certificates, what earlier steps captured, and
//! pipes. Everything resolves at load, so that a flow cannot find out at two in the morning that
//! a name was misspelt.

use std::collections::{BTreeMap, BTreeSet};

use super::{IdentityField, Pipe, Source, Value};
use crate::config::template::{self, Scope};
use crate::config::{ClientCert, Part};

/// What a flow adds to the names of its service.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct FlowNames {
    /// The probe that is being read.
    pub(in crate::config) probe: String,
    /// The step that is being read.
    pub(in crate::config) step: Option<String>,
    /// Captured by earlier steps.
    pub(in crate::config) captured: BTreeSet<String>,
    /// Captured by some step: by which.
    pub(in crate::config) by_step: BTreeMap<String, String>,
    /// Certificates; those that TLS can use with their files.
    pub(in crate::config) identities: BTreeMap<String, Option<ClientCert>>,
}

impl FlowNames {
    /// ` (probe login, step submit)`, for the end of a message.
    pub(in crate::config) fn place(&self) -> String {
        match &self.step {
            Some(step) => format!(" (probe {}, step {step})", self.probe),
            None => format!(" (probe {})", self.probe),
        }
    }
}

const PIPES: &[&str] = &[
    "totp",
    "sha256",
    "hex",
    "base64",
    "base64_decode",
    "base64url",
    "urlencode",
    "date:FORMAT",
    "uuid",
];

const FIELDS: &[(&str, IdentityField)] = &[
    ("serial", IdentityField::Serial),
    ("subject", IdentityField::Subject),
    ("issuer", IdentityField::Issuer),
];

/// Understands what stands between `${` and `}`.
pub(in crate::config) fn part<T>(
    inside: &str,
    scope: &Scope,
    secrets: Option<&BTreeMap<String, T>>,
) -> Result<Part, String> {
    let none = FlowNames::default();
    let flow = scope.flow.as_ref().unwrap_or(&none);
    let mut pieces = inside.split('|').map(str::trim);
    let name = pieces.next().unwrap_or_default();
    let mut pipes = pieces.map(pipe).collect::<Result<Vec<Pipe>, String>>()?;
    let source = match pipe(name) {
        // `${uuid}` and `${date:%Y%m%d}` need nothing before them.
        Ok(first @ (Pipe::Uuid | Pipe::Date(_))) if !scope.values.contains_key(name) => {
            pipes.insert(0, first);
            Source::Text(String::new())
        }
        _ => source(name, scope, flow, secrets)?,
    };
    let totp = pipes.iter().position(|pipe| *pipe == Pipe::Totp);
    let behind_secret = matches!(source, Source::Secret(_));
    if totp.is_some_and(|at| at > 0 || !behind_secret) {
        return Err("totp stands directly behind a secret: ${secret.NAME | totp}".into());
    }
    Ok(match (source, pipes.is_empty()) {
        (Source::Text(text), true) => Part::Text(text),
        (Source::Secret(name), true) => Part::Secret(name),
        (source, _) => Part::Value(Box::new(Value { source, pipes })),
    })
}

fn pipe(text: &str) -> Result<Pipe, String> {
    Ok(match text {
        "totp" => Pipe::Totp,
        "sha256" => Pipe::Sha256,
        "hex" => Pipe::Hex,
        "base64" => Pipe::Base64,
        "base64_decode" => Pipe::Base64Decode,
        "base64url" => Pipe::Base64Url,
        "urlencode" => Pipe::UrlEncode,
        "uuid" => Pipe::Uuid,
        _ => match text.strip_prefix("date:") {
            Some(form) if !form.is_empty() => {
                let epoch = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
                jiff::fmt::strtime::format(form, &epoch)
                    .map_err(|error| format!("\"{text}\": not a strftime format: {error}"))?;
                Pipe::Date(form.to_owned())
            }
            _ => {
                let hint = read::hint_or_list(text, PIPES);
                return Err(format!("there is no pipe \"{text}\"{hint}"));
            }
        },
    })
}

fn source<T>(
    name: &str,
    scope: &Scope,
    flow: &FlowNames,
    secrets: Option<&BTreeMap<String, T>>,
) -> Result<Source, String> {
    if let Some(secret) = name.strip_prefix("secret.") {
        if let Some(secrets) = secrets.filter(|known| !known.contains_key(secret)) {
            let hint = read::hint(secret, secrets.keys().map(String::as_str));
            return Err(format!("no secret named \"{secret}\" under secrets{hint}"));
        }
        return Ok(Source::Secret(secret.into()));
    }
    if let Some(identity) = name.strip_prefix("identity.") {
        return self::identity(identity, flow);
    }
    if flow.captured.contains(name) {
        return Ok(Source::Capture(name.into()));
    }
    if let Some(step) = flow.by_step.get(name) {
        return Err(format!(
            "\"{name}\" is captured by step {step}, which has not been done at this point; only \
             captures of earlier steps have a value"
        ));
    }
    if scope.values.contains_key(name) {
        return template::value(name, scope).map(|text| Source::Text(text.to_owned()));
    }
    let known = flow.captured.iter().chain(scope.values.keys()).map(String::as_str);
    let hint = read::hint(name, known);
    if hint.is_empty() {
        return template::value(name, scope).map(|text| Source::Text(text.to_owned()));
    }
    Err(format!("nothing is called \"${{{name}}}\"{hint}"))
}

fn identity(text: &str, flow: &FlowNames) -> Result<Source, String> {
    let Some((name, field)) = text.rsplit_once('.') else {
        return Err("write identity.NAME.serial, .subject or .issuer".into());
    };
    if !flow.identities.contains_key(name) {
        let hint = read::hint(name, flow.identities.keys().map(String::as_str));
        return Err(format!("no identity named \"{name}\" under identities{hint}"));
    }
    let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == field) else {
        let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
        let hint = read::hint_or_list(field, &names);
        return Err(format!("an identity has no \"{field}\"{hint}"));
    };
    Ok(Source::Identity(name.into(), *field))
}
