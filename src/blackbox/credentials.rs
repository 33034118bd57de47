//! Who a request says it is: `basic_auth`, `authorization`, `bearer_token`, `http_headers`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::go_values::{Hidden, is_default};
use crate::file_work::FileWork;
use crate::secret::Secret;

/// A secret, or the value of a header.
///
/// No row: the file is the operator's.
pub(super) const SECRET_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub(super) struct BasicAuth {
    #[serde(skip_serializing_if = "is_default")]
    pub(super) username: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) username_file: String,
    #[serde(skip_serializing_if = "is_default")]
    username_ref: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<Hidden>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) password_file: String,
    #[serde(skip_serializing_if = "is_default")]
    password_ref: String,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub(super) struct Authorization {
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credentials: Option<Hidden>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) credentials_file: String,
    #[serde(skip_serializing_if = "is_default")]
    credentials_ref: String,
}

/// The values of one header of `http_headers`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub(super) struct HeaderValues {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<Hidden>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<PathBuf>,
}

impl HeaderValues {
    /// Values, secrets, and files with one each.
    pub(super) fn parts(&self) -> (&[String], &[Hidden], &[PathBuf]) {
        (&self.values, &self.secrets, &self.files)
    }
}

impl BasicAuth {
    pub(super) fn beyond_us(&self) -> Option<String> {
        let is_managed = !self.username_ref.is_empty() || !self.password_ref.is_empty();
        is_managed.then(|| "basic_auth takes a secret from a secret manager".to_owned())
    }

    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        if !self.username.is_empty() && !self.username_file.is_empty() {
            return Some(("basic_auth", "has username and username_file; write one".into()));
        }
        (self.password.is_some() && !self.password_file.is_empty())
            .then(|| ("basic_auth", "has password and password_file; write one".into()))
    }

    pub(super) async fn header(&self, files: &FileWork) -> Result<HeaderValue, String> {
        let username = match self.username_file.as_str() {
            "" => Secret::new(self.username.as_str()),
            file => of_file(file, files).await?,
        };
        let password = secret(self.password.as_ref(), &self.password_file, files).await?;
        basic(username.expose(), password.expose())
    }
}

impl Authorization {
    pub(super) fn beyond_us(&self) -> Option<String> {
        let is_managed = !self.credentials_ref.is_empty();
        is_managed.then(|| "authorization takes a secret from a secret manager".to_owned())
    }

    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        if self.kind.trim().eq_ignore_ascii_case("basic") {
            return Some(("authorization.type", "is basic; write basic_auth instead".into()));
        }
        (self.credentials.is_some() && !self.credentials_file.is_empty())
            .then(|| ("authorization", "has credentials and credentials_file; write one".into()))
    }

    pub(super) async fn header(&self, files: &FileWork) -> Result<HeaderValue, String> {
        let kind = if self.kind.is_empty() { "Bearer" } else { self.kind.trim() };
        let credentials = secret(self.credentials.as_ref(), &self.credentials_file, files).await?;
        sensitive(format!("{kind} {}", credentials.expose()))
    }
}

/// `bearer_token`, an older spelling of `authorization`.
pub(super) async fn bearer(
    token: Option<&Hidden>,
    file: &str,
    files: &FileWork,
) -> Result<HeaderValue, String> {
    sensitive(format!("Bearer {}", secret(token, file, files).await?.expose()))
}

/// `Basic`, RFC 7617.
pub(super) fn basic(username: &str, password: &str) -> Result<HeaderValue, String> {
    sensitive(format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

/// What `http_headers` adds. All of it is taken for a credential, because some of it is.
pub(super) async fn more_headers(
    wanted: &BTreeMap<String, HeaderValues>,
    files: &FileWork,
) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, values) in wanted {
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| format!("{name:?} is no name of a header"))?;
        for value in &values.values {
            headers.append(&name, sensitive(value.clone())?);
        }
        for value in &values.secrets {
            headers.append(&name, sensitive(value.0.expose().to_owned())?);
        }
        for file in &values.files {
            let value = of_file(file, files).await?;
            headers.append(&name, sensitive(value.expose().to_owned())?);
        }
    }
    Ok(headers)
}

pub(super) async fn secret(
    given: Option<&Hidden>,
    file: &str,
    files: &FileWork,
) -> Result<Secret, String> {
    match (given, file) {
        (Some(given), _) => Ok(given.0.clone()),
        (None, "") => Ok(Secret::new("")),
        (None, file) => of_file(file, files).await,
    }
}

/// The text of a file without the white space around it, as Prometheus' programs read secrets. The
/// file is read again at each run: it may have been renewed.
async fn of_file(path: impl AsRef<Path>, files: &FileWork) -> Result<Secret, String> {
    let path = path.as_ref();
    let bytes = files.read(path, SECRET_BYTES_MAX).await;
    let bytes = bytes.map_err(|why| format!("{}: {why}", path.display()))?;
    let text =
        String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", path.display()))?;
    Ok(Secret::new(text.trim()))
}

pub(super) fn sensitive(text: String) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| "a value of a header has characters that none may have".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
