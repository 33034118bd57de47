//! `bongsu init URL...`: a first configuration, a Prometheus that scrapes it, and what to type next.
//! It asks nothing and overwrites nothing.

use std::path::Path;

use base::shell_word;

use super::first_files::{self, CONFIGURATION, FirstFile, SCHEMA};
use super::new_service::{self, NewService};
use super::{names, print, tell};
use crate::cli::{DEFAULT_PORT, Exit, Flags, InitArgs, TypedWord};
use crate::language::Language;

/// The third file, beside the configuration and its schema.
const PROMETHEUS: &str = "prometheus.yml";

pub(super) fn init(flags: &Flags, args: &InitArgs) -> Exit {
    let language = flags.terminal.language();
    if let Some((word, typed)) =
        args.urls.iter().find_map(|word| Some((word, TypedWord::file(word)?)))
    {
        let is_file =
            language.pick("주소가 아니라 파일 이름입니다", "is the name of a file and no address");
        tell(&format!("{word}: {is_file}\n{}", typed.instead(word, language)));
        return Exit::Usage;
    }
    let services = match services(&args.urls) {
        Ok(services) => services,
        Err(problem) => {
            tell(&format!("{problem}\n"));
            return Exit::Usage;
        }
    };
    let files = [
        FirstFile::new(CONFIGURATION, configuration(&services)),
        FirstFile::schema(),
        FirstFile::new(PROMETHEUS, prometheus()),
    ];
    if let Err(exit) = first_files::write(&args.out, &files, language) {
        return exit;
    }
    print(&written(&args.out, &services, language))
}

/// The pages of each service, in the order in which they were given.
fn services(urls: &[String]) -> Result<Vec<NewService>, String> {
    let mut services: Vec<NewService> = Vec::new();
    for text in urls {
        let url = new_service::page(text)?;
        let name = names::of_host(&url);
        match services.iter_mut().find(|service| service.name == name) {
            Some(service) if service.pages.contains(&url) => {}
            Some(service) => service.pages.push(url),
            None => services.push(NewService { name, pages: vec![url], ..NewService::default() }),
        }
    }
    Ok(services)
}

fn configuration(services: &[NewService]) -> String {
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
    services.iter().for_each(|service| service.write(&mut text));
    text
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
fn written(out: &Path, services: &[NewService], language: Language) -> String {
    let file = |name: &str| shell_word(&out.join(name).display().to_string());
    let (configuration, prometheus) = (file(CONFIGURATION), file(PROMETHEUS));
    let schema = file(SCHEMA);
    let probe = services.first().map(|service| format!("{}/front", service.name));
    let next = first_files::next(out, &probe.unwrap_or_default(), language);
    match language {
        Language::Korean => format!(
            "작성한 파일:\n  {configuration}   설정\n  {schema}   편집기의 자동 완성\n  {prometheus}   Prometheus 설정, 경보 규칙은 \
             그 옆의 rules/에 둡니다\n{next}"
        ),
        Language::English => format!(
            "written:\n  {configuration}   the configuration\n  {schema}   for editors\n  {prometheus}   Prometheus; its \
             rules go into rules/ beside it\n{next}"
        ),
    }
}
