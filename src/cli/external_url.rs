//! Where people reach this daemon.

use url::Url;

/// `--web.external-url`. Whoever sets its variable for every host may leave it empty on some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalUrl(pub Option<Url>);

pub(super) fn external_url(text: &str) -> Result<ExternalUrl, String> {
    if text.is_empty() {
        return Ok(ExternalUrl(None));
    }
    let url = Url::parse(text).map_err(
        |_| "it is no URL; write scheme, host and path: https://ops.example.go.kr/bongsu",
    )?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{}:// is not http:// or https://", url.scheme()));
    }
    let is_plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    // A link that began with two slashes would lead to another host.
    if !is_plain || url.path().starts_with("//") {
        return Err("write only scheme, host and path: https://ops.example.go.kr/bongsu".into());
    }
    Ok(ExternalUrl(Some(url)))
}
