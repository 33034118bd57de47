//! `${name}` in the file's text: site columns and variables are filled in at load, secrets stay
//! references until a request is written. `$${` is a literal `${`. Nothing else is special, and
//! the environment is never expanded into the text.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::login::Source;
use super::login::names::{self, FlowNames};
use super::suggest;
use super::{Part, Template};

/// What `${name}` may mean at one place of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// `site`, `site.COLUMN` and variables.
    pub(super) values: BTreeMap<String, String>,
    /// The site that is being filled in.
    pub(super) site: Option<Arc<str>>,
    /// How many sites the service has.
    pub(super) sites: usize,
    /// Inside a login flow: what else has a name.
    pub(super) flow: Option<FlowNames>,
}

/// A piece of a text.
#[derive(Debug, PartialEq)]
enum Piece<'t> {
    Text(&'t str),
    Name(&'t str),
}

/// Splits at `${...}`.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            // `$${` is `${`: keep all but the first of the dollars.
            pieces.push(Piece::Text(&rest[..start - 1]));
            pieces.push(Piece::Text("${"));
            rest = &rest[start + 2..];
            continue;
        }
        pieces.push(Piece::Text(&rest[..start]));
        let Some(length) = rest[start..].find('}') else {
            return Err("\"${\" without a closing \"}\"; write \"$${\" for the characters \
                        themselves"
                .into());
        };
        pieces.push(Piece::Name(rest[start + 2..start + length].trim()));
        rest = &rest[start + length + 1..];
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// Whether a text has anything to fill in.
pub(super) fn is_plain(text: &str) -> bool {
    !text.contains("${")
}

/// Fills in everything; a secret may not stand here.
pub(super) fn fill(text: &str, scope: &Scope) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    for piece in pieces(text)? {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Name(name) if name.starts_with("secret.") => {
                return Err("a secret cannot stand here; secrets may stand in headers, body, \
                            form, json, basic_auth and bearer"
                    .into());
            }
            Piece::Name(name) => filled.push_str(value(name, scope)?),
        }
    }
    Ok(filled)
}

/// Fills in everything but secrets, which must be among `secrets` unless these are not known.
pub(super) fn compile<T>(
    text: &str,
    scope: &Scope,
    secrets: Option<&BTreeMap<String, T>>,
) -> Result<Template, String> {
    let mut parts: Vec<Part> = Vec::new();
    for piece in pieces(text)? {
        let text = match piece {
            Piece::Text(text) => text,
            Piece::Name(name) => match name.strip_prefix("secret.") {
                _ if scope.flow.is_some() => {
                    match names::part(name, scope, secrets)? {
                        Part::Text(text) => push(&mut parts, &text),
                        part => parts.push(part),
                    }
                    continue;
                }
                None => value(name, scope)?,
                Some(secret) => {
                    if let Some(secrets) = secrets.filter(|known| !known.contains_key(secret)) {
                        let hint = suggest::hint(secret, secrets.keys().map(String::as_str));
                        return Err(format!("no secret named \"{secret}\" under secrets{hint}"));
                    }
                    parts.push(Part::Secret(secret.into()));
                    continue;
                }
            },
        };
        push(&mut parts, text);
    }
    Ok(Template { parts })
}

fn push(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(last)) => last.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// Looks a name up.
pub(super) fn value<'s>(name: &str, scope: &'s Scope) -> Result<&'s str, String> {
    if let Some(value) = scope.values.get(name) {
        return Ok(value);
    }
    if name.contains('|') {
        return Err(format!("\"${{{name}}}\": pipes belong to login flows"));
    }
    if scope.site.is_none() && (name == "site" || name.starts_with("site.")) {
        return Err(format!("\"${{{name}}}\" has a value only in a service with for_each"));
    }
    if !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
        return Err(format!(
            "\"${{{name}}}\": the environment is not expanded here; declare it under secrets, as \
             {{ env: {name} }}"
        ));
    }
    let hint = suggest::hint(name, scope.values.keys().map(String::as_str));
    let hint = if !hint.is_empty() {
        hint
    } else if scope.values.is_empty() {
        "; known here: secret.NAME".into()
    } else {
        let names: Vec<&str> = scope.values.keys().take(12).map(String::as_str).collect();
        format!("; known here: {}", names.join(", "))
    };
    Err(format!("nothing is called \"${{{name}}}\"{hint}"))
}

impl Template {
    /// A text without references.
    pub(super) fn plain(text: impl Into<String>) -> Template {
        Template { parts: vec![Part::Text(text.into())] }
    }

    /// The names of the secrets in it.
    pub fn secrets(&self) -> impl Iterator<Item = &Arc<str>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Secret(name) => Some(name),
            Part::Value(value) => match &value.source {
                Source::Secret(name) => Some(name),
                _ => None,
            },
            Part::Text(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let values = [("site", "seocho"), ("site.host", "www.seocho.example")];
        Scope {
            values: values.map(|(k, v)| (k.into(), v.into())).into(),
            site: Some("seocho".into()),
            sites: 2,
            flow: None,
        }
    }

    #[test]
    fn names_are_filled_in_and_doubled_dollars_are_literal() {
        let filled = fill("https://${site.host}/${ site }?a=$${site}$", &scope()).unwrap();
        assert_eq!(filled, "https://www.seocho.example/seocho?a=${site}$");
        assert!(fill("${site", &scope()).is_err());
        assert!(fill("${site.hots}", &scope()).unwrap_err().contains("did you mean \"site.host\""));
    }

    #[test]
    fn secrets_stay_references_and_texts_are_joined() {
        let secrets = BTreeMap::from([("pw".to_owned(), ())]);
        let template = compile("a ${site} ${secret.pw}!", &scope(), Some(&secrets)).unwrap();
        assert_eq!(
            template.parts,
            [Part::Text("a seocho ".into()), Part::Secret("pw".into()), Part::Text("!".into())]
        );
        assert!(fill("${secret.pw}", &scope()).is_err());
        assert!(compile("${secret.py1}", &scope(), Some(&secrets)).is_err());
    }
}
