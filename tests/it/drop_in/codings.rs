//! Bodies that are compressed, as the module says and otherwise.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::both::{Both, differences};
use crate::support::http::{Reply, Routes};

const TEXT: &str = "정부24 정상";

fn gzip() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(TEXT.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// As HTTP's standard has it (RFC 9110 section 8.4.1.2).
fn zlib() -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(TEXT.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Without the wrapping, as some servers send it.
fn deflate() -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(TEXT.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn brotli() -> Vec<u8> {
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut TEXT.as_bytes(), &mut packed, &Default::default()).unwrap();
    packed
}

fn site() -> Routes {
    let packed: [(&'static str, &str, Vec<u8>); 7] = [
        ("/gzip", "gzip", gzip()),
        ("/deflate", "deflate", deflate()),
        ("/zlib", "deflate", zlib()),
        ("/br", "br", brotli()),
        ("/plain", "identity", TEXT.into()),
        ("/half-gzip", "gzip", gzip()[..15].to_vec()),
        ("/half-br", "br", brotli()[..4].to_vec()),
    ];
    packed.into_iter().fold(Routes::new(), |routes, (path, coding, body)| {
        let reply = Reply::bytes(body).header("Content-Encoding", coding);
        routes.on("GET", path, move |_| reply.clone())
    })
}

const MODULES: &str = "modules:
  none: { prober: http, timeout: 20s, http: { fail_if_body_not_matches_regexp: [정상] } }
  gzip: { prober: http, timeout: 20s, http: { compression: gzip, fail_if_body_not_matches_regexp: [정상] } }
  br: { prober: http, timeout: 20s, http: { compression: br, fail_if_body_not_matches_regexp: [정상] } }
  deflate: { prober: http, timeout: 20s, http: { compression: deflate, fail_if_body_not_matches_regexp: [정상] } }
  identity: { prober: http, timeout: 20s, http: { compression: identity, fail_if_body_not_matches_regexp: [정상] } }
  unread: { prober: http, timeout: 20s, http: { compression: gzip } }
  asking: { prober: http, timeout: 20s, http: { compression: gzip, headers: { Accept-Encoding: gzip } } }
  limited: { prober: http, timeout: 20s, http: { compression: gzip, body_size_limit: 5B } }
";

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bodies_are_read_alike() {
    let site = site().serve().await;
    let both = Both::with(MODULES);
    for (at, module, success) in [
        ("/gzip", "gzip", true),
        ("/br", "br", true),
        ("/deflate", "deflate", true),
        ("/plain", "identity", true),
        ("/plain", "none", true),
        ("/gzip", "none", false),
        ("/gzip", "unread", true),
        ("/gzip", "asking", true),
        ("/gzip", "limited", false),
        ("/plain", "gzip", false),
        ("/plain", "br", false),
        ("/gzip", "br", false),
        ("/gzip", "deflate", false),
        ("/gzip", "identity", false),
        ("/404", "gzip", false),
    ] {
        both.agree(&site.url(at), module, success);
    }
    // As the standard has it, which Go's package of that name does not read.
    let [ours, theirs] = both.each(&site.url("/zlib"), "deflate");
    assert_eq!((ours["probe_success"], theirs["probe_success"]), (1.0, 0.0));
    // How much came out of a stream before it broke off is not told.
    for (at, module) in [("/half-gzip", "gzip"), ("/half-gzip", "unread"), ("/half-br", "br")] {
        let [ours, mut theirs] = both.each(&site.url(at), module);
        assert_eq!(theirs["probe_success"], 0.0, "{at} {module}");
        theirs.insert("probe_http_uncompressed_body_length".to_owned(), 0.0);
        let found = differences(&ours, &theirs);
        assert_eq!(found, "", "{at} {module}");
    }
    let asked: Vec<Option<String>> = site
        .of("GET", "/gzip")
        .iter()
        .map(|asked| asked.header("accept-encoding").map(str::to_owned))
        .collect();
    assert!(asked.contains(&Some("gzip".to_owned())) && asked.contains(&None), "{asked:?}");
}
