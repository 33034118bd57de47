//! Keys as pages write them, and values as long as a key takes: JSEncrypt under Node and the `openssl`
//! command decrypt what is sent, and JSEncrypt takes the same keys.

use bongsu::outcome::{Reason, Verdict};
use serde_json::{Value, json};

use super::ciphers::{Key, unhex};
use super::flow::{Flow, PASS};
use super::third_party::node_says;
use crate::support::http::{Asked, Reply, RoutedSite, Routes};

/// A page with a key, and where it posts to.
async fn site(modulus: &str, exponent: &str) -> RoutedSite {
    let page = format!("<input id=n value='{modulus}'><input id=e value='{exponent}'>");
    Routes::new()
        .on("GET", "/login", move |_| Reply::html(page.clone()))
        .on("POST", "/in", |_| Reply::html("<a href=/logout>로그아웃</a>"))
        .serve()
        .await
}

fn flow(site: &RoutedSite, longest: usize) -> Flow {
    let longest = "x".repeat(longest);
    Flow::new(&format!(
        r#"base: {}
set: {{ longest: {longest} }}
steps:
  - name: page
    get: /login
    capture:
      n: {{ css: '#n', attr: value }}
      e: {{ css: '#e', attr: value }}
      nothing: {{ css: '#gone', default: '' }}
  - name: in
    post: /in
    form:
      pass: '${{secret.pass | rsa:n,e}}'
      euc_kr: '${{secret.pass | euc_kr | rsa:n,e}}'
      nothing: '${{nothing | rsa:n,e}}'
      longest: '${{longest | rsa:n,e}}'
    expect: {{ css: {{ 'a[href*=logout]': exists }} }}
"#,
        site.url("")
    ))
}

/// What JSEncrypt makes of the ciphertexts with the private key, and what it encrypts under the same
/// modulus and exponent.
fn jsencrypt(key: &Key, modulus: &str, exponent: &str, sent: &Asked) -> Value {
    let field = |name| sent.field(name).unwrap();
    let asked = json!({ "pem": key.private(), "modulus": modulus, "exponent": exponent,
        "message": PASS, "ciphertexts": [field("pass"), field("nothing"), field("longest")] });
    node_says("rsa.mjs", &asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn jsencrypt_and_openssl_read_what_is_encrypted_under_any_key_of_a_page() {
    for (bits, public) in [
        (1024, "-F4"),
        (1024, "-3"),
        // 255 digits, of which the first is no zero.
        (1020, "-F4"),
        (2048, "-3"),
        (4096, "-F4"),
        (4096, "-3"),
    ] {
        let key = Key::made(&[public, &bits.to_string()]);
        let digits = key.modulus().trim_start_matches('0').to_owned();
        assert_eq!(digits.len(), bits / 4);
        let (exponent, padded) = if public == "-3" { ("3", "03") } else { ("10001", "010001") };
        let ways = [
            (digits.clone(), exponent),
            (format!("0{digits}"), exponent),
            (format!("0000{}", digits.to_uppercase()), padded),
        ];
        // A key of 4096 bits is slow to make and to use.
        for (modulus, exponent) in ways.iter().take(if bits > 2048 { 1 } else { 3 }) {
            let what = format!("{bits} {public} {} digits", modulus.len());
            let size = bits.div_ceil(8);
            let site = site(modulus, exponent).await;
            flow(&site, size - 11).succeed().await;
            let sent = site.of("POST", "/in").remove(0);
            for name in ["pass", "euc_kr", "nothing", "longest"] {
                assert_eq!(sent.field(name).unwrap().len(), 2 * size, "{what}: {name}");
            }
            let of_openssl = |name: &str| key.decrypt(&unhex(&sent.field(name).unwrap()), &[]);
            assert_eq!(of_openssl("pass"), PASS.as_bytes(), "{what}");
            assert_eq!(of_openssl("euc_kr"), &*encoding_rs::EUC_KR.encode(PASS).0, "{what}");
            assert_eq!(of_openssl("nothing"), b"", "{what}");
            let longest = "x".repeat(size - 11);
            let said = jsencrypt(&key, modulus, exponent, &sent);
            assert_eq!(said["decrypted"], json!([PASS, "", longest]), "{what}");
            let theirs = said["encrypted"].as_str().unwrap();
            assert_eq!(theirs.len(), 2 * size, "{what}");
            assert_eq!(key.decrypt(&unhex(theirs), &[]), PASS.as_bytes(), "{what}");
        }
    }
}

/// JSEncrypt gives nothing then. It is neither the page's fault nor a wrong password.
#[tokio::test]
async fn a_value_that_is_too_long_for_the_pages_key_is_never_sent() {
    let key = Key::made(&["1024"]);
    let site = site(&key.modulus(), "10001").await;
    let outcome = flow(&site, 118).run().await;
    assert_eq!(outcome.verdict(), Verdict::Unknown);
    let failure = outcome.result.unwrap_err();
    let said = "a value of 118 bytes does not fit a key of 1024 bits with this padding";
    assert_eq!((failure.reason, &*failure.detail), (Reason::Internal, said));
    assert!(site.of("POST", "/in").is_empty());
}
