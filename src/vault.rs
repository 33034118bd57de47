//! Reads secrets and writes them into templates, only for the hosts they are bound to.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{SecretRef, Template};
use crate::outcome::Failure;
use crate::secret::Secret;

/// The secrets of the configuration.
pub struct Vault {}

impl Vault {
    /// Nothing is read yet.
    pub fn new(secrets: &BTreeMap<Arc<str>, SecretRef>) -> Vault {
        let _ = secrets;
        unimplemented!()
    }

    /// Takes over the references of a reloaded configuration.
    pub fn replace(&self, secrets: &BTreeMap<Arc<str>, SecretRef>) {
        let _ = secrets;
        unimplemented!()
    }

    /// The text to send to `host`: `secret_missing` when a file is gone, `secret_host` when a
    /// secret is not bound to the host.
    pub fn render(&self, template: &Template, host: &str) -> Result<Secret, Failure> {
        let _ = (template, host);
        unimplemented!()
    }
}
