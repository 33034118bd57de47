//! The real daemon under load, as a process of its own beside a simulated estate.
//!
//! `make bench-https`: 1,000 HTTPS probes every 10 s against a TLS server on loopback. Budget: no
//! skipped run, resident memory below 60 MB.
//!
//! `make bench-blackhole`: 10,000 probes of addresses that drop every packet, beside 100 healthy
//! ones, in a network namespace of its own (root). Budget: no skipped run, bounded memory, every
//! healthy run a success.
//!
//! `make bench-login`: 500 login flows of three steps over HTTPS, every 60 s; and every 10 s beside
//! 500 single GETs, because a login must cost at most 2.5 times the processor time of a GET: its
//! steps share a connection. Budget: no skipped run.
//!
//! Another duration: `cargo bench --bench daemon -- https 300` (seconds after warming up).

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

/// Every probe has run, and the memory of the first runs has been given back.
const WARM_UP: Duration = Duration::from_secs(30);
const DEFAULT_SECONDS: u64 = 120;
/// As the shipped Prometheus does.
const SCRAPE_EVERY: Duration = Duration::from_secs(5);
/// Jiffies of `/proc/PID/stat` a second; 100 on every Linux of the last decades.
const TICKS: f64 = 100.0;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let seconds = arguments.get(1).and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_SECONDS);
    let span = Duration::from_secs(seconds);
    match arguments.first().map(String::as_str) {
        Some("estate") => estate(),
        Some("https") => https(span),
        Some("login") => login(span),
        Some("blackhole") => enter_namespace(seconds),
        Some("blackhole-inside") => black_hole(span),
        _ => println!("one of: https [SECONDS], login [SECONDS], blackhole [SECONDS]"),
    }
}

fn https(span: Duration) {
    let estate = Estate::start();
    let mut config = head(&estate, "interval: 10s, timeout: 5s");
    for service in 0..100 {
        let urls = (0..10).map(|page| estate.url(service * 10 + page));
        push_service(&mut config, &format!("service-{service:03}"), urls);
    }
    let daemon = Daemon::start(&config);
    let found = daemon.observe(span);
    println!("1,000 HTTPS probes every 10 s for {span:?}, scraped every {SCRAPE_EVERY:?}");
    found.print();
    println!("  successes             {:.0}", found.successes);
    verdict(&[
        ("no run is skipped", found.skipped == 0.0),
        ("every run succeeds", found.successes == found.runs && found.runs > 0.0),
        ("resident memory below 60 MB", found.rss_max_kib < 60_000),
    ]);
}

/// Of a login over a GET.
const LOGIN_COST_MAX: f64 = 2.5;
const FLOWS: usize = 500;

fn login(span: Duration) {
    let estate = Estate::start();
    let calm = Daemon::start(&flows(&estate, "interval: 60s, timeout: 20s")).observe(span);
    println!("{FLOWS} logins over HTTPS every 60 s for {span:?}");
    calm.print();
    let flows = Daemon::start(&flows(&estate, "interval: 10s, timeout: 5s")).observe(span);
    println!("{FLOWS} logins over HTTPS every 10 s for {span:?}");
    flows.print();
    let mut config = head(&estate, "interval: 10s, timeout: 5s");
    push_service(&mut config, "pages", (0..FLOWS).map(|page| estate.url(page)));
    let pages = Daemon::start(&config).observe(span);
    println!("{FLOWS} GETs over HTTPS every 10 s for {span:?}");
    pages.print();
    let ratio = (flows.cpu / flows.runs) / (pages.cpu / pages.runs);
    println!("a login costs {ratio:.2} times a GET");
    let whole = |found: &Found| found.successes == found.runs && found.runs > 0.0;
    verdict(&[
        ("no run is skipped", calm.skipped + flows.skipped + pages.skipped == 0.0),
        ("every run succeeds", whole(&calm) && whole(&flows) && whole(&pages)),
        ("a login costs at most 2.5 times a GET", ratio <= LOGIN_COST_MAX),
    ]);
}

/// Logins with an account each: two runs of one account would wait for each other.
fn flows(estate: &Estate, schedule: &str) -> String {
    let file = |name: &str| estate.directory.path().join(name).display().to_string();
    fs::write(file("secret"), "an-account-of-the-benchmark").unwrap();
    let mut config = head(estate, schedule).replace("services:\n", "secrets:\n");
    for flow in 0..FLOWS {
        writeln!(config, "  user{flow}: {{ file: {} }}", file("secret")).unwrap();
    }
    config.push_str("services:\n  - name: logins\n    probes:\n");
    for flow in 0..FLOWS {
        writeln!(
            config,
            "      - name: p{flow:03}\n        login:\n          base: https://localhost:{}\n          \
             steps:\n            - {{ name: page, get: /flow/login, expect: {{ css: {{ 'form#f': exists }} \
             }} }}\n            - {{ name: submit, submit: {{ form: 'form#f', fields: {{ user: \
             '${{secret.user{flow}}}' }} }}, expect: {{ cookie: {{ SESSION: exists }} }} }}\n            - {{ \
             name: main, get: /flow/main, expect: {{ css: {{ 'a[href*=logout]': exists }} }} }}",
            estate.port
        )
        .unwrap();
    }
    config
}

fn black_hole(span: Duration) {
    let estate = Estate::start();
    let mut config = head(&estate, "interval: 30s, timeout: 10s");
    for service in 0..100 {
        let urls = (0..100).map(|host| format!("http://10.99.{service}.{}/", host + 100));
        push_service(&mut config, &format!("dark-{service:03}"), urls);
    }
    push_service(&mut config, "light", (0..100).map(|page| estate.url(page)));
    let daemon = Daemon::start(&config);
    let found = daemon.observe(span);
    let text = daemon.metrics();
    let light = |result: &str| {
        sum(&text, "bongsu_probe_runs_total{service=\"light\"", &format!("result=\"{result}\""))
    };
    let (good, bad) = (light("success"), light("failure") + light("unknown"));
    let in_flight = sum(&text, "bongsu_probes_in_flight", "");
    println!("10,000 probes into a black hole and 100 healthy ones, every 30 s for {span:?}");
    found.print();
    println!("  in flight at the end  {in_flight:.0}");
    println!("  healthy probes        {good:.0} successes, {bad:.0} others");
    verdict(&[
        ("no run is skipped", found.skipped == 0.0),
        ("healthy probes are unharmed", bad == 0.0 && good >= 100.0),
        ("resident memory below 512 MB", found.rss_max_kib < 512_000),
    ]);
}

/// A network of its own, in which 10.99.0.0/16 swallows everything: the addresses are local, and
/// what arrives at them is dropped without a word.
const BLACK_HOLE: &str = "ip link set lo up && ip route add local 10.99.0.0/16 dev lo \
    && nft add table inet hole \
    && nft 'add chain inet hole in { type filter hook input priority 0; }' \
    && nft add rule inet hole in ip daddr 10.99.0.0/16 drop";

fn enter_namespace(seconds: u64) {
    let own = std::env::current_exe().unwrap();
    let script = format!("{BLACK_HOLE} && exec {} blackhole-inside {seconds}", own.display());
    let status = Command::new("unshare").args(["--net", "sh", "-c", &script]).status().unwrap();
    assert!(
        status.success(),
        "a budget was missed; or root, ip or nft is (apt: iproute2, nftables)"
    );
}

fn head(estate: &Estate, schedule: &str) -> String {
    let roots = estate.directory.path().join("ca.pem");
    format!("defaults: {{ {schedule}, trust: {{ roots: {} }} }}\nservices:\n", roots.display())
}

fn push_service(config: &mut String, name: &str, urls: impl Iterator<Item = String>) {
    writeln!(config, "  - name: {name}\n    probes:").unwrap();
    for (number, url) in urls.enumerate() {
        writeln!(config, "      - name: p{number:03}\n        http: {{ url: \"{url}\" }}").unwrap();
    }
}

/// What was seen between warming up and the end.
struct Found {
    runs: f64,
    successes: f64,
    skipped: f64,
    cpu: f64,
    lag_p99: String,
    rss_kib: u64,
    rss_max_kib: u64,
}

impl Found {
    fn print(&self) {
        println!("  runs                  {:.0}", self.runs);
        println!("  skipped runs          {:.0}", self.skipped);
        println!("  lag, 99th percentile  at most {} s", self.lag_p99);
        let each = self.cpu / self.runs * 1000.0;
        println!("  processor time        {:.2} s, {each:.2} ms a run, scrapes included", self.cpu);
        println!("  resident memory       {:.1} MB at the end", self.rss_kib as f64 / 1000.0);
        println!("  resident memory       {:.1} MB at most", self.rss_max_kib as f64 / 1000.0);
    }
}

fn verdict(budgets: &[(&str, bool)]) {
    for (budget, kept) in budgets {
        println!("  {} {budget}", if *kept { "ok    " } else { "MISSED" });
    }
    assert!(budgets.iter().all(|(_, kept)| *kept), "a budget was missed");
}

/// The real binary.
struct Daemon {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Daemon {
    fn start(config: &str) -> Daemon {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bongsu.yml");
        fs::write(&file, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_bongsu"))
            .arg(format!("--config.file={}", file.display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .arg("--log.format=json")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("the daemon ended").unwrap();
            let line: serde_json::Value = serde_json::from_str(&line).expect(&line);
            if line["msg"] == "listening" {
                let address = line["address"].as_str().unwrap().to_owned();
                break address.rsplit(':').next().unwrap().parse().unwrap();
            }
        };
        // Ten thousand failures are ten thousand lines; the pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        Daemon { child, port, _directory: directory }
    }

    fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn observe(&self, span: Duration) -> Found {
        std::thread::sleep(WARM_UP);
        let (before, cpu_before) = (self.metrics(), self.cpu());
        let end = Instant::now() + span;
        let mut rss_max_kib = 0;
        while Instant::now() < end {
            std::thread::sleep(SCRAPE_EVERY.min(end.saturating_duration_since(Instant::now())));
            self.metrics();
            rss_max_kib = rss_max_kib.max(self.memory("VmRSS"));
        }
        let (after, cpu_after) = (self.metrics(), self.cpu());
        let delta = |name: &str, part: &str| sum(&after, name, part) - sum(&before, name, part);
        Found {
            runs: delta("bongsu_run_duration_seconds_count{", ""),
            successes: delta("bongsu_probe_runs_total{", "result=\"success\"")
                + delta("bongsu_probe_rechecks_total{", "result=\"success\""),
            skipped: sum(&after, "bongsu_scheduler_skipped_runs_total", ""),
            cpu: cpu_after - cpu_before,
            lag_p99: lag_p99(&after),
            rss_kib: self.memory("VmRSS"),
            rss_max_kib,
        }
    }

    /// Seconds of processor time, user and system.
    fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let rest = stat.rsplit(") ").next().unwrap();
        let field = |at: usize| rest.split(' ').nth(at).unwrap().parse::<f64>().unwrap();
        (field(11) + field(12)) / TICKS
    }

    fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sum of the samples whose line starts and contains so.
fn sum(text: &str, start: &str, part: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(start) && line.contains(part));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// The bound of the bucket that holds the 99th percentile.
fn lag_p99(text: &str) -> String {
    let count = sum(text, "bongsu_scheduler_lag_seconds_count", "");
    let mut buckets =
        text.lines().filter(|line| line.starts_with("bongsu_scheduler_lag_seconds_bucket"));
    let bucket = buckets
        .find(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() >= 0.99 * count);
    let bound = bucket.and_then(|line| line.split('"').nth(1));
    bound.unwrap_or("?").to_owned()
}

/// The simulated estate, in a process of its own so that its work is not the daemon's.
struct Estate {
    child: Child,
    port: u16,
    directory: tempfile::TempDir,
}

impl Estate {
    fn start() -> Estate {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("estate")
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Estate { child, port: line.trim().parse().unwrap(), directory }
    }

    fn url(&self, page: usize) -> String {
        format!("https://localhost:{}/page/{page}", self.port)
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves pages over TLS until killed; prints its port and leaves `ca.pem` in its directory.
fn estate() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    fs::write("ca.pem", authority.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let body = "봉수".repeat(500);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let answer: Arc<[u8]> = answer.into_bytes().into();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.ok()?;
                loop {
                    let request = read_request(&mut stream).await?;
                    let Some(page) = flow_page(&request) else { break };
                    stream.write_all(page.as_bytes()).await.ok()?;
                    stream.flush().await.ok()?;
                }
                stream.write_all(&answer).await.ok()?;
                stream.shutdown().await.ok()
            });
        }
    });
}

/// Head and body of a request.
async fn read_request(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 || bytes.len() > 65_536 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
            return Some(text);
        }
    }
}

/// The pages of a login, on a connection that stays open.
fn flow_page(request: &str) -> Option<String> {
    let body = match request.split_once(" http/")?.0 {
        "get /flow/login" => {
            "<form id=f method=post action=/flow/login><input type=hidden name=csrf value=t>\
             <input name=user><input type=password name=pw></form>"
        }
        "post /flow/login" | "get /flow/main" => "<h1>main</h1><a href=/flow/logout>logout</a>",
        _ => return None,
    };
    let body = format!("{body}{}", "봉수".repeat(500));
    Some(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Set-Cookie: SESSION=1; Path=/\r\n\r\n{body}",
        body.len()
    ))
}
