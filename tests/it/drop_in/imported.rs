//! `bongsu import blackbox`: every module becomes a probe or is named with the reason, and a probe finds
//! what the real blackbox_exporter finds with the module.

use std::path::{Path, PathBuf};

use super::differential::{HTTP, PLAIN_CASES, site};
use super::{Exporter, path, series};
use crate::support::daemon::Setup;
use crate::support::http::{Asked, Reply};
use crate::support::output::{code, stderr, stdout};
use crate::support::pki::{Authority, Files, Leaf};
use crate::support::secure::acceptor;

const ALL_KEYS: &str = include_str!("../../fixtures/blackbox/all-keys.yml");
const EXAMPLES: &str = include_str!("../../fixtures/blackbox/examples.yml");

/// A module file, a Prometheus that asks about targets by it, and what came of them.
struct Imported {
    setup: Setup,
    said: String,
    text: String,
}

impl Imported {
    /// One job with all pairs of module and target.
    fn of(modules: &str, pairs: &[(String, String)]) -> Imported {
        let setup = Setup::new("");
        let (modules, targets) = (setup.write("blackbox.yml", modules), job(&setup, pairs));
        Imported::from(setup, &modules, &targets)
    }

    fn from(setup: Setup, modules: &Path, targets: &Path) -> Imported {
        let out = setup.path().join("new");
        let output = setup.output(&[
            "import",
            "blackbox",
            modules.to_str().unwrap(),
            "--targets",
            targets.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let text = std::fs::read_to_string(out.join("bongsu.yml")).unwrap();
        let check = setup.output(&["check", out.join("bongsu.yml").to_str().unwrap()]);
        assert_eq!(code(&check), 0, "{}\n{text}", stderr(&check));
        Imported { said: stdout(&output).to_owned(), setup, text }
    }

    /// Ids of the probes, in the order of the file.
    fn ids(&self) -> Vec<String> {
        let mut service = "";
        let mut ids = Vec::new();
        for line in self.text.lines() {
            if let Some(name) = line.strip_prefix("  - name: ") {
                service = name.trim_matches('"');
            } else if let Some(name) = line.strip_prefix("      - name: ") {
                ids.push(format!("{service}/{}", name.trim_matches('"')));
            }
        }
        ids
    }

    /// Whether a probe is up.
    fn is_up(&self, id: &str) -> (bool, String) {
        let file = self.setup.path().join("new/bongsu.yml");
        let flag = format!("--config.file={}", file.display());
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bongsu"));
        let output = command.args([&flag, "probe", id]).output().unwrap();
        (code(&output) == 0, format!("{}{}", stdout(&output), stderr(&output)))
    }
}

fn job(setup: &Setup, pairs: &[(String, String)]) -> PathBuf {
    let groups: String = pairs
        .iter()
        .map(|(target, module)| {
            format!("      - {{ targets: ['{target}'], labels: {{ module: {module} }} }}\n")
        })
        .collect();
    setup.write(
        "prometheus.yml",
        format!(
            "global: {{ scrape_interval: 30s }}\nscrape_configs:\n  - job_name: node\n    static_configs: \
             [{{ targets: ['a:9100'] }}]\n  - job_name: blackbox\n    metrics_path: /probe\n    \
             scrape_timeout: 25s\n    static_configs:\n{groups}    relabel_configs:\n      - {{ \
             source_labels: [__address__], target_label: __param_target }}\n      - {{ source_labels: \
             [module], target_label: __param_module }}\n      - {{ target_label: __address__, \
             replacement: '127.0.0.1:9115' }}\n"
        ),
    )
}

/// What the file's head says of what is left out, without the targets.
fn left_out(text: &str) -> Vec<&str> {
    let (_, after) = text.split_once("# What is left out").unwrap_or_default();
    after.lines().filter_map(|line| line.strip_prefix("# - ")).collect()
}

#[test]
fn every_module_becomes_a_probe_or_is_named_with_the_reason() {
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("  "));
        let names = lines.filter(|line| !line.starts_with(' '));
        names.filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
    };
    let pairs: Vec<(String, String)> = names(EXAMPLES)
        .into_iter()
        .map(|module| (format!("{}.probe.test:443", module.replace('_', "-")), module))
        .collect();
    assert_eq!(pairs.len(), 22);
    let imported = Imported::of(EXAMPLES, &pairs);
    let no_kind = "probes of ours are http, tls and login; keep it as a module with \
                   --blackbox.config.file, which runs it as it is";
    assert_eq!(
        left_out(&imported.text),
        [
            "module cel: it has CEL expressions; a probe of ours would have expect.json",
            "module dns: Bongsu has no dns prober",
            "module grpc: Bongsu has no grpc prober",
            "module http3: enable_http3: Bongsu speaks no HTTP/3",
            "module icmp: Bongsu has no icmp prober",
            "module inline_ca: tls_config has a certificate or key in the module file itself; write \
             them to files and name these in ca_file, cert_file and key_file",
            &format!("module irc: a conversation without TLS; {no_kind}"),
            "module proxy_headers: proxy_connect_header: Bongsu sends a proxy no headers of the file",
            "module signed: oauth2.grant_type asks for a signed assertion",
            &format!("module ssh_banner: a conversation without TLS; {no_kind}"),
            &format!("module ssh_names: a conversation without TLS; {no_kind}"),
            &format!("module tcp_connect: a bare TCP connection; {no_kind}"),
            "module unix: Bongsu has no unix prober",
            "module websocket: Bongsu has no websocket prober",
            "job node: it asks no blackbox_exporter",
        ]
    );
    assert_eq!(
        imported.ids(),
        [
            "http-2xx.probe.test/http_2xx",
            "no-keys.probe.test/no_keys",
            "http-post-2xx.probe.test/http_post_2xx",
            "pop3s-banner.probe.test/pop3s_banner",
            "postgresql.probe.test/postgresql",
            "proxy.probe.test/proxy",
            "gzip.probe.test/gzip",
            "oauth2.probe.test/oauth2",
        ]
    );
    assert!(imported.text.contains("starttls: postgres\n"), "{}", imported.text);
    let token = "oauth2: { token_url: \"https://api.probe.test/token\", client_id: a, client_secret: \
                 \"${secret.oauth2.client_secret}\" }";
    assert!(imported.text.contains(token), "{}", imported.text);
    assert!(imported.said.contains("module cel, 1 targets: it has CEL"), "{}", imported.said);
}

/// The keys that blackbox_exporter documents, with files that are there and with files that are not.
#[test]
fn every_key_is_carried_over_where_its_files_are() {
    let modules =
        ["everything", "bearer", "authorization", "body_file", "old_spelling", "conversation"];
    let pairs: Vec<(String, String)> = modules
        .into_iter()
        .chain(["defaults_by_null"])
        .map(|module| ("www.probe.test:443".to_owned(), module.to_owned()))
        .collect();
    let without = Imported::of(ALL_KEYS, &pairs);
    let refused = left_out(&without.text).join("\n");
    for part in [
        "module everything: /run/secrets/",
        "no such file; import where blackbox_exporter runs, or where this file is",
        "module bearer: /run/secrets/token: no such file",
    ] {
        assert!(refused.contains(part), "{part:?} is not in\n{refused}");
    }
    let files = Files::new();
    let authority = Authority::root("Own");
    let client = authority.issue(Leaf::named("client.probe.test").for_clients());
    let text = ALL_KEYS
        .replace("/etc/ssl/own.pem", files.write(&authority.cert.pem).to_str().unwrap())
        .replace("/etc/ssl/client.pem", files.write(&client.pem).to_str().unwrap())
        .replace("/etc/ssl/client.key", files.write(&client.key_pem).to_str().unwrap())
        .replace("/run/secrets/password", files.write("canary-password").to_str().unwrap())
        .replace("/run/secrets/token", files.write("canary-token").to_str().unwrap())
        .replace("/var/lib/body.json", files.write("{}").to_str().unwrap());
    let with = Imported::of(&text, &pairs);
    assert_eq!(
        left_out(&with.text),
        [
            "module body_file: a body with GET: probes of ours send none with it",
            "job node: it asks no blackbox_exporter"
        ]
    );
    for part in [
        "method: POST\n",
        "X-Number: \"7\"",
        "proxy: { url: \"http://proxy.probe.test:3128/\", no_proxy: [\"127.0.0.0/8\", \".probe.test\", \
         localhost, \"127.0.0.0/8\", \"::1\"] }",
        "http_version: \"1.1\"",
        "body_limit: 10MiB",
        "version: [\"1.0\", \"1.1\", \"2\"], tls: true",
        "{ not_matches: \"점검\\\\s*중\" }",
        "{ not_matches: \"\\\\{\\\"status\\\":\\\"down\\\"}\" }",
        "fail_if: [{ reason: header_mismatch, header: { Set-Cookie: exists } }]",
        "ip: only_ipv4",
        "basic_auth: { username: ops, password: \"${secret.everything.password}\" }",
        "Authorization: \"Token ${secret.authorization.credentials}\"",
        "follow: { redirects: 0 }",
    ] {
        assert!(with.text.contains(part), "{part:?} is not in\n{}", with.text);
    }
    assert!(with.text.contains("source_ip_address: the system chooses"), "{}", with.text);
    assert!(!with.text.contains("canary"), "{}", with.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_finds_what_the_module_finds() {
    let site = site().serve().await;
    let pairs: Vec<(String, String)> = PLAIN_CASES
        .iter()
        .map(|(at, module, _)| (site.url(at), (*module).to_owned()))
        .chain([
            (site.url("/to-root"), "stay".to_owned()),
            (site.url("/to-root"), "stay_3xx".to_owned()),
            (site.url("/to-cookie"), "http_2xx".to_owned()),
            (site.url("/for-ever"), "http_2xx".to_owned()),
            (site.url("/to-dead"), "http_2xx".to_owned()),
            (site.url("/303"), "post".to_owned()),
            (site.url("/307"), "post".to_owned()),
            (site.url("/auth").replace("http://", "http://ops:pw@"), "http_2xx".to_owned()),
            (format!("{}/dated", site.address), "ip4".to_owned()),
        ])
        .collect();
    let imported = Imported::of(HTTP, &pairs);
    compare(&imported, &pairs);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_judged_as_the_module_judges_them() {
    let (files, authority) = (Files::new(), Authority::root("Test Authority"));
    let modules = format!(
        "modules:\n  own: {{ prober: http, timeout: 20s, http: {{ tls_config: {{ ca_file: '{0}' }} }} }}\n  \
         named: {{ prober: http, timeout: 20s, http: {{ tls_config: {{ ca_file: '{0}', server_name: \
         www.probe.test }} }} }}\n  vhost: {{ prober: http, timeout: 20s, http: {{ headers: {{ Host: \
         www.probe.test }}, tls_config: {{ ca_file: '{0}' }} }} }}\n  tls: {{ prober: tcp, timeout: 20s, \
         tcp: {{ tls: true, tls_config: {{ ca_file: '{0}' }} }} }}\n",
        files.write(&authority.cert.pem).display()
    );
    let serve = |leaf: Leaf| {
        let tls = acceptor(&authority.issue(leaf), &[]);
        site().serve_at("127.0.0.1".parse().unwrap(), Some(tls))
    };
    let good = serve(Leaf::named("127.0.0.1")).await;
    let other = serve(Leaf::named("www.probe.test")).await;
    let expired = serve(Leaf::named("127.0.0.1").expired()).await;
    let mut pairs = Vec::new();
    for server in [&good, &other, &expired] {
        for module in ["own", "named", "vhost"] {
            pairs.push((server.url("/"), module.to_owned()));
        }
        pairs.push((server.address.to_string(), "tls".to_owned()));
    }
    let imported = Imported::of(&modules, &pairs);
    compare(&imported, &pairs);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_asked_for_as_the_module_asks() {
    let token = |_: &Asked| Reply::bytes(br#"{"access_token":"token"}"#.into());
    let refused = |_: &Asked| Reply::status(401);
    let site = site().on("POST", "/token", token).on("POST", "/refused", refused).serve().await;
    let module = |name: &str, token_url: &str, keys: &str| {
        format!(
            "  {name}: {{ prober: http, timeout: 20s, http: {{ oauth2: {{ client_id: a, client_secret: b, \
             token_url: '{}'{keys} }} }} }}\n",
            site.url(token_url)
        )
    };
    let names = ["good", "scoped", "wrong", "further"];
    let carried = "modules:\n".to_owned()
        + &module("good", "/token", "")
        + &module("scoped", "/token", ", scopes: [read, status]")
        + &module("wrong", "/refused", "")
        + &module("further", "/token", ", endpoint_params: { grant_type: client_credentials }");
    let pairs_of = |names: &[&str]| -> Vec<(String, String)> {
        names.iter().map(|name| (site.url("/auth"), (*name).to_owned())).collect()
    };
    let pairs = pairs_of(&names);
    let imported = Imported::of(&carried, &pairs);
    assert!(imported.text.contains("scope: \"read status\""), "{}", imported.text);
    compare(&imported, &pairs);
    let left = "modules:\n".to_owned()
        + &module("good", "/token", "")
        + &module("params", "/token", ", endpoint_params: { audience: x }")
        + &module("tls", "/token", ", tls_config: { insecure_skip_verify: true }")
        + &module("proxy", "/token", ", proxy_url: 'http://127.0.0.1:9/'");
    let imported = Imported::of(&left, &pairs_of(&["good", "params", "tls", "proxy"]));
    assert_eq!(
        left_out(&imported.text),
        [
            "module params: oauth2.endpoint_params.audience: probes of ours send none such",
            "module proxy: oauth2 has another proxy than the module, and a probe has one",
            "module tls: oauth2.tls_config differs from tls_config, and a probe has one",
            "job node: it asks no blackbox_exporter",
        ]
    );
}

/// Each probe and the module that it comes from, on the same servers.
fn compare(imported: &Imported, pairs: &[(String, String)]) {
    let exporter = Exporter::of(&imported.setup);
    let ids = imported.ids();
    assert_eq!(ids.len(), pairs.len(), "{}", imported.text);
    let mut differing = Vec::new();
    let mut successes = 0;
    for ((target, module), id) in pairs.iter().zip(&ids) {
        let theirs = series(&exporter.get(&path(target, module)))["probe_success"] == 1.0;
        let (ours, said) = imported.is_up(id);
        successes += usize::from(theirs);
        if ours != theirs {
            differing.push(format!("{module} of {target}: theirs {theirs}\n{said}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    // Else the comparison would be about nothing.
    assert!(successes > 2 && successes < pairs.len(), "{successes} of {}", pairs.len());
}

#[test]
fn every_mistake_of_all_files_is_told_at_once_and_nothing_is_written() {
    let setup = Setup::new("");
    let modules = setup.write(
        "blackbox.yml",
        "modules:\n  a: { prober: http, http: { compression: lzma } }\n  \
         b: { prober: tcp, tcp: { source_ip_address: here } }\n",
    );
    let targets =
        setup.write("targets.json", "[\n\t{ \"targets\": [\"a.kr\"] },\n\t{ \"targets\": 7 }\n]\n");
    let jobs = setup.write(
        "prometheus.yml",
        "scrape_configs:\n  - job_name: b\n    scrape_interval: soon\n    metrics_path: /probe\n    \
         file_sd_configs: [{ files: [nowhere/*.yml] }]\n    relabel_configs:\n      - { action: hashmod }\n      \
         - { regex: '(', target_label: a }\n",
    );
    let out = setup.path().join("new");
    let output = setup.output(&[
        "import",
        "blackbox",
        modules.to_str().unwrap(),
        &format!("--targets={}", jobs.display()),
        &format!("--targets={}", targets.display()),
        &format!("--out={}", out.display()),
    ]);
    assert_eq!(code(&output), 2);
    let said = stderr(&output);
    for part in [
        "blackbox.yml: 2 problems, nothing was written\n  2:",
        "is none of gzip, br, deflate, identity",
        "is no address",
        "prometheus.yml: 4 problems, nothing was written\n",
        "3:5   scrape_configs[0].scrape_interval: \"soon\" is no duration",
        "nowhere/*.yml: there is no such file",
        "7:11  scrape_configs[0].relabel_configs[0].action: \"hashmod\" cannot be followed here",
        "8:11  scrape_configs[0].relabel_configs[1].regex: \"(\" is no regular expression",
        "targets.json: 1 problem, nothing was written\n  3:15  [1].targets: ",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    assert!(!out.exists());
    // What is wrong with targets and modules together is told once both can be read.
    let modules = setup.write(
        "blackbox.yml",
        "modules:\n  http_2xx: { prober: http }\n  tls: { prober: tcp, tcp: { tls: true } }\n",
    );
    let pairs = [
        ("a.kr", "http_2xz"),
        ("https://b.kr/", "tls"),
        ("http://", "http_2xx"),
        ("c.kr", "http_2xx"),
    ];
    let pairs = pairs.map(|(target, module)| (target.to_owned(), module.to_owned()));
    let jobs = job(&setup, &pairs);
    let output = setup.output(&[
        "import",
        "blackbox",
        modules.to_str().unwrap(),
        &format!("--targets={}", jobs.display()),
        &format!("--out={}", out.display()),
    ]);
    let said = stderr(&output);
    for part in [
        "prometheus.yml: 3 problems, nothing was written\n",
        "9:21   scrape_configs[1].static_configs[0].targets[0]: ",
        "has no module \"http_2xz\"; did you mean \"http_2xx\"?",
        "\"https://b.kr/\" is no address of a tcp module; write host:port",
        "\"http://\" is no address of a web page",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    assert!(!out.exists());
}

#[test]
fn a_list_of_targets_has_the_module_that_is_named_and_labels_say_who_they_are() {
    let setup = Setup::new("");
    let modules = setup.write("blackbox.yml", "modules: { web: { prober: http } }\n");
    let targets = setup.write(
        "targets.json",
        "[\n\t{ \"targets\": [\"https://www.gov.kr\", \"https://www.gov.kr/a?b=${c}\"],\n\t\"labels\": { \"name\": \
         \"정부24\", \"owner\": \"행정안전부\", \"zone\": \"a\", \"site\": \"x\" } }\n]\n",
    );
    let out = setup.path().join("new");
    let output = setup.output(&[
        "import",
        "blackbox",
        modules.to_str().unwrap(),
        &format!("--targets={}", targets.display()),
        "--module=web",
        &format!("--out={}", out.display()),
    ]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = std::fs::read_to_string(out.join("bongsu.yml")).unwrap();
    for part in [
        "\n  - name: gov.kr\n    title: \"정부24\"\n    owner: \"행정안전부\"\n    probes:\n      - name: web\n        \
         labels: { zone: a }\n        http:\n          url: \"https://www.gov.kr/\"\n",
        "      - name: web-2\n",
        "url: \"https://www.gov.kr/a?b=$${c}\"",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let check = setup.output(&["check", out.join("bongsu.yml").to_str().unwrap()]);
    assert_eq!(code(&check), 0, "{}", stderr(&check));
}

#[test]
fn secrets_of_the_module_file_are_in_files_of_their_own() {
    use std::os::unix::fs::PermissionsExt;
    let modules = "modules:\n  a: { prober: http, http: { basic_auth: { username: ops, password: \
                   canary-basic }, headers: { X-Api-Key: canary-header } } }\n  b: { prober: http }\n";
    let pairs = [("https://a.kr", "a"), ("https://ops:canary-userinfo@b.kr", "b")];
    let pairs = pairs.map(|(target, module)| (target.to_owned(), module.to_owned()));
    let imported = Imported::of(modules, &pairs);
    assert!(!imported.text.contains("canary") && !imported.said.contains("canary"));
    for (name, secret) in [
        ("a.password", "canary-basic"),
        ("a.x_api_key", "canary-header"),
        ("b.kr.password", "canary-userinfo"),
    ] {
        let path = imported.setup.path().join("new/secrets").join(name);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), secret);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let line = format!("  {name}: {{ file: \"secrets/{name}\" }}\n");
        assert!(imported.text.contains(&line), "{line} is not in\n{}", imported.text);
    }
}
