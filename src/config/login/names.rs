//! What `${...}` means in a login flow: secrets, certificates, what earlier steps captured, and
//! pipes.

use crate::config::names::{FlowNames, KnownNames, Nameable};
use crate::template::{FlowSource, IdentityField, Part, Pipe};

const PIPES: &[(&str, Pipe)] = &[
    ("sha256", Pipe::Sha256),
    ("hex", Pipe::Hex),
    ("base64", Pipe::Base64),
    ("base64_decode", Pipe::Base64Decode),
    ("base64url", Pipe::Base64Url),
    ("urlencode", Pipe::UrlEncode),
];

const FIELDS: &[(&str, IdentityField)] = &[
    ("serial", IdentityField::Serial),
    ("subject", IdentityField::Subject),
    ("issuer", IdentityField::Issuer),
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
                pipes.push(pipe(word)?);
            }
        }
        Ok(match source {
            FlowSource::Text(text) if pipes.is_empty() => Part::Text(text),
            source => Part::Value { source, pipes },
        })
    }
}

/// `uuid` and `date:%Y%m%d`, which need nothing before them.
fn made(word: &str) -> Result<Option<FlowSource>, String> {
    Ok(match word.strip_prefix("date:") {
        None if word == "uuid" => Some(FlowSource::Uuid),
        Some(form) if !form.is_empty() => {
            let epoch = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
            jiff::fmt::strtime::format(form, &epoch)
                .map_err(|error| format!("\"{word}\": not a strftime format: {error}"))?;
            Some(FlowSource::Date(form.to_owned()))
        }
        _ => None,
    })
}

fn pipe(word: &str) -> Result<Pipe, String> {
    let found = PIPES.iter().find(|(name, _)| *name == word);
    found.map(|(_, pipe)| *pipe).ok_or_else(|| {
        let mut names = vec!["totp"];
        names.extend(PIPES.iter().map(|(name, _)| *name).chain(["date:FORMAT", "uuid"]));
        format!("there is no pipe \"{word}\"{}", read::hint_or_list(word, &names))
    })
}

fn source(name: &str, names: KnownNames<'_>) -> Result<FlowSource, String> {
    let scope = names.scope;
    let none = FlowNames::default();
    let flow = scope.flow.as_ref().unwrap_or(&none);
    if let Some(secret) = name.strip_prefix("secret.") {
        return names.secret(secret).map(FlowSource::Secret);
    }
    if let Some(identity) = name.strip_prefix("identity.") {
        return self::identity(identity, flow);
    }
    if flow.captured.contains(name) {
        return Ok(FlowSource::Capture(name.into()));
    }
    if let Some(step) = flow.by_step.get(name) {
        return Err(format!(
            "\"{name}\" is captured by step {step}, which has not been done at this point; only \
             captures of earlier steps have a value"
        ));
    }
    if !scope.values.contains_key(name) {
        let candidates = flow.captured.iter().chain(scope.values.keys()).map(String::as_str);
        let hint = read::hint(name, candidates);
        if !hint.is_empty() {
            return Err(format!("nothing is called \"${{{name}}}\"{hint}"));
        }
    }
    scope.value(name).map(FlowSource::Text)
}

fn identity(text: &str, flow: &FlowNames) -> Result<FlowSource, String> {
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
    Ok(FlowSource::Identity(name.into(), *field))
}
