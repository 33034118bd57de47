//! ID tokens signed with a shared secret: JWS compact form, HS256 (RFC 7515, RFC 7518 section 3.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use sha2::{Digest, Sha256};

/// Block size of SHA-256, which RFC 2104 pads the key to.
const BLOCK: usize = 64;

/// The secret that a portal shares with the identity provider.
pub fn client_secret(client: &str) -> String {
    format!("lab-client-secret-of-{client}")
}

pub fn sign(claims: &serde_json::Value, secret: &str) -> String {
    let header = BASE64URL.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", BASE64URL.encode(claims.to_string()));
    let signature = BASE64URL.encode(hmac_sha256(secret.as_bytes(), signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The claims of a token, if its signature is by `secret`.
pub fn verify(token: &str, secret: &str) -> Option<serde_json::Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let wanted = BASE64URL.encode(hmac_sha256(secret.as_bytes(), signed.as_bytes()));
    if signature != wanted {
        return None;
    }
    let (_, claims) = signed.split_once('.')?;
    serde_json::from_slice(&BASE64URL.decode(claims).ok()?).ok()
}

/// The code challenge of method S256 for a verifier (RFC 7636 section 4.2).
pub fn s256(verifier: &str) -> String {
    BASE64URL.encode(Sha256::digest(verifier))
}

/// RFC 2104.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36)).chain_update(message);
    let outer = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner.finalize()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_gives_the_values_of_rfc_4231() {
        let hex = |bytes: [u8; 32]| base::hex::encode(&bytes);
        assert_eq!(
            hex(hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(hmac_sha256(
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn a_code_challenge_is_that_of_rfc_7636() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(s256(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_token_of_another_secret_is_refused() {
        let token = sign(&serde_json::json!({ "sub": "kim" }), "one");
        assert_eq!(verify(&token, "one").unwrap()["sub"], "kim");
        assert_eq!(verify(&token, "two"), None);
        assert_eq!(verify("x", "one"), None);
    }
}
