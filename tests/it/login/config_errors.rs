//! Flows that are refused. Each message says where and which step, and what to write instead.

use super::flow::Flow;

/// Asserts that a flow is refused with these complaints and no others, in the file's order.
#[track_caller]
pub(super) fn refused(login: &str, expected: &[&str]) {
    let error = Flow::refused(login);
    let lines: Vec<&str> = error.lines().skip(1).map(str::trim).collect();
    let complaints: Vec<String> = lines
        .iter()
        .map(|line| {
            let (place, rest) = line.split_once("  ").unwrap_or_else(|| panic!("{error}"));
            assert!(place.contains(':'), "no line and column: {line}");
            rest.trim().replace("services[1].probes[0].login.", "").to_owned()
        })
        .collect();
    assert_eq!(complaints, expected, "\n{error}");
}

/// A flow of these steps at one host.
fn steps(steps: &[&str]) -> String {
    let steps: String = steps.iter().map(|step| format!("  - {step}\n")).collect();
    format!("base: https://a.go.kr\nsteps:\n{steps}")
}

const MARKER: &str = "expect: { css: { 'a[href*=logout]': exists } }";

#[test]
fn a_step_has_exactly_one_action() {
    refused(
        &steps(&["{ name: one, get: /, post: / }", "{ name: two }"]),
        &[
            "steps[0].post: a step has exactly one action, one of get, post, put, delete, head, \
             submit, sign, exec, wait; get and post are here (probe login, step one)",
            "steps[1]: a step has exactly one action, one of get, post, put, delete, head, submit, \
             sign, exec, wait; none is here (probe login, step two)",
        ],
    );
}

#[test]
fn an_unknown_name_has_a_suggestion() {
    refused(
        &steps(&[
            "{ name: one, get: /, capture: { token: { css: b } } }",
            "{ name: two, get: '/?t=${tokn}' }",
            "{ name: three, post: /, body: '${secret.pas} ${identity.officer.serial}' }",
            "{ name: four, post: /, body: '${secret.pass | totpp}' }",
            "{ name: five, post: /, body: '${token | totp}' }",
            "{ name: six, post: /, body: '${token | date:}' }",
        ]),
        &[
            "steps[1].get: nothing is called \"${tokn}\"; did you mean \"token\"? (probe login, \
             step two)",
            "steps[2].body: no secret named \"pas\" under secrets; did you mean \"pass\"? (probe \
             login, step three)",
            "steps[3].body: there is no pipe \"totpp\"; did you mean \"totp\"? (probe login, step \
             four)",
            "steps[4].body: totp stands directly behind a secret: ${secret.NAME | totp} (probe \
             login, step five)",
            "steps[5].body: \"date:\" has no format; write it as date:Asia/Seoul %Y%m%d%H%M%S \
             (probe login, step six)",
        ],
    );
}

#[test]
fn a_capture_has_a_value_only_after_its_step() {
    refused(
        &steps(&[
            "{ name: one, get: '/?t=${token}' }",
            "{ name: two, get: /, capture: { token: { css: b } } }",
        ]),
        &[
            "steps[0].get: \"token\" is captured by step two, which has not been done at this point; \
           only captures of earlier steps have a value (probe login, step one)",
        ],
    );
}

/// Rule 11: the login page itself answers 200.
#[test]
fn a_login_without_a_positive_marker_is_refused() {
    let without = [
        "{ name: in, post: /, form: { p: '${secret.pass}' } }",
        "{ name: in, post: /, form: { p: '${secret.pass}' }, expect: { status: 200 } }",
        "{ name: in, post: /, form: { p: '${secret.pass}' }, expect: { css: { '#error': absent } } }",
    ];
    for step in without {
        refused(
            &steps(&[&format!("{{ name: before, get: /, {MARKER} }}"), step]),
            &["steps[1]: nothing from step in on shows that the login worked, and the login page \
               itself answers 200; expect what only a logged-in user sees, such as css: { \
               'a[href*=logout]': exists } (probe login)"],
        );
    }
    Flow::new(&steps(&[
        "{ name: in, post: /, form: { p: '${secret.pass}' } }",
        &format!("{{ name: main, get: /, {MARKER} }}"),
    ]));
}

#[test]
fn selectors_patterns_and_paths_are_checked_at_load() {
    refused(
        &steps(&[
            "{ name: one, get: /, expect: { css: { 'form#': exists } } }",
            "{ name: two, submit: { form: 'form[' } }",
            "{ name: three, get: /, capture: { a: { regex: '(' }, b: { json: 'x' } } }",
        ]),
        &[
            "steps[0].expect.css[\"form#\"]: not a CSS selector; write it as in a style sheet, such \
             as form#login or a[href*=logout] (probe login, step one)",
            "steps[1].submit.form: not a CSS selector; write it as in a style sheet, such as \
             form#login or a[href*=logout] (probe login, step two)",
            "steps[2].capture.a.regex: not a regular expression: unclosed group (probe \
             login, step three)",
            "steps[2].capture.b.json: not a JSONPath (RFC 9535), such as $.status: at position 0, \
             parser error (probe login, step three)",
        ],
    );
}

#[test]
fn a_capture_has_exactly_one_source() {
    refused(
        &steps(&["{ name: one, get: /, capture: { a: { css: b, json: $.a }, b: {}, c: { css: b, \
             atrr: x }, site: { css: b } } }"]),
        &[
            "steps[0].capture.a: a capture has exactly one source, one of css, json, header, cookie, \
             regex, url_query (probe login, step one)",
            "steps[0].capture.b: a capture has exactly one source, one of css, json, header, cookie, \
             regex, url_query (probe login, step one)",
            "steps[0].capture.c.atrr: unknown key; did you mean \"attr\"? (probe login, step one)",
            "steps[0].capture.site: \"site\" has a meaning already; choose another name (probe \
             login, step one)",
        ],
    );
}

#[test]
fn steps_that_cannot_fit_the_timeout_are_refused() {
    let error = Flow::refused(&format!(
        "{}finally:\n  - {{ name: out, get: /logout }}\n",
        steps(&["{ name: one, wait: 9s }", "{ name: two, wait: 8s }"])
    ));
    assert!(
        error.contains(
            "services[1].probes[0].login.steps: the steps wait 17s and 5s is kept for finally, \
             which does not fit the timeout of 20s"
        ),
        "{error}"
    );
}

#[test]
fn conditions_names_components_and_urls_are_checked() {
    refused(
        &format!(
            "steps:\n  - {{ name: one, get: /x }}\n  - {{ name: two, get: 'https://a.go.kr/', if: \
             one.ok, component: gpkl }}\n  - {{ name: two, get: 'https://a.go.kr/', component: \
             bongsu }}\n  - {{ name: pin, get: 'https://a.go.kr/?p=${{secret.pass}}', {MARKER} }}\n\
             finally:\n  - {{ name: out, if: onne.ok, get: 'https://a.go.kr/' }}\n  - {{ name: \
             out2, if: one, get: 'https://a.go.kr/' }}\n"
        ),
        &[
            "steps[0].get: a relative URL needs base; write base beside steps, or the whole URL \
             (probe login, step one)",
            "steps[1].if: only steps of finally have a condition (probe login, step two)",
            "steps[1].component: no service named \"gpkl\"; did you mean \"gpki\"? (probe login, \
             step two)",
            "steps[2].component: \"bongsu\" is for steps that ask nobody: sign, exec and wait (probe \
             login, step two)",
            "steps[3].get: a secret cannot stand in a URL, which is shown; write it under query \
             (probe login, step pin)",
            "finally[0].if: no step is called \"onne\" (probe login, step out)",
            "finally[1].if: write the name of a step with .ok or .sent, such as submit.sent (probe \
             login, step out2)",
        ],
    );
}

#[test]
fn a_name_is_used_once_and_what_means_nothing_is_refused() {
    refused(
        &steps(&[
            "{ name: one, get: /, body: x }",
            "{ name: one, wait: 1s, expect: { status: 200 } }",
            "{ name: three, submit: { form: form }, form: { a: b } }",
        ]),
        &[
            "steps[0].get: get sends no body; write post, or query in its place (probe login, step \
             one)",
            "steps[1].name: another step is called \"one\" already (probe login, step one)",
            "steps[1].expect: means nothing beside wait; remove it (probe login, step one)",
            "steps[2].form: means nothing beside submit, which sends the form of the page before; \
             remove it (probe login, step three)",
        ],
    );
}

/// A password in the file has no name to mask it by, and no guard counts its refusals.
#[test]
fn a_password_in_the_file_is_advised_against() {
    let login = |pass: &str| {
        steps(&[
            "{ name: page, get: / }",
            &format!("{{ name: one, post: /, json: {{ by: {{ userPw: {pass} }} }} }}"),
            &format!("{{ name: two, post: /, form: {{ grant_type: password, passwd: {pass} }} }}"),
            &format!(
                "{{ name: three, submit: {{ form: form, fields: {{ pwd: {pass} }} }}, {MARKER} }}"
            ),
        ])
    };
    let advised = |pass: &str| {
        let flow = Flow::new(&login(pass));
        let config = bongsu::config::load(&flow.directory.path().join("bongsu.yml")).unwrap();
        config.advice.into_iter().filter(|line| line.contains("in the file")).collect::<Vec<_>>()
    };
    let said = |place: &str, step: &str| {
        format!(
            "services[1].probes[0].login.{place}: a password in the file is neither masked nor \
             counted when it is refused; declare it under secrets and write ${{secret.NAME}} (probe \
             login, step {step})"
        )
    };
    let places = [
        said("steps[1].json.by.userPw", "one"),
        said("steps[2].form.passwd", "two"),
        said("steps[3].submit.fields.pwd", "three"),
    ];
    assert_eq!(advised("hunter2"), places);
    assert_eq!(advised("123456"), places);
    assert_eq!(advised("'${secret.pass}'"), [""; 0]);
    assert_eq!(advised("''"), [""; 0]);
}
