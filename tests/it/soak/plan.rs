//! What is probed: nine of ten probes ask a real nginx and a login that answer all the time, one of ten
//! asks the hostile servers.

use std::fmt::Write as _;
use std::time::Duration;

use hickory_proto::op::ResponseCode;

use super::Size;
use super::hostile::Hostile;
use crate::support::dns::{NameServer, Says};
use crate::support::estate::Estate;
use crate::support::nginx::Nginx;

/// What a login takes to answer.
const THINKS: Duration = Duration::from_millis(20);
/// A name that is well, on the name server that is not well with the others.
const GOOD_NAME: &str = "up.probe.test";
const BAD_NAMES: [&str; 4] =
    ["silent.probe.test", "truncated.probe.test", "broken.probe.test", "contradiction.probe.test"];

/// What pages are judged by, among them what cannot be judged in time.
const RULES: [&str; 5] = [
    "",
    ", expect: { css: { '.notice ~ p': absent } }",
    ", expect: { json: { '$[?$..zz]': absent } }",
    ", expect: { body: { not_matches: '(a?b?){200}[^a]{200}x' } }",
    ", expect: { header: { X-Said: exists }, cookie: { SESSION: exists } }",
];

pub(super) struct Servers {
    pub(super) hostile: Hostile,
    nginx: Nginx,
    estate: Estate,
    names: NameServer,
}

impl Servers {
    pub(super) async fn start() -> Servers {
        let home = Says::Addresses(vec!["127.0.0.1".parse().unwrap()]);
        let [silent, truncated, broken, contradiction] = BAD_NAMES;
        let names = NameServer::with(&[
            (GOOD_NAME, home),
            (silent, Says::Silence),
            (truncated, Says::SilenceOverTcp),
            (broken, Says::Code(ResponseCode::ServFail)),
            (
                contradiction,
                Says::Contradiction(ResponseCode::NXDomain, vec!["127.0.0.1".parse().unwrap()]),
            ),
        ])
        .await;
        Servers {
            hostile: Hostile::start().await,
            nginx: Nginx::serving("location / { return 200 '<h1>정상</h1>'; }", &[]),
            estate: Estate::thinking(THINKS),
            names,
        }
    }

    /// A single probe, before and after everything.
    pub(super) fn calm(&self, size: &Size) -> String {
        let url = self.nginx.plain("/");
        head(size)
            + &format!(
                "services:\n  - name: calm\n    probes: [{{ name: p, http: {{ url: '{url}' }} }}]\n"
            )
    }

    /// All probes. With every second round some healthy ones come and go, and all hostile ones begin
    /// anew.
    pub(super) fn file(&self, size: &Size, round: usize) -> String {
        let (hostile, healthy) = (size.probes / 10, size.probes - size.probes / 10);
        let mut text = head(size);
        self.healthy(&mut text, healthy, round);
        self.hostile(&mut text, hostile, round);
        text
    }

    /// A path that its parser chokes on, which must be refused.
    pub(super) fn bad_file(&self, size: &Size) -> String {
        let path = format!("$[?{}@.a{}]", "(".repeat(5_000), ")".repeat(5_000));
        let url = self.nginx.plain("/");
        self.file(size, 0)
            + &format!(
                "  - name: bad\n    probes: [{{ name: p, http: {{ url: '{url}', expect: {{ json: {{ '{path}': 1 }} }} }} }}]\n"
            )
    }

    fn healthy(&self, text: &mut String, probes: usize, round: usize) {
        let logins = probes / 20;
        text.push_str("secrets:\n  password: { env: SOAK_PASSWORD }\n");
        for account in 0..logins {
            writeln!(text, "  user{account}: {{ env: SOAK_USER }}").unwrap();
        }
        let roots = self.nginx.path("ca.pem").display().to_string();
        writeln!(
            text,
            "services:\n  - name: healthy\n    trust: {{ roots: '{roots}' }}\n    probes:"
        )
        .unwrap();
        let (named, certificates, plain) = (probes / 20, probes / 10, probes / 5);
        for number in 0..probes - logins - named - certificates - plain {
            let url = self.nginx.tls(&format!("/page/{number}"));
            writeln!(text, "      - {{ name: tls{number}, http: {{ url: '{url}', expect: {{ body: {{ contains: 정상 }} }} }} }}").unwrap();
        }
        for number in 0..plain {
            let url = self.nginx.plain(&format!("/page/{number}"));
            writeln!(text, "      - {{ name: plain{number}, http: {{ url: '{url}', expect: {{ css: {{ h1: 정상 }} }} }} }}").unwrap();
        }
        for number in 0..certificates {
            let port = self.nginx.tls_port();
            writeln!(
                text,
                "      - {{ name: cert{number}, tls: {{ address: '127.0.0.1:{port}' }} }}"
            )
            .unwrap();
        }
        let dns = self.dns();
        for number in 0..named {
            let url = self.nginx.plain("/").replace("127.0.0.1", GOOD_NAME);
            writeln!(text, "      - {{ name: named{number}, {dns}, http: {{ url: '{url}' }} }}")
                .unwrap();
        }
        let base = self.estate.address;
        for number in 0..logins {
            writeln!(
                text,
                "      - name: login{number}\n        login:\n          account: user{number}\n          base: \
                 http://{base}\n          steps:\n            - {{ name: form, get: /form }}\n            - name: in\n              \
                 submit: {{ form: form, fields: {{ user: '${{secret.user{number}}}', pass: '${{secret.password}}' }} }}\n              \
                 expect: {{ css: {{ '#welcome': exists }} }}"
            )
            .unwrap();
        }
        if round % 2 == 1 {
            let url = self.nginx.plain("/new");
            writeln!(text, "  - name: healthy-for-a-while\n    probes:").unwrap();
            for number in 0..10 {
                writeln!(text, "      - {{ name: p{number}, http: {{ url: '{url}' }} }}").unwrap();
            }
        }
    }

    fn hostile(&self, text: &mut String, probes: usize, round: usize) {
        let roots = self.hostile.roots.display().to_string();
        let labels = format!("labels: {{ round: '{}' }}", round / 2);
        writeln!(
            text,
            "  - name: hostile\n    {labels}\n    trust: {{ roots: '{roots}' }}\n    probes:"
        )
        .unwrap();
        let (named, http2, certificates, tls) = (probes / 10, probes / 20, probes / 5, probes / 4);
        for number in 0..probes - named - http2 - certificates - tls {
            let (at, rule) = (self.hostile.plain, RULES[number % RULES.len()]);
            writeln!(text, "      - {{ name: plain{number}, http: {{ url: 'http://{at}/', body_limit: 8MiB{rule} }} }}").unwrap();
        }
        for number in 0..tls {
            let (at, rule) = (self.hostile.tls, RULES[number % RULES.len()]);
            writeln!(text, "      - {{ name: tls{number}, http: {{ url: 'https://{at}/', body_limit: 8MiB{rule} }} }}").unwrap();
        }
        for number in 0..certificates {
            let at = self.hostile.tls;
            writeln!(
                text,
                "      - {{ name: cert{number}, tls: {{ address: '{at}', revocation: soft }} }}"
            )
            .unwrap();
        }
        for number in 0..http2 {
            let at = self.hostile.http2;
            writeln!(text, "      - {{ name: frames{number}, http: {{ url: 'http://{at}/', http_version: '2' }} }}").unwrap();
        }
        let dns = self.dns();
        for number in 0..named {
            let url =
                self.nginx.plain("/").replace("127.0.0.1", BAD_NAMES[number % BAD_NAMES.len()]);
            writeln!(text, "      - {{ name: named{number}, {dns}, http: {{ url: '{url}' }} }}")
                .unwrap();
        }
    }

    fn dns(&self) -> String {
        format!("dns: {{ servers: ['{}'] }}", self.names.address)
    }
}

fn head(size: &Size) -> String {
    format!("defaults: {{ {} }}\n", size.schedule)
}
