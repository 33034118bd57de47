//! What is kept of each step of a login that failed.

use std::time::Duration;

use bongsu::outcome::{Evidence, Reason};

use super::flow::Flow;
use crate::support::http::{Reply, Routes};

fn steps(evidence: &[Evidence]) -> Vec<(&str, &str, Option<&str>)> {
    evidence
        .iter()
        .map(|came| (came.step.as_deref().unwrap(), &*came.method, came.status_line.as_deref()))
        .collect()
}

#[tokio::test]
async fn each_step_keeps_its_response_and_the_one_that_timed_out_its_phases() {
    let site = Routes::new()
        .on("GET", "/form", |_| {
            Reply::html("<form method=post action=/in><input name=pw></form>")
                .header("Set-Cookie", "sid=s3ssion-value; Path=/")
        })
        .on("POST", "/in", |_| Reply::redirect("/wait"))
        .on("GET", "/wait", |_| Reply::silence())
        .serve()
        .await;
    let flow = Flow::within(
        Duration::from_secs(2),
        &format!(
            "base: {}\nexcerpt: true\nsteps:\n  - {{ name: form, get: /form }}\n  - {{ name: in, submit: {{ form: form, \
             fields: {{ pw: '${{secret.pass}}' }} }}, \
             expect: {{ css: {{ 'a[href*=logout]': exists }} }} }}\n",
            site.url("")
        ),
    );
    let outcome = flow.run().await;
    let failure = outcome.result.clone().unwrap_err();
    assert_eq!(failure.reason, Reason::ResponseTimeout, "{failure}");
    let evidence = &outcome.facts.evidence;
    assert_eq!(
        steps(evidence),
        [("form", "GET", Some("HTTP/1.1 200 X")), ("in", "GET", None)],
        "a step's redirects are one exchange, and its last request counts"
    );
    assert!(evidence[0].body.as_deref().unwrap().starts_with("<form"), "{evidence:?}");
    let cookie = "set-cookie: sid=[masked]; Path=/";
    assert!(evidence[0].headers.iter().any(|line| line == cookie), "{evidence:?}");
    assert_eq!(evidence[1].url, site.url("/wait"));
    let (first, second) = (evidence[0].phases, evidence[1].phases);
    assert!(first.processing.unwrap() < Duration::from_millis(500), "{first:?}");
    assert!(second.processing.unwrap() > Duration::from_millis(1_000), "{second:?}");
    let id = outcome.facts.trace_id.unwrap().to_string();
    for asked in site.asked() {
        assert!(asked.header("traceparent").unwrap().contains(&id), "{asked:?}");
    }
}

#[tokio::test]
async fn a_login_that_worked_keeps_nothing_and_pages_are_kept_only_where_they_may_be() {
    let site = Routes::new().on("GET", "/", |_| Reply::html("<p>hello</p>")).serve().await;
    let flow = |expected: &str| {
        Flow::new(&format!(
            "base: {}\nsteps:\n  - {{ name: page, get: /, expect: {{ body: {{ contains: {expected} }} }} }}\n",
            site.url("")
        ))
    };
    assert_eq!(flow("hello").run().await.facts.evidence, []);
    let failed = flow("봉수").run().await;
    assert_eq!(steps(&failed.facts.evidence), [("page", "GET", Some("HTTP/1.1 200 X"))]);
    assert_eq!(failed.facts.excerpt(), None);
}
