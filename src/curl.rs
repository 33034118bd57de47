//! What a probe sends, as lines for a shell: on its page and for `bongsu probe --output curl`. Secrets and what a login finds out on
//! its way stand there as variables of the shell, to be set by whoever tries it.

use std::fmt::Write;

use base::visible;
use http::HeaderName;
use url::form_urlencoded::byte_serialize;

use crate::config::login::{Action, LoginOptions, LoginStep};
use crate::config::{
    Auth, Follow, HttpOptions, HttpVersions, IpChoice, Kind, RequestBody, Roots, RouteOptions,
    Target, TlsOptions,
};
use crate::redact::is_credential;
use crate::template::{FlowSource, Part, SecretOnly, Source, Template};

/// Where the cookies of a login are between its lines.
const COOKIES: &str = "bongsu-cookies.txt";

/// One line for each request that can be made by hand, each with its end.
pub fn curl(target: &Target) -> String {
    match &target.kind {
        Kind::Http(http) => of_http(target, http),
        Kind::Tls(tls) => of_tls(target, tls),
        Kind::Login(login) => of_login(target, login),
    }
}

fn of_http(target: &Target, http: &HttpOptions) -> String {
    let mut line = Line::of(target);
    line.route(&http.client.route);
    line.client(&http.client.tls.trust.roots, http.client.versions);
    line.follow(&http.follow);
    if http.compression {
        line.arg("--compressed");
    }
    line.headers(&http.headers);
    line.auth(http.auth.as_ref());
    if let Some(oauth2) = &http.oauth2 {
        let note = format!("# the token is one of {}", quoted(oauth2.token_url.as_str()));
        line.notes.push(note);
        line.with("--header", "Authorization: Bearer \0TOKEN\0");
    }
    line.body(&http.body);
    line.asks(&http.method, http.url.as_str());
    line.finish()
}

fn of_tls(target: &Target, tls: &TlsOptions) -> String {
    let mut line = Line::of(target);
    line.route(&tls.route);
    line.client(&tls.tls.trust.roots, HttpVersions::Any);
    if tls.starttls.is_some() {
        line.notes
            .push("# curl cannot begin TLS inside this protocol: openssl s_client can".into());
    }
    line.arg("--verbose --head");
    let host = if tls.host.contains(':') { format!("[{}]", tls.host) } else { tls.host.clone() };
    line.with("", &format!("https://{host}:{}/", tls.port));
    line.finish()
}

fn of_login(target: &Target, login: &LoginOptions) -> String {
    let mut text = String::new();
    for step in &login.steps {
        text.push_str(&of_step(target, login, step));
    }
    text
}

fn of_step(target: &Target, login: &LoginOptions, step: &LoginStep) -> String {
    let mut line = Line::of(target);
    line.notes.push(format!("# {}", in_comment(&step.step.name)));
    let (method, url, body) = match &step.action {
        Action::Request { method, url, body } => (method, url, body),
        Action::Submit(submit) => {
            let fields = submit.fields.iter().chain(&submit.add);
            let names: Vec<&str> = fields.map(|(name, _)| name.as_str()).collect();
            let said = format!("sends the form {} with {}", submit.form.0, names.join(", "));
            line.notes.push(format!("# {}", in_comment(&said)));
            return line.only_notes();
        }
        Action::Sign(_) => return line.without("signs with a certificate"),
        Action::Exec(_) => return line.without("runs a program"),
        Action::Wait(time) => {
            line.notes.push(format!("sleep {}", time.as_secs_f64()));
            return line.only_notes();
        }
    };
    line.route(&login.client.route);
    line.client(&login.client.tls.trust.roots, login.client.versions);
    line.arg(&format!("--compressed --cookie {COOKIES} --cookie-jar {COOKIES}"));
    line.follow(&step.follow);
    line.headers(login.headers.iter().chain(&step.headers));
    line.auth(step.auth.as_ref());
    line.body(body);
    let mut address = in_shell(url);
    if let Some(base) = login.base.as_ref().filter(|_| !address.contains("://")) {
        address = base.join(&address).map_or(address, |whole| whole.to_string());
    }
    for (index, (name, value)) in step.query.iter().enumerate() {
        let between = if index == 0 && !address.contains('?') { '?' } else { '&' };
        let name: String = byte_serialize(name.as_bytes()).collect();
        let _ = write!(address, "{between}{name}={}", in_shell(value));
    }
    line.asks(method, &address);
    line.finish()
}

struct Line {
    notes: Vec<String>,
    command: String,
}

impl Line {
    fn of(target: &Target) -> Line {
        let seconds = target.schedule.timeout().as_secs_f64();
        let mut command = format!("curl --silent --show-error --include --max-time {seconds}");
        match target.dial.ip {
            IpChoice::OnlyV4 => command.push_str(" --ipv4"),
            IpChoice::OnlyV6 => command.push_str(" --ipv6"),
            IpChoice::PreferV4 | IpChoice::PreferV6 | IpChoice::Both => {}
        }
        Line { notes: Vec::new(), command }
    }

    fn arg(&mut self, text: &str) {
        self.command.push(' ');
        self.command.push_str(text);
    }

    fn with(&mut self, option: &str, value: &str) {
        if !option.is_empty() {
            self.arg(option);
        }
        self.arg(&quoted(value));
    }

    fn route(&mut self, route: &RouteOptions) {
        if let Some(proxy) = &route.proxy {
            self.with("--proxy", proxy.url.as_str());
            if let Some((username, password)) = &proxy.credentials {
                let both = format!("{}:{}", in_shell(username), in_shell(password));
                self.with("--proxy-user", &both);
            }
        }
        if let Some((host, port)) = &route.connect_to {
            self.with("--connect-to", &format!("::{host}:{port}"));
        }
    }

    fn client(&mut self, roots: &Roots, versions: HttpVersions) {
        match roots {
            Roots::Webpki => {}
            Roots::File(file) | Roots::Both(file) => {
                self.with("--cacert", &file.display().to_string());
            }
        }
        match versions {
            HttpVersions::Any => {}
            HttpVersions::Http1 => self.arg("--http1.1"),
            HttpVersions::Http2 => self.arg("--http2-prior-knowledge"),
        }
    }

    fn follow(&mut self, follow: &Follow) {
        if follow.redirects > 0 {
            self.arg(&format!("--location --max-redirs {}", follow.redirects));
        }
    }

    fn headers<'h, S: InShell + Source + 'h>(
        &mut self,
        headers: impl IntoIterator<Item = &'h (HeaderName, Template<S>)>,
    ) {
        for (name, value) in headers {
            // Written out in the file it is a secret all the same.
            let value = match value.is_literal() && is_credential(name.as_str()) {
                true => variable("HEADER", name.as_str()),
                false => in_shell(value),
            };
            self.with("--header", &format!("{name}: {value}"));
        }
    }

    fn auth<S: InShell>(&mut self, auth: Option<&Auth<S>>) {
        match auth {
            None => {}
            Some(Auth::Basic { username, password }) => {
                self.with("--user", &format!("{}:{}", in_shell(username), in_shell(password)));
            }
            Some(Auth::Bearer(token)) => {
                self.with("--header", &format!("Authorization: Bearer {}", in_shell(token)));
            }
        }
    }

    fn body<S: InShell>(&mut self, body: &RequestBody<S>) {
        match body {
            RequestBody::None => {}
            RequestBody::Raw(text) => self.with("--data-raw", &in_shell(text)),
            RequestBody::Json(text) => {
                self.with("--header", "Content-Type: application/json");
                self.with("--data-raw", &in_shell(text));
            }
            RequestBody::Form(pairs) => {
                for (name, value) in pairs {
                    self.with("--data-urlencode", &format!("{name}={}", in_shell(value)));
                }
            }
        }
    }

    fn asks(&mut self, method: &http::Method, url: &str) {
        match *method {
            http::Method::HEAD => self.arg("--head"),
            ref method => self.arg(&format!("--request {method}")),
        }
        self.with("", &without_keys(url));
    }

    fn without(mut self, what: &str) -> String {
        self.notes.push(format!("# {what}: no line of curl does that"));
        self.only_notes()
    }

    fn only_notes(self) -> String {
        self.notes.iter().fold(String::new(), |text, note| text + note + "\n")
    }

    fn finish(self) -> String {
        let command = self.command.clone();
        self.only_notes() + &command + "\n"
    }
}

/// What a source is called in a shell, between two NULs, which no text of a file holds.
trait InShell {
    fn in_shell(&self) -> String;
}

impl InShell for SecretOnly {
    fn in_shell(&self) -> String {
        variable("SECRET", &self.0)
    }
}

impl InShell for FlowSource {
    fn in_shell(&self) -> String {
        match self {
            FlowSource::Text(text) => text.clone(),
            FlowSource::Secret(name) => variable("SECRET", name),
            FlowSource::Code(name) => variable("CODE", name),
            FlowSource::Capture(name) => variable("CAPTURE", name),
            FlowSource::Signed(name) => variable("SIGNED", name),
            FlowSource::Identity(name, _) => variable("IDENTITY", name),
            FlowSource::Date(..) => variable("DATE", ""),
            FlowSource::Uuid => variable("UUID", ""),
            FlowSource::Made(name, _) => variable("SET", name),
        }
    }
}

fn variable(kind: &str, name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = name.chars().map(letter).collect();
    let between = if name.is_empty() { "" } else { "_" };
    format!("\0{kind}{between}{name}\0")
}

fn in_shell<S: InShell>(template: &Template<S>) -> String {
    let part = |part: &Part<S>| match part {
        Part::Text(text) => text.replace('\0', ""),
        Part::Value { source, .. } => source.in_shell(),
    };
    template.parts.iter().map(part).collect()
}

/// One word of a shell: texts between single quotes, variables between double ones.
fn quoted(text: &str) -> String {
    let mut word = String::new();
    for (index, piece) in text.split('\0').enumerate() {
        match index % 2 {
            0 if piece.is_empty() => {}
            0 => {
                let _ = write!(word, "'{}'", piece.replace('\'', "'\\''"));
            }
            _ => {
                let _ = write!(word, "\"${piece}\"");
            }
        }
    }
    if word.is_empty() { "''".to_owned() } else { word }
}

/// An address whose query gives away neither tokens nor keys that are written out in the file.
fn without_keys(url: &str) -> String {
    let Some((address, query)) = url.split_once('?') else { return url.to_owned() };
    let pairs = query.split('&').map(|pair| {
        let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
        let lower = name.to_ascii_lowercase();
        let is_key = is_credential(&lower) || lower.contains("key");
        match is_key && !value.contains('\0') {
            true => format!("{name}={}", variable("QUERY", name)),
            false => pair.to_owned(),
        }
    });
    format!("{address}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// On one line, and without what moves the cursor.
fn in_comment(text: &str) -> String {
    visible(text.replace(['\n', '\t', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word_whatever_is_in_it() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted("user:\0SECRET_PW\0"), "'user:'\"$SECRET_PW\"");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$(reboot)`id`"), "'$(reboot)`id`'");
    }

    #[test]
    fn keys_that_are_written_out_in_an_address_are_not_told() {
        let told = |url: &str| quoted(&without_keys(url));
        assert_eq!(told("https://a.kr/?page=2"), "'https://a.kr/?page=2'");
        assert_eq!(
            told("https://a.kr/?serviceKey=0A1B&page=2"),
            "'https://a.kr/?serviceKey='\"$QUERY_SERVICEKEY\"'&page=2'"
        );
    }

    #[test]
    fn names_of_secrets_become_names_of_variables() {
        let template = Template {
            parts: vec![Part::Value { source: SecretOnly("gov24-pw.1".into()), pipes: Vec::new() }],
        };
        assert_eq!(quoted(&in_shell(&template)), "\"$SECRET_GOV24_PW_1\"");
    }
}
