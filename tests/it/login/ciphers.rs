//! What is encrypted is decrypted by software that no one here wrote: the `openssl` command, and
//! JSEncrypt and CryptoJS under Node, which are what login pages themselves load.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bongsu::outcome::{Reason, Verdict};

use super::flow::{Flow, PASS, USER};
use super::third_party::node_says;
use crate::support::http::{Asked, Reply, RoutedSite, Routes};
use crate::support::openssl::openssl;

const KEY: &str = "000102030405060708090a0b0c0d0e0f";
const IV: &str = "101112131415161718191a1b1c1d1e1f";

/// A key as a server makes it for a session.
pub(super) struct Key(tempfile::TempDir);

impl Key {
    pub(super) fn new(bits: &str) -> Key {
        Key::made(&[bits])
    }

    /// By `openssl genrsa` with these arguments.
    pub(super) fn made(arguments: &[&str]) -> Key {
        let directory = tempfile::tempdir().unwrap();
        let made = ["genrsa", "-traditional", "-out", "key.pem"];
        openssl(directory.path(), &[&made, arguments].concat());
        Key(directory)
    }

    pub(super) fn modulus(&self) -> String {
        let said = openssl(self.0.path(), &["rsa", "-in", "key.pem", "-modulus", "-noout"]);
        said.trim().strip_prefix("Modulus=").unwrap().to_ascii_lowercase()
    }

    pub(super) fn public(&self) -> String {
        openssl(self.0.path(), &["rsa", "-in", "key.pem", "-pubout"])
    }

    pub(super) fn private(&self) -> String {
        fs::read_to_string(self.0.path().join("key.pem")).unwrap()
    }

    pub(super) fn decrypt(&self, ciphertext: &[u8], options: &[&str]) -> Vec<u8> {
        fs::write(self.0.path().join("sent"), ciphertext).unwrap();
        let mut arguments = vec!["pkeyutl", "-decrypt", "-inkey", "key.pem", "-in", "sent"];
        arguments.extend(["-out", "got"]);
        arguments.extend(options.iter().flat_map(|option| ["-pkeyopt", option]));
        openssl(self.0.path(), &arguments);
        fs::read(self.0.path().join("got")).unwrap()
    }

    pub(super) fn decrypt_blocks(&self, cipher: &str, ciphertext: &[u8]) -> Vec<u8> {
        self.decrypt_blocks_with(cipher, KEY, IV, ciphertext)
    }

    /// `openssl enc`, with the provider that still knows SEED.
    pub(super) fn decrypt_blocks_with(
        &self,
        cipher: &str,
        key: &str,
        iv: &str,
        ciphertext: &[u8],
    ) -> Vec<u8> {
        fs::write(self.0.path().join("sent"), ciphertext).unwrap();
        let providers = ["-provider", "legacy", "-provider", "default"];
        let mut arguments = vec!["enc", "-d", cipher, "-K", key, "-iv", iv, "-in", "sent"];
        arguments.extend(["-out", "got"]);
        arguments.extend(providers);
        openssl(self.0.path(), &arguments);
        fs::read(self.0.path().join("got")).unwrap()
    }
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

async fn site(page: String) -> RoutedSite {
    Routes::new()
        .on("GET", "/login", move |_| Reply::html(page.clone()))
        .on("POST", "/in", |_| Reply::html("<a href=/logout>로그아웃</a>"))
        .serve()
        .await
}

/// A page that gives a key in every form, and what is posted to it.
async fn posted(key: &Key) -> Asked {
    let spki: String = key.public().lines().filter(|line| !line.starts_with('-')).collect();
    let page = format!(
        "<input id=n value={}><input id=e value=10001><textarea id=pem>{}</textarea><i>{KEY}</i>\
         <u>{IV}</u><script>var spki = '{spki}';</script>",
        key.modulus(),
        key.public()
    );
    let site = site(page).await;
    let flow = format!(
        r#"base: {}
steps:
  - name: page
    get: /login
    capture:
      n: {{ css: '#n', attr: value }}
      e: {{ css: '#e', attr: value }}
      pem: {{ css: '#pem' }}
      spki: {{ regex: "spki = '(.+?)'" }}
      key: {{ css: i }}
      iv: {{ css: u }}
  - name: in
    post: /in
    form:
      hex: '${{secret.pass | rsa:n,e}}'
      base64: '${{secret.pass | rsa:spki | base64}}'
      pem: '${{secret.pass | rsa:pem,pkcs1}}'
      euc_kr: '${{secret.pass | euc_kr | rsa:n,e}}'
      oaep_sha1: '${{secret.pass | rsa:spki,oaep-sha1}}'
      oaep_sha256: '${{secret.pass | rsa:n,e,oaep-sha256 | hex}}'
      aes: '${{secret.pass | aes_cbc:key,iv,hex | base64}}'
      seed: '${{secret.pass | seed_cbc:key,iv,hex | hex}}'
      hmac: '${{secret.pass | hmac_sha256:key,hex}}'
      digest: '${{secret.pass | sha256 | base64}}'
      md5: '${{secret.pass | md5}}'
      sha512: '${{secret.pass | sha512 | upper}}'
    expect: {{ css: {{ 'a[href*=logout]': exists }} }}
"#,
        site.url("")
    );
    Flow::new(&flow).succeed().await;
    site.of("POST", "/in").remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_decrypts_what_a_page_would_encrypt() {
    for bits in ["1024", "2048"] {
        let key = Key::new(bits);
        let sent = posted(&key).await;
        let field = |name: &str| sent.field(name).unwrap();
        let of_hex = |name: &str, options: &[&str]| key.decrypt(&unhex(&field(name)), options);
        let pass = PASS.as_bytes();
        assert_eq!(field("hex").len(), bits.parse::<usize>().unwrap() / 4);
        assert_eq!(of_hex("hex", &[]), pass);
        assert_eq!(of_hex("pem", &[]), pass);
        assert_eq!(key.decrypt(&STANDARD.decode(field("base64")).unwrap(), &[]), pass);
        assert_eq!(of_hex("euc_kr", &[]), &*encoding_rs::EUC_KR.encode(PASS).0);
        let oaep = "rsa_padding_mode:oaep";
        assert_eq!(of_hex("oaep_sha1", &[oaep, "rsa_oaep_md:sha1"]), pass);
        let sha256 = [oaep, "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"];
        assert_eq!(of_hex("oaep_sha256", &sha256), pass);
        let aes = STANDARD.decode(field("aes")).unwrap();
        assert_eq!(key.decrypt_blocks("-aes-128-cbc", &aes), pass);
        assert_eq!(key.decrypt_blocks("-seed-cbc", &unhex(&field("seed"))), pass);
    }
}

/// The programs that pages load decrypt what we send, and would have sent what we send.
#[tokio::test(flavor = "multi_thread")]
async fn a_pages_own_scripts_agree() {
    let key = Key::new("1024");
    let sent = posted(&key).await;
    let field = |name: &str| sent.field(name).unwrap();
    let asked = serde_json::json!({
        "pem": key.private(),
        "message": PASS,
        "key": KEY,
        "iv": IV,
        "rsa_hex": field("hex"),
        "rsa_base64": field("base64"),
    });
    let said = node_says("page.mjs", &asked);
    assert_eq!(said["decrypted"], PASS);
    assert_eq!(said["decrypted_base64"], PASS);
    let form = |text: &str| {
        (text.len(), text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)))
    };
    assert_eq!(form(said["encrypted"].as_str().unwrap()), form(&field("hex")));
    for name in ["aes", "hmac", "digest", "md5", "sha512"] {
        assert_eq!(said[name], field(name), "{name}");
    }
}

/// Each recipe with a key that is made for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_recipes_for_encrypted_passwords_work() {
    let key = Key::new("1024");
    let (modulus, public) = (key.modulus(), key.public());
    let spki: String = public.lines().filter(|line| !line.starts_with('-')).collect();
    let shown = modulus.clone();
    let site = Routes::new()
        .on("GET", "/login.do", move |_| {
            Reply::html(format!(
                "<input type=hidden id=RSAModulus value={shown}><input type=hidden id=RSAExponent \
                 value=10001><form id=securedLoginForm method=post action=/login.do><input \
                 type=hidden name=USER_ID><input type=hidden name=USER_PW></form>"
            ))
        })
        .on("POST", "/login.do", |_| Reply::html("<a href=/logout.do>로그아웃</a>"))
        .on("GET", "/api/v1/common/rsa/getPublicKey", move |_| {
            super::tokens::json(&serde_json::json!({ "modulus": modulus, "exponent": "10001" }))
        })
        .on("POST", "/oauth/token", |_| {
            super::tokens::json(&serde_json::json!({ "access_token": "t-1" }))
        })
        .on("GET", "/api/v1/me", |asked| match asked.header("authorization") {
            Some("BEARER t-1") => super::tokens::json(&serde_json::json!({ "userId": USER })),
            _ => Reply::status(401),
        })
        .on("GET", "/crypto/public-key", move |_| {
            super::tokens::json(&serde_json::json!({ "publicKey": spki, "iv": IV, "key": KEY }))
        })
        .on("POST", "/login", |_| super::tokens::json(&serde_json::json!({ "result": "ok" })))
        .serve()
        .await;
    for recipe in ["rsa-form", "rsa-token", "rsa-oaep", "aes-cbc", "seed-cbc"] {
        Flow::of_recipe(recipe, &site.url("")).succeed().await;
    }
    let form = site.of("POST", "/login.do").remove(0);
    let got = |asked: &Asked, name: &str| key.decrypt(&unhex(&asked.field(name).unwrap()), &[]);
    assert_eq!(got(&form, "USER_ID"), USER.as_bytes());
    assert_eq!(got(&form, "USER_PW"), PASS.as_bytes());
    let token = site.of("POST", "/oauth/token").remove(0);
    assert_eq!(got(&token, "password"), PASS.as_bytes());
    let posts = site.of("POST", "/login");
    let of = |index: usize| {
        let sent = super::tokens::member(&posts[index], "password");
        STANDARD.decode(sent).unwrap()
    };
    let oaep = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"];
    assert_eq!(key.decrypt(&of(0), &oaep), PASS.as_bytes());
    assert_eq!(key.decrypt_blocks("-aes-128-cbc", &of(1)), PASS.as_bytes());
    assert_eq!(key.decrypt_blocks("-seed-cbc", &of(2)), PASS.as_bytes());
}

/// The page has changed; nobody's password is wrong.
#[tokio::test]
async fn a_page_without_a_good_key_is_no_bad_password() {
    let good = "f".repeat(256);
    for (n, e, said) in [
        ("", "10001", "the modulus is no number in hex"),
        ("0123456789abcdef", "10001", "the key has 57 bits; 512 to 8192 are taken"),
        (&*good.replace('f', "e"), "10001", "the modulus is even, so it is none"),
        (&*good, "1", "the exponent is not an odd number from 3 on of at most 64 bits"),
    ] {
        let site = site(format!("<input id=n value='{n}'><input id=e value='{e}'>")).await;
        let flow = Flow::new(&format!(
            "base: {}\nsteps:\n  - {{ name: page, get: /login, capture: {{ n: {{ css: '#n', attr: \
             value }}, e: {{ css: '#e', attr: value }} }} }}\n  - name: in\n    post: /in\n    form: \
             {{ pw: '${{secret.pass | rsa:n,e}}' }}\n    expect: {{ css: {{ 'a[href*=logout]': \
             exists }} }}\n",
            site.url("")
        ));
        let outcome = flow.run().await;
        assert_eq!(outcome.verdict(), Verdict::Down);
        let failure = outcome.result.err().unwrap();
        assert_eq!((failure.reason, failure.detail.as_str()), (Reason::CaptureMissing, said));
        assert!(site.of("POST", "/in").is_empty());
    }
}

/// A key in the file is ours to get right, and is looked at when the file is read.
#[test]
fn a_key_of_the_file_is_checked_at_load() {
    for (pipe, said) in [
        ("rsa:n,one", "rsa: the exponent is not an odd number from 3 on of at most 64 bits"),
        ("rsa:one", "rsa: the key is neither PEM nor base64"),
        ("rsa:n,e,oaep", "write rsa:MODULUS,EXPONENT with the names of values in hex"),
        ("aes_cbc:one,iv,hex", "aes_cbc: the key is not hex"),
        ("aes_cbc:n,iv,hex", "aes_cbc: the key has 128 bytes; 16, 24 or 32 are needed"),
        ("seed_cbc:iv,n,hex", "seed_cbc: the IV has 128 bytes; 16 are needed"),
        ("seed_cbc:iv,iv,hex", "its last pipe gives bytes and no text; add | base64 or | hex"),
    ] {
        let error = Flow::refused(&format!(
            "base: https://a.go.kr\nset: {{ n: '{}', one: '1', e: '10001', iv: '{IV}' }}\nsteps:\n  \
             - {{ name: s, post: /, body: '${{secret.pass | {pipe}}}', expect: {{ css: {{ a: exists \
             }} }} }}\n",
            "f".repeat(256)
        ));
        assert!(error.contains(&format!("steps[0].body: {said}")), "{pipe}: {error}");
        assert!(error.contains("(probe login, step s)"), "{error}");
    }
}
