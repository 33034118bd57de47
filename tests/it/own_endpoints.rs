//! Who may keep whom from our own endpoints: slow sockets, clients that do not read, readers of pages without
//! end, runs of `/probe`, and guesses of passwords, at the real process. Whatever they do, a scrape and a health check are answered within
//! a second.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::client::Request;
use crate::support::daemon::{Daemon, PATIENCE, Setup, eventually};

const SOON: Duration = Duration::from_secs(1);

/// `httpd -nBC 10` writes such hashes; a debug build would take a second for one.
const COST: u32 = 8;

fn small() -> Setup {
    Setup::new("services: [{ name: dc-daejeon }]\n")
}

/// So many probes that nobody's buffers hold their series. None of them runs in the time of a test.
fn large() -> Setup {
    let sites: Vec<String> = (0..4_000).map(|number| format!("site{number}")).collect();
    Setup::new(&format!(
        "defaults: {{ interval: 1h, timeout: 2s }}\nservices:\n  - name: saeol\n    for_each: {{ site: [{}] }}\n    probes:\n      \
         - {{ name: portal, http: {{ url: 'http://127.0.0.1:9/' }} }}\n",
        sites.join(", ")
    ))
}

fn guarded() -> Daemon {
    let hash = bcrypt::hash("correct horse", COST).unwrap();
    let setup = small();
    let web = setup.write("web.yml", format!("basic_auth_users: {{ scraper: \"{hash}\" }}\n"));
    setup.flag(format!("--web.config.file={}", web.display())).start()
}

/// A connection from this address of the loopback network, with a receive buffer of this size.
fn from(address: [u8; 4], daemon: &Daemon, buffer: Option<usize>) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    if let Some(buffer) = buffer {
        socket.set_recv_buffer_size(buffer).unwrap();
    }
    let local = SocketAddr::from((Ipv4Addr::from(address), 0));
    socket.bind(&SockAddr::from(local)).unwrap();
    socket.connect(&SockAddr::from(daemon.address)).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn with_password(user: &str, password: &str) -> Request {
    let credentials = STANDARD.encode(format!("{user}:{password}"));
    Request::get("/metrics").header("Authorization", &format!("Basic {credentials}"))
}

fn soon(what: &str, before: Instant) {
    let elapsed = before.elapsed();
    assert!(elapsed < SOON, "{what} took {elapsed:?}");
}

fn answers_soon(daemon: &Daemon) {
    for path in ["/-/healthy", "/metrics"] {
        let before = Instant::now();
        assert_eq!(daemon.get(path).status, 200);
        soon(path, before);
    }
}

#[test]
fn slow_sockets_give_way_to_a_scrape() {
    let daemon = small().start();
    for address in [[127, 0, 0, 1], [127, 0, 0, 2]] {
        let mut slow: Vec<TcpStream> = (0..256)
            .map(|_| {
                let mut stream = from(address, &daemon, None);
                stream.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
                stream
            })
            .collect();
        answers_soon(&daemon);
        let mut byte = [0];
        assert_eq!(slow[0].read(&mut byte).unwrap_or(0), 0, "the oldest was closed");
        let newest = slow.last_mut().unwrap();
        newest.write_all(b"st: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        newest.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn silent_sockets_of_many_addresses_give_way_too() {
    let daemon = small().start();
    let silent: Vec<TcpStream> =
        (0..600).map(|number| from([127, 0, 1, (number % 100) as u8 + 1], &daemon, None)).collect();
    answers_soon(&daemon);
    drop(silent);
}

#[test]
fn clients_that_do_not_read_keep_nobody_from_a_scrape() {
    let daemon = large().start();
    daemon.wait_until_ready();
    let whole = daemon.get("/metrics").body.len();
    assert!(whole > 4 << 20, "{whole} bytes may be in somebody's buffers");
    for (address, many) in [([127, 0, 0, 2], 4), ([127, 0, 0, 1], 4), ([127, 0, 0, 3], 40)] {
        let unread: Vec<TcpStream> = (0..many)
            .map(|_| {
                let mut stream = from(address, &daemon, Some(4_096));
                stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
                stream
            })
            .collect();
        // They have their places when the answers have begun.
        for stream in &unread[..4] {
            stream.peek(&mut [0; 12]).unwrap();
        }
        let before = Instant::now();
        let mut stream = TcpStream::connect(daemon.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        soon("the first of a scrape's answer", before);
        assert_eq!(&first, b"HTTP/1.1 200");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.len() > whole / 2 && rest.ends_with(b"\r\n0\r\n\r\n"), "it is whole");
        let before = Instant::now();
        assert_eq!(daemon.get("/-/healthy").status, 200);
        soon("/-/healthy", before);
        drop(unread);
    }
}

#[test]
fn readers_without_end_keep_nobody_waiting() {
    let daemon = large().start();
    daemon.wait_until_ready();
    let asking: Vec<TcpStream> = (0..120)
        .map(|_| {
            let mut stream = from([127, 0, 0, 2], &daemon, None);
            stream.write_all(b"GET /services/saeol HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            stream
        })
        .collect();
    for path in ["/probes/saeol/portal@site1", "/-/healthy", "/metrics"] {
        let before = Instant::now();
        assert_eq!(daemon.get(path).status, 200);
        soon(path, before);
    }
    drop(asking);
}

#[test]
fn runs_that_one_client_asks_for_give_way_to_anothers() {
    let daemon = small().flag("--web.probe-any-target").start();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = format!("/probe?target={}", silent.local_addr().unwrap());
    let greedy: Vec<TcpStream> = (0..17)
        .map(|_| {
            let mut stream = from([127, 0, 0, 2], &daemon, None);
            write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    eventually("one of them is one too many", || {
        greedy.iter().any(|stream| stream.peek(&mut [0]).is_ok()).then_some(())
    });
    let other = Request::get(&path).header("X-Prometheus-Scrape-Timeout-Seconds", "1");
    let answer = other.send(daemon.address);
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\nprobe_success 0\n"), "it had its time: {}", answer.text());
}

/// Connections on which wrong passwords are sent without end, each another one.
struct Guessers {
    enough: Arc<AtomicBool>,
    threads: Vec<JoinHandle<BTreeMap<u16, usize>>>,
}

impl Guessers {
    fn from(address: [u8; 4], daemon: &Daemon, many: usize) -> Guessers {
        let enough = Arc::new(AtomicBool::new(false));
        let guess = |number: usize| {
            let (enough, stream) = (Arc::clone(&enough), from(address, daemon, None));
            std::thread::spawn(move || guess_on(stream, number, &enough))
        };
        let threads = (0..many).map(guess).collect();
        Guessers { enough, threads }
    }

    /// How often each status was answered.
    fn end(self) -> BTreeMap<u16, usize> {
        self.enough.store(true, Ordering::SeqCst);
        let mut sum = BTreeMap::new();
        for thread in self.threads {
            for (status, count) in thread.join().unwrap() {
                *sum.entry(status).or_default() += count;
            }
        }
        sum
    }
}

fn guess_on(mut stream: TcpStream, number: usize, enough: &AtomicBool) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for guess in 0.. {
        if enough.load(Ordering::SeqCst) {
            break;
        }
        let credentials = STANDARD.encode(format!("scraper:wrong-{number}-{guess}"));
        let request = format!(
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\n\r\n"
        );
        if stream.write_all(request.as_bytes()).is_err() {
            break;
        }
        // The answers are short and have nothing behind them.
        let mut answer = [0; 4_096];
        let Ok(length @ 1..) = stream.read(&mut answer) else { break };
        let text = String::from_utf8_lossy(&answer[..length]).into_owned();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        *statuses.entry(status).or_default() += 1;
    }
    statuses
}

#[test]
fn guessed_passwords_do_not_delay_a_right_one() {
    let daemon = guarded();
    let guessers = Guessers::from([127, 0, 0, 2], &daemon, 120);
    let also = Guessers::from([127, 0, 0, 3], &daemon, 80);
    // The first right login of all.
    for what in ["the first right login", "a scrape later"] {
        let before = Instant::now();
        assert_eq!(with_password("scraper", "correct horse").send(daemon.address).status, 200);
        soon(what, before);
    }
    let before = Instant::now();
    assert_eq!(daemon.get("/-/healthy").status, 401, "it lives");
    soon("/-/healthy", before);
    for guessers in [guessers, also] {
        let statuses = guessers.end();
        assert!(statuses.contains_key(&429), "{statuses:?}");
        assert!(statuses.keys().all(|status| [401, 429].contains(status)), "{statuses:?}");
    }
}

#[test]
fn a_right_password_behind_two_hundred_wrong_ones_of_its_own_address_is_not_late() {
    let daemon = guarded();
    let streams: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut stream = from([127, 0, 0, 1], &daemon, None);
            let credentials = STANDARD.encode(format!("scraper:wrong-{number}"));
            let request = format!(
                "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    let before = Instant::now();
    assert_eq!(with_password("scraper", "correct horse").send(daemon.address).status, 200);
    soon("the first right login", before);
    drop(streams);
}
