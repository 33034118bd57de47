//! `oauth2`.

use super::super::http_module::HttpModule;
use super::super::oauth2::OAuth2;
use super::Translation;
use crate::yaml_text::Yaml;

/// Sets what an HTTP probe has for tokens. It asks for them as it asks for its target: through the
/// same proxy, and trusting the same authorities.
pub(super) fn set(
    made: &mut Translation,
    module: &HttpModule,
    oauth2: &OAuth2,
) -> Result<(), String> {
    let mut own_tls = module.tls_config.clone();
    own_tls.server_name.clear();
    if oauth2.tls_config != own_tls {
        return Err("oauth2.tls_config differs from tls_config, and a probe has one".to_owned());
    }
    if oauth2.proxy_keys() != module.proxy_keys() {
        return Err("oauth2 has another proxy than the module, and a probe has one".to_owned());
    }
    let mut params = oauth2.endpoint_params.iter().filter(|(name, value)| {
        (name.as_str(), value.0.expose()) != ("grant_type", "client_credentials")
    });
    if let Some((name, _)) = params.next() {
        return Err(format!("oauth2.endpoint_params.{name}: probes of ours send none such"));
    }
    let (given, file) = (oauth2.client_secret.as_ref(), &oauth2.client_secret_file);
    let secret = made.secret_of("client_secret", given, file)?;
    let mut entries = vec![
        ("token_url".to_owned(), Yaml::text(&oauth2.token_url)),
        ("client_id".to_owned(), Yaml::text(&oauth2.client_id)),
        ("client_secret".to_owned(), Yaml::Template(secret)),
    ];
    if !oauth2.scopes.is_empty() {
        entries.push(("scope".to_owned(), Yaml::text(oauth2.scopes.join(" "))));
    }
    made.set("oauth2", Yaml::Map(entries));
    made.note(
        "oauth2: the client is named in the header Authorization only, and the token is to be one of \
         type Bearer in JSON",
    );
    Ok(())
}
