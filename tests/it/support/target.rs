//! A plain HTTP server to be probed: answers as told, or holds a request until it is released.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

pub(crate) struct Target {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    requests: Arc<AtomicUsize>,
    asked: Arc<Mutex<String>>,
}

impl Target {
    /// Answers at once, with status 200 until told otherwise.
    pub(crate) fn answering(body: &'static str) -> Target {
        Target::serve(move |stream, status| respond(stream, status, body))
    }

    /// Does not answer a request before [`Held::release`].
    pub(crate) fn holding() -> (Target, Held) {
        let (release, released) = channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let target = Target::serve(move |stream, status| {
            // A dropped sender releases too, so that a failed test ends.
            let _ = wait(&released);
            respond(stream, status, "held");
        });
        (target, Held { release })
    }

    fn serve(answer: impl Fn(TcpStream, u16) + Send + Sync + 'static) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target {
            address: listener.local_addr().unwrap(),
            status: Arc::new(AtomicU16::new(200)),
            requests: Arc::new(AtomicUsize::new(0)),
            asked: Arc::default(),
        };
        let asked = Arc::clone(&target.asked);
        let (status, requests) = (Arc::clone(&target.status), Arc::clone(&target.requests));
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (status, requests) = (Arc::clone(&status), Arc::clone(&requests));
                let (answer, asked) = (Arc::clone(&answer), Arc::clone(&asked));
                std::thread::spawn(move || {
                    if let Some(path) = read_head(&stream) {
                        *asked.lock().unwrap() = path;
                        requests.fetch_add(1, Ordering::SeqCst);
                        answer(stream, status.load(Ordering::SeqCst));
                    }
                });
            }
        });
        target
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Path and query of the last request, as they were sent.
    pub(crate) fn asked(&self) -> String {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Releases held requests, one a call.
pub(crate) struct Held {
    release: Sender<()>,
}

impl Held {
    pub(crate) fn release(&self) {
        self.release.send(()).unwrap();
    }
}

fn wait(released: &Mutex<Receiver<()>>) -> Option<()> {
    released.lock().unwrap().recv().ok()
}

/// Path and query of a complete head.
fn read_head(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    lines.any(|line| line.is_empty()).then_some(path)
}

fn respond(mut stream: TcpStream, status: u16, body: &str) {
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Status\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}
