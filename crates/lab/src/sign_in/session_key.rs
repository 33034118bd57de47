//! The RSA key of a session, as the pages have it that encrypt what is typed before they send it: new
//! with each view of the page, used up by the first answer, and of no use to another session.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use base::hex;

use crate::site::SystemSite;
use crate::site::sessions::SiteSession;

/// As the copies of a well-known article call the session's attribute.
const ATTRIBUTE: &str = "_RSA_WEB_Key_";
/// Modulus and exponent at the end of a SubjectPublicKeyInfo of 2048 bits: between them stand tag and
/// length of the exponent.
const MODULUS_BYTES: usize = 256;
const EXPONENT_BYTES: usize = 3;
const HEADER_BYTES: usize = 2;

/// What a page shows of a key, in hex.
pub struct ShownKey {
    pub modulus: String,
    pub exponent: String,
}

/// Makes a key for a session in place of an older one. `None` without randomness.
pub async fn renew(site: &SystemSite, session: &SiteSession) -> Option<ShownKey> {
    // It takes a good part of a second of a processor.
    let made = tokio::task::spawn_blocking(|| PrivateDecryptingKey::generate(KeySize::Rsa2048));
    let key = made.await.ok()?.ok()?;
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).ok()?;
    site.sessions.keep(&session.id, ATTRIBUTE, hex::encode(private.as_ref()));
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(&key.public_key()).ok()?;
    let (rest, exponent) = public.as_ref().split_last_chunk::<EXPONENT_BYTES>()?;
    let rest = rest.get(..rest.len().checked_sub(HEADER_BYTES)?)?;
    let (_, modulus) = rest.split_last_chunk::<MODULUS_BYTES>()?;
    Some(ShownKey { modulus: hex::encode(modulus), exponent: hex::encode(exponent) })
}

/// Takes the key of a session away. Whoever answers the page twice has none.
pub fn take(site: &SystemSite, session: &SiteSession) -> Option<SessionKey> {
    let private = hex::decode(session.value(ATTRIBUTE)?)?;
    site.sessions.keep(&session.id, ATTRIBUTE, "");
    let key = PrivateDecryptingKey::from_pkcs8(&private).ok()?;
    Some(SessionKey(Pkcs1PrivateDecryptingKey::new(key).ok()?))
}

pub struct SessionKey(Pkcs1PrivateDecryptingKey);

impl SessionKey {
    /// The text of a field, if it was encrypted with this key.
    pub fn decrypt(&self, field: &str) -> Option<String> {
        let mut room = vec![0; self.0.min_output_size()];
        let text = self.0.decrypt(&hex::decode(field)?, &mut room).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}
