//! `oauth2`: a token that a server of its own gives to programs (RFC 6749 section 4.4).

use std::sync::Arc;

use url::Url;

use super::headers::credential;
use super::reading::{At, ConfigValue};
use super::value::{self, UrlUse};
use crate::template::Template;

/// How an HTTP probe gets the token that its requests carry.
#[derive(Debug, Clone, PartialEq)]
pub struct OAuth2Options {
    /// Who is asked. http or https, without a fragment.
    pub token_url: Url,
    /// The name of the client.
    pub client_id: Template,
    pub client_secret: Template,
    /// Words with blanks between them; `None` leaves it to the server.
    pub scope: Option<String>,
}

impl OAuth2Options {
    /// Every template in it.
    pub fn templates(&self) -> [&Template; 2] {
        [&self.client_id, &self.client_secret]
    }

    /// The names of the secrets that are sent to the token server.
    pub fn secrets(&self) -> impl Iterator<Item = &Arc<str>> {
        self.templates().into_iter().flat_map(Template::secrets)
    }

    /// The host of the token server.
    pub fn host(&self) -> &str {
        self.token_url.host_str().unwrap_or_default()
    }
}

const TOKEN_SERVER: UrlUse = UrlUse {
    owner: Some("a token_url"),
    schemes: &["http", "https"],
    credentials: "client_secret takes a secret",
};

/// Reads the mapping under `oauth2`.
pub(super) fn oauth2(at: &At<'_>) -> Option<OAuth2Options> {
    let fields = at.fields(&["token_url", "client_id", "client_secret", "scope"])?;
    let token_url = fields.need("token_url");
    let token_url = token_url.and_then(|at| at.parse(|text| value::url(text, &TOKEN_SERVER)));
    let client_id = fields.need("client_id").and_then(|at| at.template());
    let client_secret = fields.need("client_secret").and_then(|at| credential(&at));
    let scope = fields.take("scope").and_then(|at| at.parse(scope));
    let mut token_url = token_url?;
    token_url.set_fragment(None);
    Some(OAuth2Options { token_url, client_id: client_id?, client_secret: client_secret?, scope })
}

/// RFC 6749 section 3.3.
fn scope(text: &str) -> Result<String, String> {
    let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    if text.is_empty() || !text.chars().all(allowed) {
        return Err(
            "a scope is words of ASCII with blanks between them, such as read status".into()
        );
    }
    Ok(text.to_owned())
}
