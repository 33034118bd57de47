//! Many targets behind one port of every loopback address, in threads that nobody stops: each answers after a moment, so that
//! runs are under way whenever the prober is stopped.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

const FORM: &str = "<form method=post action=/in><input name=user><input name=pass></form>";

/// A megabyte.
static LARGE: LazyLock<String> =
    LazyLock::new(|| "<div class=row><a href=x>1</a><b>2</b></div>".repeat(24_000));

/// Whose answer comes from a verification server behind the site.
const SIGNED_FORM: &str =
    "<form method=post action=/verify><input name=user><input name=pass></form>";

const SILENT_FORM: &str =
    "<form method=post action=/silent><input name=user><input name=pass></form>";

pub(crate) struct Estate {
    pub(crate) address: SocketAddr,
    outage: Arc<AtomicBool>,
    _runtime: Runtime,
}

impl Estate {
    /// Healthy, and no faster than `thinks`.
    pub(crate) fn thinking(thinks: Duration) -> Estate {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let outage = Arc::new(AtomicBool::new(false));
        runtime.spawn({
            let outage = Arc::clone(&outage);
            async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, thinks, Arc::clone(&outage)));
                }
            }
        });
        Estate { address, outage, _runtime: runtime }
    }

    /// From now on `/hang` and `/silent` are silent, and `/error` and `/verify` answer 500.
    pub(crate) fn break_down(&self) {
        self.outage.store(true, Ordering::SeqCst);
    }
}

async fn serve(stream: TcpStream, thinks: Duration, outage: Arc<AtomicBool>) {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
            return;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if first.is_empty() {
            first.clone_from(&line);
        } else if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    if stream.read_exact(&mut body).await.is_err() {
        return;
    }
    tokio::time::sleep(thinks).await;
    let broken = outage.load(Ordering::SeqCst);
    let (status, body) = match first.split(' ').nth(1) {
        Some("/hang") if broken => std::future::pending().await,
        Some("/error") if broken => (500, "broken"),
        Some("/form") => (200, FORM),
        Some("/large") => (200, &**LARGE),
        Some("/silent-form") => (200, SILENT_FORM),
        Some("/silent") if broken => std::future::pending().await,
        Some("/signed-form") => (200, SIGNED_FORM),
        Some("/verify") if broken => (500, "<p>인증서 검증서버가 응답하지 않습니다</p>"),
        Some("/in" | "/verify" | "/silent") => (200, "<p id=welcome>welcome</p>"),
        // Whoever was stopped has to ask again.
        Some(path) if path.starts_with("/s") => (302, ""),
        _ => (200, "fine"),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: text/html\r\nLocation: /fine\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// An HTTP server that tells the time (`Date`), in a thread that ends with the process.
pub(crate) fn date_server() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4_096]);
            let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
            let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT");
            // The client may be gone by now.
            let _ = write!(
                stream,
                "HTTP/1.1 204 No Content\r\nDate: {date}\r\nConnection: close\r\n\r\n"
            );
        }
    });
    address
}
