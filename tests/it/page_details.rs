//! What happened, for who reads Korean: the sentence of the failure itself on the page and in the
//! terminal. Programs and logs get the English one.

use crate::support::client::Request;
use crate::support::daemon::{Setup, eventually};
use crate::support::http::Target;
use crate::support::output::stdout;

fn estate(url: &str) -> String {
    format!(
        "defaults: {{ interval: 1s, timeout: 900ms }}\nservices:\n  - name: a\n    probes:\n      - {{ name: \
         refused, http: {{ url: 'http://127.0.0.1:9/' }} }}\n      - {{ name: status, http: {{ url: '{url}', \
         expect: {{ status: 204 }} }} }}\n      - {{ name: body, http: {{ url: '{url}', expect: {{ body: {{ \
         contains: 로그인 }} }} }} }}\n      - name: login\n        login:\n          base: '{url}'\n          \
         steps: [ {{ name: form, get: /, capture: {{ token: {{ css: input }} }} }} ]\n"
    )
}

#[test]
fn a_korean_reader_is_told_in_korean_and_a_program_in_english() {
    let target = Target::answering("봉수");
    let daemon = Setup::new(&estate(&target.url())).start();
    daemon.wait_until_ready();
    eventually("all are down", || {
        (daemon.get("/api/v1/status").json()["summary"]["down"] == 4).then_some(())
    });
    let ask = |path: &str, language: &str| {
        Request::get(path).header("Accept-Language", language).send(daemon.address).text()
    };
    for (probe, korean, english) in [
        ("refused", "연결이 거부되었습니다 (대상 호스트)", "the host refused the connection"),
        (
            "status",
            "상태 코드 <code>200</code>, 예상한 값 <code>204</code>",
            "status 200, expected 204",
        ),
        (
            "body",
            "본문: 예상과 다릅니다 (<code>expect</code>.<code>body</code>: <code>contains &quot;로그인&quot;</code>)",
            "the body is not as expected (expect.body: contains &quot;로그인&quot;)",
        ),
        (
            "login",
            "응답에 <code>token</code> 값이 없습니다 (<code>css input</code>)",
            "token is not in the response (css input)",
        ),
    ] {
        for path in ["/".to_owned(), format!("/probes/a/{probe}")] {
            let page = ask(&path, "ko-KR");
            assert!(page.contains(korean) && !page.contains(english), "{path}: {page}");
            let page = ask(&path, "en");
            assert!(page.contains(english) && !page.contains(korean), "{path}: {page}");
        }
        let status = ask("/api/v1/status", "ko-KR");
        let in_json = english.replace("&quot;", "\\\"");
        assert!(status.contains(&in_json), "{in_json} is not in {status}");
    }
    assert!(daemon.log().contains("the host refused the connection"), "{}", daemon.log());
    assert!(!daemon.log().contains("연결이 거부되었습니다"), "{}", daemon.log());
}

#[test]
fn a_korean_terminal_shows_what_happened_in_korean() {
    let target = Target::answering("봉수");
    let setup = Setup::new(&estate(&target.url()));
    let english = setup.output(&["probe", "a/status"]);
    assert!(stdout(&english).contains("http_status: status 200, expected 204"));
    let setup = setup.env("LANG", "ko_KR.UTF-8");
    let korean = setup.output(&["probe", "a/status"]);
    let text = stdout(&korean);
    assert!(text.contains("http_status: 상태 코드 200, 예상한 값 204"), "{text}");
    let json = setup.output(&["probe", "a/status", "--json"]);
    assert!(stdout(&json).contains("status 200, expected 204"), "{}", stdout(&json));
}
