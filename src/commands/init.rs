//! `bongsu init URL...`: a first configuration, a Prometheus that scrapes it, and what to type next.
//! It asks nothing and overwrites nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use url::Url;

use super::tell;
use crate::cli::{DEFAULT_PORT, Exit, Flags, InitArgs};
use crate::config;
use crate::language::Language;

/// The files, in the order in which they are told of.
const CONFIGURATION: &str = "bongsu.yml";
const SCHEMA: &str = "bongsu.schema.json";
const PROMETHEUS: &str = "prometheus.yml";

/// Bytes of a service's name (`config::Service::name`).
const NAME_BYTES_MAX: usize = 63;

pub(super) fn init(flags: &Flags, args: &InitArgs) -> Exit {
    let language = flags.terminal.language();
    let pages = match pages(&args.urls) {
        Ok(pages) => pages,
        Err(problem) => {
            tell(&mut io::stderr(), &problem);
            return Exit::Usage;
        }
    };
    let files = [
        (CONFIGURATION, configuration(&pages)),
        (SCHEMA, config::schema::schema()),
        (PROMETHEUS, prometheus()),
    ];
    let there: Vec<PathBuf> =
        files.iter().map(|(name, _)| args.out.join(name)).filter(|path| path.exists()).collect();
    if let [first, ..] = &there[..] {
        let (first, out) = (first.display(), args.out.display());
        let said = match language {
            Language::Korean => format!(
                "{first}: 이미 있는 파일은 덮어쓰지 않습니다. --out으로 {out}이 아닌 디렉터리를 지정하십시오. 아무것도 \
                 쓰지 않았습니다.\n"
            ),
            Language::English => format!(
                "{first} exists and is not overwritten; name a directory other than {out} by --out. \
                 Nothing was written\n"
            ),
        };
        tell(&mut io::stderr(), &said);
        return Exit::Failed;
    }
    for (name, text) in &files {
        let path = args.out.join(name);
        if let Err(error) = write_new(&path, text) {
            tell(&mut io::stderr(), &format!("{}: {error}\n", path.display()));
            return Exit::Failed;
        }
    }
    tell(&mut io::stdout(), &next(&args.out, &pages, language));
    Exit::Ok
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// The pages of each service, in the order in which they were given.
fn pages(urls: &[String]) -> Result<Vec<(String, Vec<Url>)>, String> {
    let mut services: Vec<(String, Vec<Url>)> = Vec::new();
    for text in urls {
        let whole = if text.contains("://") { text.clone() } else { format!("https://{text}") };
        let url = Url::parse(&whole).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(mut url) = url.filter(|url| url.host_str().is_some()) else {
            return Err(format!(
                "{text:?} is no http or https address; write https://www.gov.kr\n"
            ));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!(
                "{}: a password does not belong into an address\n",
                url.host_str().unwrap_or_default()
            ));
        }
        url.set_fragment(None);
        let name = name_of(&url);
        match services.iter_mut().find(|(other, _)| *other == name) {
            Some((_, pages)) if pages.contains(&url) => {}
            Some((_, pages)) => pages.push(url),
            None => services.push((name, vec![url])),
        }
    }
    Ok(services)
}

/// The host as a service's name: `www.gov.kr` is `gov.kr`.
fn name_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let letter = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
    let name: String = host.chars().map(letter).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    name.chars().take(NAME_BYTES_MAX).collect()
}

fn configuration(services: &[(String, Vec<Url>)]) -> String {
    let mut text = format!(
        "# yaml-language-server: $schema={SCHEMA}\n\
         # A first configuration of Bongsu. Probe only systems whose owner agreed.\n\
         # Every key is explained in config/example.yml of the project; an editor that knows the line above\n\
         # completes them.\n\
         \n\
         defaults:\n  \
           interval: 30s   # from one run to the next\n  \
           timeout: 10s    # a page that takes longer is down\n\
         \n\
         # Places that are always there. When none of them answers, this vantage is offline, and nobody is\n\
         # blamed. Name your own gateway and one place outside:\n\
         # controls: [\"tcp://192.0.2.1:53\", \"https://www.example.com/\"]\n\
         \n\
         services:\n"
    );
    for (name, pages) in services {
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "  - name: {}\n    \
                 # title: its name for people; owner: whom to call; grade: 1 to 4, 1 is the most important\n    \
                 probes:\n",
            scalar(name)
        );
        let mut certificates: BTreeMap<String, ()> = BTreeMap::new();
        for (index, url) in pages.iter().enumerate() {
            let number = if index == 0 { String::new() } else { format!("-{}", index + 1) };
            let _ = write!(
                text,
                "      - name: front{number}\n        \
                         http:\n          \
                           url: {}\n          \
                           # A page can be there and say that the service is not:\n          \
                           # expect: {{ body: {{ contains: 로그인 }} }}\n",
                scalar(url.as_str())
            );
            let host = url.host_str().unwrap_or_default();
            let address = format!("{host}:{}", url.port_or_known_default().unwrap_or(443));
            if url.scheme() == "https" && certificates.insert(address.clone(), ()).is_none() {
                let number = match certificates.len() {
                    1 => String::new(),
                    count => format!("-{count}"),
                };
                let _ = write!(
                    text,
                    "      - name: cert{number}\n        tls: {{ address: {} }}\n",
                    scalar(&address)
                );
            }
        }
    }
    text
}

/// As a YAML scalar that is taken literally.
fn scalar(text: &str) -> String {
    serde_json::Value::from(text.replace("${", "$${")).to_string()
}

fn prometheus() -> String {
    format!(
        "# A Prometheus that scrapes Bongsu; promtool check config {PROMETHEUS} tries it.\n\
         global:\n  \
           scrape_interval: 15s\n  \
           evaluation_interval: 15s\n\
         \n\
         # Put the project's config/prometheus/rules beside this file: they name the cause of an outage.\n\
         rule_files: [\"rules/*.yml\"]\n\
         \n\
         scrape_configs:\n  \
           # The rules and dashboards select this name.\n  \
           - job_name: bongsu\n    \
             # \"instance\" is the probed endpoint, and not the daemon.\n    \
             honor_labels: true\n    \
             static_configs:\n      \
               - targets: [\"127.0.0.1:{DEFAULT_PORT}\"]\n        \
                 # The place that looks, and which of its replicas this is.\n        \
                 labels: {{ vantage: here, prober: a }}\n"
    )
}

/// What was written, and the next three commands.
fn next(out: &Path, services: &[(String, Vec<Url>)], language: Language) -> String {
    let file = |name: &str| quoted(&out.join(name).display().to_string());
    let (configuration, prometheus) = (file(CONFIGURATION), file(PROMETHEUS));
    let schema = file(SCHEMA);
    let probe = services.first().map(|(name, _)| format!("{name}/front")).unwrap_or_default();
    match language {
        Language::Korean => format!(
            "작성한 파일:\n  {configuration}   설정\n  {schema}   편집기의 자동 완성\n  {prometheus}   Prometheus 설정, 경보 규칙은 \
             그 옆의 rules/에 둡니다\n\n다음 명령:\n  bongsu check {configuration}\n  bongsu --config.file={configuration} \
             probe {probe}\n  bongsu --config.file={configuration}\n"
        ),
        Language::English => format!(
            "written:\n  {configuration}   the configuration\n  {schema}   for editors\n  {prometheus}   Prometheus; its \
             rules go into rules/ beside it\n\nnext:\n  bongsu check {configuration}\n  bongsu \
             --config.file={configuration} probe {probe}\n  bongsu --config.file={configuration}\n"
        ),
    }
}

/// A path as a word of a shell.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}
