//! What `${name}` means in the file's text. Everything resolves at load, so that a run cannot find
//! out at two in the morning that a name was misspelt: site columns and variables are filled in,
//! secrets stay references until a request is written.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use sign::signing_identity::SigningIdentity;

use super::{ClientCert, SecretRef};
use crate::template::{FlowSource, Part, SecretOnly, Source, Template, parse};

/// Of the filled-in texts of a whole load. 17,000 probes with thirty values of 100 bytes are
/// 50 MiB; this ends many texts that are each just short of [`parse::FILLED_MAX`].
pub(super) const FILLED_TOTAL_MAX: usize = 256 << 20;

/// What `${name}` may mean at one place of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// `site`, `site.COLUMN` and variables.
    pub(super) values: BTreeMap<String, String>,
    /// The site that is being filled in.
    pub(super) site: Option<Arc<str>>,
    /// KnownNames whose values could not be read, which has been noted; `site` stands for its columns
    /// too.
    pub(super) unknown: BTreeSet<String>,
    /// The service's own secrets by the name that is written, with the full one.
    pub(super) own_secrets: BTreeMap<String, Arc<str>>,
    /// How many sites the service has.
    pub(super) sites: usize,
    /// Inside a login flow: what else has a name.
    pub(super) flow: Option<FlowNames>,
}

impl Scope {
    pub(super) fn value(&self, name: &str) -> Result<String, String> {
        if let Some(value) = self.values.get(name) {
            return Ok(value.clone());
        }
        if name.contains('|') {
            let why = match self.flow {
                None => "pipes belong to login flows",
                Some(_) => "pipes cannot stand here",
            };
            return Err(format!("\"${{{name}}}\": {why}"));
        }
        if self.site.is_none() && (name == "site" || name.starts_with("site.")) {
            return Err(format!("\"${{{name}}}\" has a value only in a service with for_each"));
        }
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            return Err(format!(
                "\"${{{name}}}\": the environment is not expanded here; declare it under secrets, as \
                 {{ env: {name} }}"
            ));
        }
        let hint = read::hint(name, self.values.keys().map(String::as_str));
        let hint = if !hint.is_empty() {
            hint
        } else if self.values.is_empty() {
            "; known here: secret.NAME".into()
        } else {
            let names: Vec<&str> = self.values.keys().take(12).map(String::as_str).collect();
            format!("; known here: {}", names.join(", "))
        };
        Err(format!("nothing is called \"${{{name}}}\"{hint}"))
    }
}

/// What a flow adds to the names of its service.
#[derive(Debug, Clone, Default)]
pub(super) struct FlowNames {
    /// The probe that is being read.
    pub(super) probe: String,
    /// The step that is being read.
    pub(super) step: Option<String>,
    pub(super) captured: BTreeSet<String>,
    /// Named values that were set so far.
    pub(super) set: BTreeMap<String, FlowSource>,
    /// Captured or set by some step: how, as "captured by step page".
    pub(super) by_step: BTreeMap<String, String>,
    /// Signed by earlier steps; these are among the captured too.
    pub(super) signed: BTreeSet<String>,
    /// Certificates by name.
    pub(super) identities: BTreeMap<String, KnownIdentity>,
}

/// What a flow may do with a certificate that it names.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownIdentity {
    /// For TLS, when `client_cert` names it.
    pub(super) client_cert: Option<ClientCert>,
    /// `None` when it could not be opened, of which there is a problem already.
    pub(super) opened: Option<Arc<SigningIdentity>>,
}

impl FlowNames {
    /// ` (probe login, step submit)`, for the end of a message.
    pub(super) fn place(&self) -> String {
        match &self.step {
            Some(step) => format!(" (probe {}, step {step})", self.probe),
            None => format!(" (probe {})", self.probe),
        }
    }
}

/// What a text may name, and which secrets there are unless these are not known.
#[derive(Clone, Copy)]
pub(super) struct KnownNames<'a> {
    pub(super) scope: &'a Scope,
    pub(super) secrets: Option<&'a BTreeMap<String, SecretRef>>,
}

/// A kind of source that texts of the file may name.
pub(super) trait Nameable: Source + Sized {
    /// Understands what stands between `${` and `}`.
    fn read(inside: &str, names: KnownNames<'_>) -> Result<Part<Self>, String>;
}

/// Texts that are complete at load.
impl Nameable for Infallible {
    fn read(inside: &str, names: KnownNames<'_>) -> Result<Part<Self>, String> {
        if inside.starts_with("secret.") {
            let places = match names.scope.flow {
                None => "headers, body, form, json, basic_auth and bearer",
                Some(_) => {
                    "headers, query, body, form, json, basic_auth, bearer, set, the fields of \
                     submit and the stdin of exec"
                }
            };
            return Err(format!("a secret cannot stand here; secrets may stand in {places}"));
        }
        names.scope.value(inside).map(Part::Text)
    }
}

impl Nameable for SecretOnly {
    fn read(inside: &str, names: KnownNames<'_>) -> Result<Part<Self>, String> {
        match inside.strip_prefix("secret.") {
            Some(name) if !name.contains('|') => {
                names.secret(name).map(|name| SecretOnly(name).into())
            }
            _ => names.value(inside).map(Part::Text),
        }
    }
}

impl KnownNames<'_> {
    /// Whether a secret is declared under this name.
    pub(super) fn is_secret(&self, name: &str) -> bool {
        self.scope.own_secrets.contains_key(name)
            || self.secrets.is_some_and(|known| known.contains_key(name))
    }

    /// Looks a name up where a secret may stand, too.
    pub(super) fn value(&self, name: &str) -> Result<String, String> {
        self.scope.value(name).map_err(|said| {
            if self.is_secret(name) {
                format!("nothing is called \"${{{name}}}\"; did you mean \"${{secret.{name}}}\"?")
            } else {
                said
            }
        })
    }

    /// A secret that is declared.
    pub(super) fn secret(&self, name: &str) -> Result<Arc<str>, String> {
        let own = &self.scope.own_secrets;
        if let Some(full) = own.get(name) {
            return Ok(full.clone());
        }
        if let Some(secrets) = self.secrets.filter(|known| !known.contains_key(name)) {
            let hint = read::hint(name, own.keys().chain(secrets.keys()).map(String::as_str));
            return Err(format!("no secret named \"{name}\" under secrets{hint}"));
        }
        Ok(name.into())
    }
}

/// Whether a text names something that could not be read, so that nothing can be said of it.
pub(super) fn is_unknown(text: &str, scope: &Scope) -> bool {
    let unknown =
        |name: &str| scope.unknown.contains(name.trim().split('.').next().unwrap_or_default());
    // The value itself, and what its pipes name.
    let mut names = parse::references(text).flat_map(|inside| inside.split(['|', ':', ',']));
    !scope.unknown.is_empty() && names.any(unknown)
}

/// Fills in everything; a secret may not stand here.
pub(super) fn fill(text: &str, scope: &Scope) -> Result<String, String> {
    let names = KnownNames { scope, secrets: None };
    parse::parse(text, |inside| Infallible::read(inside, names)).map(Template::into_text)
}

/// Fills in what is known at load.
pub(super) fn compile<S: Nameable>(
    text: &str,
    names: KnownNames<'_>,
) -> Result<Template<S>, String> {
    parse::parse(text, |inside| S::read(inside, names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretSource;

    fn scope() -> Scope {
        let values = [("site", "seocho"), ("site.host", "www.seocho.example")];
        Scope {
            values: values.map(|(k, v)| (k.into(), v.into())).into(),
            site: Some("seocho".into()),
            unknown: BTreeSet::new(),
            own_secrets: BTreeMap::new(),
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

    fn compiled(text: &str, scope: &Scope) -> Result<Template, String> {
        let source = SecretSource::Env("PW".into());
        let secrets = BTreeMap::from([("pw".into(), SecretRef { source, hosts: Vec::new() })]);
        compile(text, KnownNames { scope, secrets: Some(&secrets) })
    }

    #[test]
    fn what_names_add_to_a_text_has_a_limit() {
        let mut scope = scope();
        scope.values.insert("big".into(), "x".repeat(parse::FILLED_MAX));
        assert_eq!(fill("a${big}", &scope).unwrap().len(), parse::FILLED_MAX + 1);
        assert!(fill("${big}${site}", &scope).unwrap_err().contains("more than 64 KiB"));
        assert!(compiled("${big}${site}", &scope).is_err());
    }

    #[test]
    fn secrets_stay_references_and_texts_are_joined() {
        let template = compiled("a ${site} ${secret.pw}!", &scope()).unwrap();
        let secret = Part::from(SecretOnly("pw".into()));
        let parts = [Part::Text("a seocho ".into()), secret, Part::Text("!".into())];
        assert_eq!(template.parts, parts);
        assert!(fill("${secret.pw}", &scope()).is_err());
        assert!(compiled("${secret.py1}", &scope()).is_err());
    }
}
