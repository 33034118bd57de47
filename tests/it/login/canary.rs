//! Secrets are planted, a site sends them back in every form, and everything that the program puts
//! out is searched: the log at trace level, metrics, pages, JSON, what the commands print, errors,
//! a panic's message, the state directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use encoding_rs::EUC_KR;
use sha2::{Digest, Sha256};

use crate::support::daemon::{Daemon, Setup, eventually};
use crate::support::http::{Asked, Reply, RoutedSite, Routes};

pub(super) const USER: &str = "canary-user-7f3a";
pub(super) const PASS: &str = "카나리아 p&ss\"/w0rd+9c";
pub(super) const KEY: &str = "canary-api-key-51";
/// What the site hands out: not ours, but as good as a password while it lasts.
const SESSION: &str = "canary-session-d2b8";
const NONCE: &str = "canary-nonce-77e1";

/// Every form in which a value may show.
pub(super) fn forms(value: &str) -> Vec<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let percent = |bytes: &[u8]| -> String {
        let kept = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let one = |&b: &u8| if kept(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
        bytes.iter().map(one).collect()
    };
    let utf8 = value.as_bytes();
    let (euc_kr, _, _) = EUC_KR.encode(value);
    let in_form = |bytes: &[u8]| url::form_urlencoded::byte_serialize(bytes).collect::<String>();
    let json = serde_json::json!(value).to_string();
    let mut forms = vec![
        value.to_owned(),
        percent(utf8),
        percent(&euc_kr),
        in_form(utf8),
        in_form(&euc_kr),
        STANDARD.encode(utf8),
        STANDARD.encode(&euc_kr),
        URL_SAFE_NO_PAD.encode(utf8),
        hex(utf8),
        hex(&euc_kr),
        json[1..json.len() - 1].to_owned(),
        hex(&Sha256::digest(utf8)),
    ];
    forms.extend(forms.clone().iter().map(|form| form.to_lowercase()));
    forms.extend(forms.clone().iter().map(|form| form.to_uppercase()));
    forms
}

#[track_caller]
pub(super) fn is_clean(sink: &str, text: &str) {
    for value in [USER, PASS, KEY, SESSION, NONCE] {
        for form in forms(value) {
            if let Some(at) = text.find(&form) {
                let start = text[..at].char_indices().rev().nth(80).map_or(0, |(at, _)| at);
                let shown: String = text[start..].chars().take(300).collect();
                panic!("{sink} holds {form:?} (of {value:?}):\n{shown}");
            }
        }
    }
}

/// Repeats everything it was sent, in every form, in header, body and where it leads.
fn echo(asked: &Asked) -> Reply {
    let mut body = format!("<p>rejected {} {:?}</p>", asked.text(), asked.headers);
    for value in [USER, PASS, KEY, SESSION, NONCE] {
        body.push_str(&format!("<p>{}</p>", forms(value).join(" | ")));
    }
    Reply::html(body)
        .header("X-Echo", KEY)
        .header("Set-Cookie", format!("JSESSIONID={SESSION}; Path=/"))
        .with_status(403)
}

/// Repeats what was made of secrets, as it came and decoded, in body and header.
fn repeat(asked: &Asked) -> Reply {
    let fields: Vec<String> =
        url::form_urlencoded::parse(&asked.body).map(|(_, value)| value.into_owned()).collect();
    let text = asked.text();
    let token = asked.header("authorization").unwrap_or_default();
    Reply::html(format!("<p>rejected {text}</p><p>{}</p><p>{token}</p>", fields.join(" | ")))
        .header("X-Echo", fields.join(" "))
        .with_status(403)
}

/// A value as a part of a path.
fn in_path(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20")
}

async fn site() -> RoutedSite {
    Routes::new()
        .on("GET", "/login", |_| {
            Reply::html(format!(
                "<form id=f method=post action=/in><input type=hidden name=nonce value={NONCE}>\
                 <input name=user><input name=pw></form>"
            ))
            .header("Set-Cookie", format!("JSESSIONID={SESSION}; Path=/"))
            .header("X-Nonce", NONCE)
        })
        .on("POST", "/in", echo)
        .on("POST", "/made", repeat)
        .on("GET", "/echo", echo)
        .on("GET", "/away", |_| Reply::redirect(format!("/echo?token={NONCE}&pw={KEY}")))
        .on("GET", &format!("/path/{NONCE}"), echo)
        .on("GET", "/led", |_| Reply::redirect(format!("/seen/{}", in_path(PASS))))
        .on("GET", &format!("/seen/{}", in_path(PASS)), |_| Reply::html("seen"))
        .on("GET", "/hangs-up", |_| Reply::hang_up())
        .serve()
        .await
}

fn config(site: &RoutedSite) -> String {
    let base = site.url("");
    let probe = |name: &str, last: &str| {
        format!(
            r#"      - name: {name}
        login:
          base: {base}
          excerpt: true
          headers: {{ X-Api-Key: '${{secret.key}}' }}
          account: {name}_user
          set: {{ modulus: '{}', e: '10001', key: 0123456789abcdef, iv: fedcba9876543210 }}
          steps:
            - name: page
              get: /login
              capture: {{ nonce: {{ header: X-Nonce }}, session: {{ cookie: JSESSIONID }} }}
{last}
          finally:
            - {{ name: out, get: '/path/${{nonce}}' }}
"#,
            "f".repeat(256)
        )
    };
    let marker = "expect: { css: { 'a[href*=logout]': exists } }";
    let mut text = String::from(
        "defaults: { interval: 5s, timeout: 4s }\nsecrets:\n  key: { file: key, hosts: \
         [127.0.0.1] }\n  pass: { file: pass }\n",
    );
    let steps = [
        (
            "submit",
            format!(
                "            - name: in\n              submit: {{ form: 'form#f', fields: {{ user: \
             '${{secret.submit_user}}', pw: '${{secret.pass}}' }} }}\n              {marker}"
            ),
        ),
        (
            "named",
            format!(
                "            - name: in\n              post: /in\n              json: {{ u: \
             '${{secret.named_user}}', p: '${{secret.pass}}', h: '${{secret.pass | sha256}}' }}\n  \
             \x20           fail_if: [ {{ reason: bad_credentials, body: {{ contains: rejected }} \
             }} ]\n              {marker}"
            ),
        ),
        (
            "redirected",
            String::from(
                "            - name: in\n              get: /away\n              query: { p: \
             '${secret.pass}' }\n              follow: { redirects: 5 }\n              expect: { \
             url: { path: /main }, status: 403 }",
            ),
        ),
        (
            "mismatched",
            String::from(
                "            - name: in\n              get: '/path/${nonce}'\n              expect: { \
             status: 403, header: { X-Echo: other }, cookie: { JSESSIONID: other } }",
            ),
        ),
        (
            "made",
            String::from(
                "            - name: in\n              set: { joined: \
                 '${secret.made_user}/${secret.pass}', salted: '${nonce}:${joined | md5}', rsa: \
                 '${secret.pass | rsa:modulus,e}' }\n              post: /made\n              bearer: \
                 '${nonce}'\n              form: { joined: '${joined}', salted: '${salted | sha512 | \
                 upper}', mac: '${session | hmac_sha1:secret.key}', rsa: '${rsa}', b: '${rsa | \
                 base64}', aes: '${secret.pass | euc_kr | aes_cbc:key,iv | base64}', seed: \
                 '${joined | seed_cbc:key,iv | hex}', lower: '${secret.key | upper | lower | upper}' \
                 }\n              expect: { status: 403, header: { X-Echo: other } }",
            ),
        ),
        (
            "program",
            String::from(
                "            - name: run\n              exec:\n                command: [/bin/sh, -c, 'read -r \
                 told; echo \"$told\" >&2; printf %s \"{\\\"captures\\\": {\\\"made\\\": \
                 \\\"canary-made-5e77\\\"}}\"']\n                stdin: { u: '${secret.program_user}', p: \
                 '${secret.pass}', h: '${secret.pass | base64}', n: '${nonce}' }\n                \
                 captures: [made]\n            - name: in\n              post: /made\n              form: \
                 { made: '${made}', b: '${made | base64}' }\n              expect: { status: 403, \
                 header: { X-Echo: other } }",
            ),
        ),
        (
            "told",
            String::from(
                "            - name: in\n              exec:\n                command: [/bin/sh, -c, 'read -r \
                 told; echo \"$told\" >&2; echo \"$told\"']\n                stdin: { reason: captcha, \
                 detail: 'seen ${secret.told_user} ${secret.pass} ${session} ${nonce | hex}' }\n",
            ),
        ),
        // It goes well, and shows what it was told, and where it was led.
        (
            "quiet",
            String::from(
                "            - name: in\n              exec:\n                command: [/bin/sh, -c, 'read -r \
                 told; echo \"$told\" >&2; echo \"{\\\"captures\\\": {}}\"']\n                stdin: { u: \
                 '${secret.quiet_user}', p: '${secret.pass}' }\n            - { name: main, get: /led, \
                 follow: { redirects: 2 }, expect: { body: { contains: seen } } }\n",
            ),
        ),
        (
            "cut-off",
            format!(
                "            - name: in\n              get: /hangs-up\n              query: {{ p: \
             '${{secret.pass}}', b: '${{secret.pass | base64}}' }}\n              {marker}"
            ),
        ),
    ];
    for (name, _) in &steps {
        text.push_str(&format!("  {name}_user: {{ file: user }}\n"));
    }
    text.push_str("services:\n  - name: saeol\n    probes:\n");
    for (name, step) in &steps {
        text.push_str(&probe(name, step));
    }
    text
}

/// All that the program puts out about these probes of `saeol`, each piece of it clean: the commands at a
/// terminal, then the daemon with a state directory, until each probe has run, and whatever it is asked
/// beside that.
pub(super) fn everything(
    setup: impl Fn() -> Setup,
    probes: &[&str],
    also: impl FnOnce(&Daemon),
) -> PutOut {
    let state = tempfile::tempdir().unwrap();
    let terminal = at_a_terminal(&setup(), probes);
    let setup = setup()
        .flag("--log.level=trace")
        .flag("--web.enable-lifecycle")
        .flag(format!("--state.dir={}", state.path().display()));
    let mut daemon = setup.start();
    let mut pieces = vec![of_the_daemon(&daemon, probes)];
    also(&daemon);
    assert!(daemon.stop().success());
    let log = daemon.log();
    assert!(log.contains("TRACE") || log.contains("level=trace"), "no trace lines:\n{log}");
    is_clean("the log", &log);
    pieces.push(log);
    let entries = fs::read_dir(state.path()).unwrap();
    let kept: Vec<String> = entries.map(|entry| clean_file(&entry.unwrap().path())).collect();
    assert!(!kept.is_empty(), "nothing was kept in the state directory");
    pieces.extend(kept);
    PutOut { terminal, daemon: pieces.concat() }
}

/// What was put out.
pub(super) struct PutOut {
    /// By the commands about each probe, in their order.
    pub(super) terminal: Vec<String>,
    pub(super) daemon: String,
}

impl PutOut {
    pub(super) fn all(&self) -> String {
        self.terminal.concat() + &self.daemon
    }
}

fn at_a_terminal(setup: &Setup, probes: &[&str]) -> Vec<String> {
    let said = |arguments: &[&str]| {
        let output = setup.output(arguments);
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains("panicked"), "{text}");
        is_clean(&format!("{arguments:?}"), &text);
        text.into_owned()
    };
    said(&["check"]);
    let plan = said(&["check", "--json"]);
    assert!(plan.contains("saeol"), "the file was refused: {plan}");
    let of_one = |probe: &&str| {
        let id = format!("saeol/{probe}");
        ["text", "json", "curl"].map(|form| said(&["probe", &id, "--output", form])).concat()
    };
    probes.iter().map(of_one).collect()
}

fn of_the_daemon(daemon: &Daemon, probes: &[&str]) -> String {
    eventually("every probe has run", || {
        let text = daemon.metrics();
        let ran = |probe: &&str| {
            let of_it = format!("probe=\"{probe}\"");
            text.lines().any(|line| {
                line.starts_with("bongsu_probe_runs_total{")
                    && line.contains(&of_it)
                    && !line.ends_with(" 0")
            })
        };
        probes.iter().all(ran).then_some(())
    });
    let paths = ["/metrics", "/", "/?lang=en", "/services/saeol", "/api/v1/status", "/sd"];
    let pages = probes.iter().map(|probe| format!("/probes/saeol/{probe}"));
    let look = |path: String| {
        let answer = daemon.get(&path);
        assert_eq!(answer.status, 200, "{path}");
        is_clean(&path, &answer.text());
        answer.text()
    };
    paths.map(str::to_owned).into_iter().chain(pages).map(look).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_output_holds_a_secret_in_any_form() {
    let site = site().await;
    let setup = || {
        let setup = Setup::new(&config(&site)).flag("--login.allow-exec");
        for (name, value) in [("user", USER), ("pass", PASS), ("key", KEY)] {
            setup.write(name, value);
        }
        setup
    };
    let names = [
        "submit",
        "named",
        "redirected",
        "mismatched",
        "made",
        "program",
        "told",
        "quiet",
        "cut-off",
    ];
    let also = |daemon: &Daemon| {
        let metrics = daemon.metrics();
        assert!(metrics.contains("bongsu_account_held"), "{metrics}");
        assert!(metrics.contains("step=\"in\""), "{metrics}");
        let held = daemon.post("/-/resume?account=named_user");
        assert_eq!((held.status, held.text().as_str()), (200, "resumed 1\n"));
        assert_eq!(daemon.post("/-/resume?account=nobody").status, 404);
        // A configuration error quotes the file and not what its secrets hold.
        daemon.setup.write("bongsu.yml", format!("{}x: y\n", config(&site)));
        let refused = daemon.post("/-/reload").text();
        assert!(refused.contains("unknown key"), "{refused}");
        is_clean("a refused reload", &refused);
        daemon.setup.write("bongsu.yml", config(&site));
        fs::remove_file(daemon.setup.path().join("pass")).unwrap();
        is_clean("a missing secret", &daemon.post("/-/reload").text());
    };
    let put_out = tokio::task::block_in_place(|| everything(setup, &names, also)).all();
    let made = site.of("POST", "/made");
    assert!(made.len() >= 2, "only {} requests with made values", made.len());
    assert!(put_out.contains("stderr in: {") && put_out.contains("probe.program"), "{put_out}");
    assert!(!site.of("GET", &format!("/seen/{}", in_path(PASS))).is_empty(), "nobody was led on");
    // The excerpt was kept, and with it the place where each value stood.
    assert!(put_out.contains("rejected joined="), "{put_out}");
    for asked in made {
        for (name, value) in url::form_urlencoded::parse(&asked.body) {
            let known = put_out.to_lowercase().contains(&value.to_lowercase());
            assert!(!known, "{name} was shown: {value}");
        }
    }
}

/// What a file of the state directory holds, which nobody else may read.
fn clean_file(path: &Path) -> String {
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{} can be read by others", path.display());
    let text = fs::read_to_string(path).unwrap();
    is_clean(&path.display().to_string(), &text);
    text
}
