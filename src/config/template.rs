//! `${name}` in the file's text: site columns and variables are filled in at load, secrets stay
//! references until a request is written. `$${` is a literal `${`. Nothing else is special, and
//! the environment is never expanded into the text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::login::Source;
use super::login::names::{self, FlowNames};
use super::{Part, Template};

/// Of what names add to one text. The longest values are bodies of requests, which are written in
/// the file itself; variables made of variables that double at every step end here.
pub(super) const FILLED_MAX: usize = 64 << 10;

/// Of the filled-in texts of a whole load. 17,000 probes with thirty values of 100 bytes are
/// 50 MiB; this ends many texts that are each just short of [`FILLED_MAX`].
pub(super) const FILLED_TOTAL_MAX: usize = 256 << 20;

/// What `${name}` may mean at one place of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// `site`, `site.COLUMN` and variables.
    pub(super) values: BTreeMap<String, String>,
    /// The site that is being filled in.
    pub(super) site: Option<Arc<str>>,
    /// Names whose values could not be read, which has been noted; `site` stands for its columns
    /// too.
    pub(super) unknown: BTreeSet<String>,
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

/// Takes what a name adds from what may still be added.
fn spend(left: &mut usize, added: &str) -> Result<(), String> {
    *left = left.checked_sub(added.len()).ok_or_else(|| {
        format!(
            "its ${{...}} come to more than {} KiB; shorten the variables or columns it names",
            FILLED_MAX >> 10
        )
    })?;
    Ok(())
}

/// Whether a text names something that could not be read, so that nothing can be said of it.
pub(super) fn is_unknown(text: &str, scope: &Scope) -> bool {
    let unknown = |name: &str| {
        let name = name.split('|').next().unwrap_or_default().trim();
        scope.unknown.contains(name.split('.').next().unwrap_or_default())
    };
    !scope.unknown.is_empty()
        && pieces(text).is_ok_and(|pieces| {
            pieces.iter().any(|piece| matches!(piece, Piece::Name(name) if unknown(name)))
        })
}

/// Fills in everything; a secret may not stand here.
pub(super) fn fill(text: &str, scope: &Scope) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut left = FILLED_MAX;
    for piece in pieces(text)? {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Name(name) if name.starts_with("secret.") => {
                return Err("a secret cannot stand here; secrets may stand in headers, body, \
                            form, json, basic_auth and bearer"
                    .into());
            }
            Piece::Name(name) => {
                let value = value(name, scope)?;
                spend(&mut left, value)?;
                filled.push_str(value);
            }
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
    let mut left = FILLED_MAX;
    for piece in pieces(text)? {
        let text = match piece {
            Piece::Text(text) => text,
            Piece::Name(name) => match name.strip_prefix("secret.") {
                _ if scope.flow.is_some() => {
                    match names::part(name, scope, secrets)? {
                        Part::Text(text) => {
                            spend(&mut left, &text)?;
                            push(&mut parts, &text);
                        }
                        part => {
                            if let Part::Value(value) = &part
                                && let Source::Text(text) = &value.source
                            {
                                spend(&mut left, text)?;
                            }
                            parts.push(part);
                        }
                    }
                    continue;
                }
                None => {
                    let value = value(name, scope)?;
                    spend(&mut left, value)?;
                    value
                }
                Some(secret) => {
                    if let Some(secrets) = secrets.filter(|known| !known.contains_key(secret)) {
                        let hint = read::hint(secret, secrets.keys().map(String::as_str));
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
    let hint = read::hint(name, scope.values.keys().map(String::as_str));
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
    /// Bytes of the file's text in it, names filled in.
    pub(super) fn filled_len(&self) -> usize {
        let lengths = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.len(),
            Part::Value(value) => match &value.source {
                Source::Text(text) => text.len(),
                _ => 0,
            },
            Part::Secret(_) => 0,
        });
        lengths.sum()
    }

    /// A text without references.
    pub fn plain(text: impl Into<String>) -> Template {
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
            unknown: BTreeSet::new(),
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
    fn what_names_add_to_a_text_has_a_limit() {
        let mut scope = scope();
        scope.values.insert("big".into(), "x".repeat(FILLED_MAX));
        assert_eq!(fill("a${big}", &scope).unwrap().len(), FILLED_MAX + 1);
        assert!(fill("${big}${site}", &scope).unwrap_err().contains("more than 64 KiB"));
        let none: Option<&BTreeMap<String, ()>> = None;
        assert!(compile("${big}${site}", &scope, none).is_err());
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
