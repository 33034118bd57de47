//! What `${...}` names in a login flow: secrets, certificates, what earlier steps captured, values
//! that were set.

use jiff::tz::{self, TimeZone};

use super::pipes::{self, PIPES_MAX};
use crate::config::names::{FlowNames, KnownNames, Nameable};
use crate::template::{FlowSource, IdentityField, Part};

const FIELDS: &[(&str, IdentityField)] = &[
    ("serial", IdentityField::SerialHex),
    ("serial_hex", IdentityField::SerialHex),
    ("serial_dec", IdentityField::SerialDec),
    ("subject", IdentityField::Subject),
    ("issuer", IdentityField::Issuer),
    ("pem", IdentityField::Pem),
    ("der", IdentityField::Der),
    ("vid_random", IdentityField::VidRandom),
];

impl Nameable for FlowSource {
    fn read(inside: &str, names: KnownNames<'_>) -> Result<Part<FlowSource>, String> {
        let mut words = inside.split('|').map(str::trim);
        let name = words.next().unwrap_or_default();
        let mut source = match made(name)? {
            Some(made) if !names.scope.values.contains_key(name) => made,
            _ => source(name, names)?,
        };
        let mut pipes = Vec::new();
        for word in words {
            if word == "totp" {
                source = match source {
                    FlowSource::Secret(name) if pipes.is_empty() => FlowSource::Code(name),
                    _ => {
                        return Err(
                            "totp stands directly behind a secret: ${secret.NAME | totp}".into()
                        );
                    }
                };
            } else if let Some(made) = made(word)? {
                // It takes the place of whatever stands before it.
                source = made;
                pipes.clear();
            } else {
                pipes.push(pipes::pipe(word, names)?);
            }
        }
        if pipes.len() > PIPES_MAX {
            return Err(format!("has {} pipes; the most is {PIPES_MAX}", pipes.len()));
        }
        pipes::ends_as_text(&pipes)?;
        Ok(match source {
            FlowSource::Text(text) if pipes.is_empty() => Part::Text(text),
            source => Part::Value { source, pipes },
        })
    }
}

/// `uuid`, `date:%Y%m%d` and `date:Asia/Seoul %Y%m%d`, which need nothing before them.
fn made(word: &str) -> Result<Option<FlowSource>, String> {
    let Some(written) = word.strip_prefix("date:") else {
        return Ok((word == "uuid").then_some(FlowSource::Uuid));
    };
    let (zone, form) = zone_and_form(written)?;
    if form.is_empty() {
        return Err(format!("\"{word}\" has no format; write it as date:Asia/Seoul %Y%m%d%H%M%S"));
    }
    let epoch = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    jiff::fmt::strtime::format(form, &epoch)
        .map_err(|error| format!("\"{word}\": not a strftime format: {error}"))?;
    Ok(Some(FlowSource::Date(zone, form.to_owned())))
}

/// A first word that looks like a zone of the tz database is one.
fn zone_and_form(written: &str) -> Result<(Option<TimeZone>, &str), String> {
    let (first, rest) = written.trim().split_once(' ').unwrap_or((written.trim(), ""));
    let letters = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    let is_zone = first == "UTC" || first.contains('/') && first.chars().all(letters);
    if !is_zone {
        return Ok((None, written));
    }
    let zone = TimeZone::get(first).map_err(|_| {
        let names: Vec<String> = tz::db().available().map(|name| name.to_string()).collect();
        let hint = read::hint(first, names.iter().map(String::as_str));
        format!("no time zone is called \"{first}\"{hint}")
    })?;
    Ok((Some(zone), rest.trim_start()))
}

/// What a name without pipes stands for.
pub(super) fn source(name: &str, names: KnownNames<'_>) -> Result<FlowSource, String> {
    let scope = names.scope;
    let none = FlowNames::default();
    let flow = scope.flow.as_ref().unwrap_or(&none);
    if let Some(secret) = name.strip_prefix("secret.") {
        return names.secret(secret).map(FlowSource::Secret);
    }
    if let Some(identity) = name.strip_prefix("identity.") {
        return self::identity(identity, flow);
    }
    if flow.signed.contains(name) {
        return Ok(FlowSource::Signed(name.into()));
    }
    if flow.captured.contains(name) {
        return Ok(FlowSource::Capture(name.into()));
    }
    if let Some(set) = flow.set.get(name) {
        return Ok(set.clone());
    }
    if let Some(how) = flow.by_step.get(name) {
        return Err(format!(
            "\"{name}\" is {how}, which has not been done at this point; only captures of earlier \
             steps have a value"
        ));
    }
    if !scope.values.contains_key(name) && !names.is_secret(name) {
        let candidates = flow
            .captured
            .iter()
            .chain(flow.set.keys())
            .chain(scope.values.keys())
            .map(String::as_str);
        let hint = read::hint(name, candidates);
        if !hint.is_empty() {
            return Err(format!("nothing is called \"${{{name}}}\"{hint}"));
        }
    }
    names.value(name).map(FlowSource::Text)
}

fn identity(text: &str, flow: &FlowNames) -> Result<FlowSource, String> {
    let Some((name, field)) = text.rsplit_once('.') else {
        return Err("write identity.NAME.serial, or another of its fields".into());
    };
    let Some(identity) = flow.identities.get(name) else {
        let hint = read::hint(name, flow.identities.keys().map(String::as_str));
        return Err(format!("no identity named \"{name}\" under identities{hint}"));
    };
    let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == field) else {
        let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
        let hint = read::hint_or_list(field, &names);
        return Err(format!("an identity has no \"{field}\"{hint}"));
    };
    let key = identity.opened.as_ref().map(|identity| identity.key());
    if *field == IdentityField::VidRandom && key.is_some_and(|key| key.vid_random().is_none()) {
        return Err(format!(
            "the key of identity {name} has no VID random number among its attributes"
        ));
    }
    Ok(FlowSource::Identity(name.into(), *field))
}
