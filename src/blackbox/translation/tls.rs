//! `tls_config`.

use super::super::tls::TlsConfig;
use super::{Translation, readable};
use crate::yaml_text::Yaml;

/// Sets what both kinds of probes have, and notes what neither has.
pub(super) fn set(made: &mut Translation, config: &TlsConfig) -> Result<(), String> {
    if !config.server_name.is_empty() {
        made.set("server_name", Yaml::text(&config.server_name));
    }
    let path = |file: &str| readable(file).map(|path| Yaml::text(path.display().to_string()));
    if !config.ca_file.is_empty() {
        made.set("trust", Yaml::one("roots", path(&config.ca_file)?));
    }
    if !config.cert_file.is_empty() {
        let pair =
            [("cert".into(), path(&config.cert_file)?), ("key".into(), path(&config.key_file)?)];
        made.set("client_cert", Yaml::Map(pair.into()));
    }
    if config.insecure_skip_verify {
        made.note(
            "tls_config.insecure_skip_verify: certificates are always verified here; for one of an \
             authority of your own write trust: { roots: FILE }",
        );
    }
    if config.max_version == "TLS12" {
        made.note("tls_config.max_version: TLS 1.3 is spoken, too");
    }
    Ok(())
}
