//! The daemon and Debian's blackbox_exporter against the same nginx.
//!
//! First both at once with 100 runs a second each, the daemon scraped every 5 s: 1,000 HTTPS
//! probes, then 1,000 HTTP probes. Then one after the other under full load: as many runs as the
//! machine can make beside the server. Every connection is new and every handshake whole.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::process::{Daemon, Found, Process, WARM_UP};
use crate::{head, push_service, verdict};

/// Runs a second of each in the first part.
const PACE: u32 = 100;
/// Connections on which probes are asked for, like those of a Prometheus.
pub(crate) const ASKERS: u32 = 10;
/// What a run may cost beside one of blackbox_exporter.
struct Budget {
    secure: bool,
    paced: Option<f64>,
    saturated: f64,
    /// Probes every second that fill a machine of two cores, the server's share included.
    full_load: usize,
}

const BUDGETS: [Budget; 2] = [
    Budget { secure: true, paced: Some(1.0 / 8.0), saturated: 1.0 / 4.0, full_load: 1_000 },
    Budget { secure: false, paced: None, saturated: 1.0 / 6.0, full_load: 2_500 },
];

pub(crate) fn compare(span: Duration) {
    let web = Web::start();
    let mut kept = Vec::new();
    for budget in &BUDGETS {
        let scheme = if budget.secure { "HTTPS" } else { "HTTP" };
        let (ours, theirs) = paced(&web, budget.secure, span);
        println!("1,000 {scheme} probes every 10 s for {span:?}, scraped every 5 s");
        ours.print();
        theirs.print();
        let ratio = ours.cpu_per_run() / theirs.cpu_per_run();
        println!("  RATIO                 1/{:.1}", 1.0 / ratio);
        kept.push(("every run succeeds", ours.all_succeeded() && theirs.failures == 0));
        if let Some(limit) = budget.paced {
            kept.push(("a paced HTTPS run costs at most 1/8", ratio <= limit));
        }
    }
    for budget in &BUDGETS {
        let scheme = if budget.secure { "HTTPS" } else { "HTTP" };
        let (ours, theirs) = saturated(&web, budget, span);
        println!("{scheme}, as many runs a second as can be made");
        ours.print();
        theirs.print();
        let ratio = ours.cpu_per_run() / theirs.cpu_per_run();
        println!("  RATIO                 1/{:.1}", 1.0 / ratio);
        // Of runs that time out, the cost says nothing: the machine was too busy for this load.
        kept.push(("every run under full load succeeds", ours.all_succeeded()));
        kept.push((
            if budget.secure {
                "a saturated HTTPS run costs at most 1/4"
            } else {
                "a saturated HTTP run costs at most 1/6"
            },
            ratio <= budget.saturated,
        ));
    }
    verdict(&kept);
}

fn paced(web: &Web, secure: bool, span: Duration) -> (Found, Asked) {
    let daemon = Daemon::start(&config(web, secure, (1_000, "interval: 10s, timeout: 5s")));
    let blackbox = Blackbox::start(web);
    let interval = Duration::from_secs(1) * ASKERS / PACE;
    let mut asking = blackbox.ask(&web.url(secure), Some(interval));
    std::thread::sleep(WARM_UP);
    asking.begin(&blackbox);
    let found = daemon.observe_warm(span);
    (found, asking.end(&blackbox))
}

fn saturated(web: &Web, budget: &Budget, span: Duration) -> (Found, Asked) {
    let schedule = (budget.full_load, "interval: 1s, timeout: 900ms");
    let ours = Daemon::start(&config(web, budget.secure, schedule)).observe(span);
    let blackbox = Blackbox::start(web);
    let mut asking = blackbox.ask(&web.url(budget.secure), None);
    std::thread::sleep(WARM_UP / 3);
    asking.begin(&blackbox);
    std::thread::sleep(span);
    (ours, asking.end(&blackbox))
}

pub(crate) fn config(web: &Web, secure: bool, (probes, schedule): (usize, &str)) -> String {
    let mut config = head(&web.file("ca.pem"), schedule);
    for service in 0..probes / 10 {
        let urls = (0..10).map(|page| format!("{}?{}", web.url(secure), service * 10 + page));
        push_service(&mut config, &format!("service-{service:03}"), urls);
    }
    config
}

/// What blackbox_exporter did between two moments.
pub(crate) struct Asked {
    runs: usize,
    failures: usize,
    cpu: f64,
    rss_kib: u64,
}

impl Asked {
    fn cpu_per_run(&self) -> f64 {
        self.cpu / self.runs as f64
    }

    fn print(&self) {
        println!("  blackbox_exporter     {} runs, {} failures", self.runs, self.failures);
        println!("  blackbox_exporter     {:.2} ms a run", self.cpu_per_run() * 1000.0);
        println!("  blackbox_exporter     {:.1} MB at the end", self.rss_kib as f64 / 1000.0);
    }
}

/// nginx with a page over HTTP and HTTPS; its certificate comes with an intermediate, as usual.
pub(crate) struct Web {
    http: u16,
    https: u16,
    directory: tempfile::TempDir,
    _process: Process,
}

impl Web {
    pub(crate) fn start() -> Web {
        let directory = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        let params = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let root = KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(params("root"), root).unwrap();
        let between = KeyPair::generate().unwrap();
        let between = CertifiedIssuer::signed_by(params("intermediate"), between, &root).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &between).unwrap();
        put("ca.pem", &root.pem());
        put("chain.pem", &(leaf.pem() + &between.pem()));
        put("key.pem", &key.serialize_pem());
        put("index.html", &"봉수".repeat(500));
        let (http, https) = (free_port(), free_port());
        let config = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr error;\n\
             worker_rlimit_nofile 20000; events {{ worker_connections 10000; }}\n\
             http {{ access_log off; keepalive_timeout 75s; ssl_certificate chain.pem;\n\
             ssl_certificate_key key.pem; ssl_session_tickets off;\n\
             server {{ listen 127.0.0.1:{http} backlog=4096;\n\
             listen 127.0.0.1:{https} ssl backlog=4096; root .; }} }}\n"
        );
        put("nginx.conf", &config);
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let prefix = directory.path().display().to_string();
        let child = Command::new("nginx")
            .env("PATH", path)
            .args(["-p", &prefix, "-c", "nginx.conf", "-e", "stderr"])
            .spawn()
            .expect("nginx (apt: nginx-light)");
        let process = Process(child);
        wait_for(http);
        Web { http, https, directory, _process: process }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn port(&self, secure: bool) -> u16 {
        if secure { self.https } else { self.http }
    }

    pub(crate) fn url(&self, secure: bool) -> String {
        let scheme = if secure { "https" } else { "http" };
        format!("{scheme}://localhost:{}/", self.port(secure))
    }
}

/// Debian's blackbox_exporter with one module that asks as our probes do.
pub(crate) struct Blackbox {
    port: u16,
    pub(crate) process: Process,
}

impl Blackbox {
    pub(crate) fn start(web: &Web) -> Blackbox {
        let config = format!(
            "modules:\n  page:\n    prober: http\n    timeout: 5s\n    http:\n      \
             preferred_ip_protocol: ip4\n      tls_config: {{ ca_file: {} }}\n",
            web.file("ca.pem").display()
        );
        let file = web.file("blackbox.yml");
        fs::write(&file, config).unwrap();
        let port = free_port();
        let child = Command::new("prometheus-blackbox-exporter")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=error")
            .stderr(Stdio::null())
            .spawn()
            .expect("blackbox_exporter (apt: prometheus-blackbox-exporter)");
        let process = Process(child);
        wait_for(port);
        Blackbox { port, process }
    }

    /// Asks for probes on a few connections, each waiting for its answer, until [`Asking::end`].
    pub(crate) fn ask(&self, target: &str, interval: Option<Duration>) -> Asking {
        let tally = Arc::new(Tally::default());
        let request =
            format!("GET /probe?module=page&target={target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let askers = (0..ASKERS)
            .map(|number| {
                let (tally, request, port) = (Arc::clone(&tally), request.clone(), self.port);
                std::thread::spawn(move || {
                    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                    let mut stream = BufReader::new(stream);
                    let mut due = Instant::now() + interval.unwrap_or_default() * number / ASKERS;
                    while !tally.ended.load(Ordering::Relaxed) {
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        due += interval.unwrap_or_default();
                        stream.get_mut().write_all(request.as_bytes()).unwrap();
                        let good = answer(&mut stream).contains("\nprobe_success 1\n");
                        tally.runs.fetch_add(1, Ordering::Relaxed);
                        tally.failures.fetch_add(usize::from(!good), Ordering::Relaxed);
                    }
                })
            })
            .collect();
        Asking { tally, askers, from: None }
    }
}

/// What the askers count.
#[derive(Default)]
struct Tally {
    runs: AtomicUsize,
    failures: AtomicUsize,
    ended: AtomicBool,
}

/// Probes being asked for.
pub(crate) struct Asking {
    tally: Arc<Tally>,
    askers: Vec<JoinHandle<()>>,
    from: Option<(usize, f64)>,
}

impl Asking {
    /// Runs so far, and how many of them failed.
    pub(crate) fn made(&self) -> (u64, u64) {
        let of = |number: &AtomicUsize| number.load(Ordering::Relaxed) as u64;
        (of(&self.tally.runs), of(&self.tally.failures))
    }

    /// Counts from now.
    fn begin(&mut self, blackbox: &Blackbox) {
        self.from = Some((self.tally.runs.load(Ordering::Relaxed), blackbox.process.cpu()));
    }

    pub(crate) fn end(self, blackbox: &Blackbox) -> Asked {
        let (runs, cpu) = self.from.unwrap_or_default();
        let asked = Asked {
            runs: self.tally.runs.load(Ordering::Relaxed) - runs,
            failures: self.tally.failures.load(Ordering::Relaxed),
            cpu: blackbox.process.cpu() - cpu,
            rss_kib: blackbox.process.rss_kib(),
        };
        self.tally.ended.store(true, Ordering::Relaxed);
        self.askers.into_iter().for_each(|asker| asker.join().unwrap());
        asked
    }
}

/// The body of a response in chunks or with a length.
fn answer(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    let mut length = None;
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
    }
    let mut body = Vec::new();
    let mut take = |stream: &mut BufReader<TcpStream>, length: usize| {
        let start = body.len();
        body.resize(start + length, 0);
        stream.read_exact(&mut body[start..]).unwrap();
    };
    match length {
        Some(length) => take(stream, length),
        None => loop {
            line.clear();
            stream.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            take(stream, length);
            stream.read_line(&mut line).unwrap();
            if length == 0 {
                break;
            }
        },
    }
    String::from_utf8(body).unwrap()
}

/// Free a moment ago: nobody else binds ports here meanwhile.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for(port: u16) {
    let end = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "nothing listens on port {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
