//! What the libraries would say at trace level while a login runs over TLS and HTTP/2. The log
//! keeps them at `warn`; this is about what a secret would meet if it did not.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::level_filters::LevelFilter;

use super::canary::{PASS, USER, is_clean};
use super::flow::Flow;
use crate::support::nginx::Nginx;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_libraries_under_a_login_do_not_log_secrets_even_at_trace_level() {
    let server = "
        error_page 405 =200 $uri;
        location = /login { return 200 '<form method=post action=/in><input name=p></form>'; }
        location = /in { add_header Set-Cookie 'JSESSIONID=canary-session-d2b8'; return 403 'no'; }
    ";
    let nginx = Nginx::serving(server, &[]);
    let flow = Flow::new(&format!(
        "base: {}\nhttp_version: 2\ntrust: {{ roots: {} }}\nheaders: {{ X-Key: '${{secret.pass}}', \
         X-Basic: 'Basic ${{secret.user | base64}}' }}\nsteps:\n  - {{ name: page, get: /login, query: \
         {{ q: '${{secret.pass}}', d: '${{secret.pass | sha256}}' }} }}\n  - {{ name: in, submit: {{ \
         form: form, fields: {{ p: '${{secret.pass}}', u: '${{secret.user}}' }} }}, expect: {{ body: \
         {{ contains: in }} }} }}\n",
        nginx.tls(""),
        nginx.path("ca.pem").display(),
    ));
    flow.write("user", USER);
    flow.write("pass", PASS);
    let sink = Sink::default();
    let writer = sink.clone();
    let everything = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(everything);
    let outcome = flow.run().await;
    drop(guard);
    assert_eq!(outcome.facts.http.as_ref().unwrap().version, 2.0, "{outcome:?}");
    assert_eq!(outcome.facts.http.as_ref().unwrap().status, 403, "{outcome:?}");
    let log = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    for library in [" h2::", " hyper_util::", " bongsu::"] {
        assert!(log.contains(library), "nothing of{library} in\n{log}");
    }
    is_clean("the trace of the libraries", &log);
}
