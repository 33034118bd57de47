//! What the libraries would say at trace level while a login runs over TLS and HTTP/2. The log
//! keeps them at `warn`; this is about what a secret would meet if it did not. This binary starts
//! itself once more for that: which lines are wanted is decided once for a whole process, and by
//! whoever comes first.

use std::process::Command;

use tracing::level_filters::LevelFilter;

use super::canary::{PASS, USER, is_clean};
use super::flow::Flow;
use crate::support::nginx::Nginx;

/// Set where the login is to happen.
const INSIDE: &str = "BONGSU_TEST_LIBRARY_LOGS";

/// Signs in and says everything about it on standard output.
async fn sign_in() {
    let server = "
        error_page 405 =200 $uri;
        location = /login { return 200 '<form method=post action=/in><input name=p><input name=u></form>'; }
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
    tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).init();
    let outcome = flow.run().await;
    assert_eq!(outcome.facts.http.as_ref().unwrap().version, 2.0, "{outcome:?}");
    assert_eq!(outcome.facts.http.as_ref().unwrap().status, 403, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_libraries_under_a_login_do_not_log_secrets_even_at_trace_level() {
    if std::env::var_os(INSIDE).is_some() {
        return sign_in().await;
    }
    let name = "login::library_logs::\
                the_libraries_under_a_login_do_not_log_secrets_even_at_trace_level";
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    let output = tokio::task::block_in_place(|| again.output().unwrap());
    let log = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    for library in [" h2::", " bongsu::"] {
        assert!(log.contains(library), "nothing of{library} in\n{log}");
    }
    is_clean("the trace of the libraries", &log);
}
