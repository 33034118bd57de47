//! A web server for files that certificates point to: revocation lists, issuers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Serves what is put on it; everything else is 404. Ends with the test.
pub(crate) struct Web {
    address: SocketAddr,
    answers: Answers,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

type Answers = Arc<Mutex<HashMap<String, Answer>>>;

/// What a path answers.
#[derive(Clone)]
pub(crate) enum Answer {
    /// 200 with this body.
    Body(Vec<u8>),
    /// 302 to this address.
    Redirect(String),
    /// The connection stays open and silent.
    Silence,
    /// 200 and bytes without an end.
    Endless,
}

impl Web {
    pub(crate) async fn start() -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers = Answers::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let task = tokio::spawn({
            let (answers, asked) = (Arc::clone(&answers), Arc::clone(&asked));
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&answers), Arc::clone(&asked)));
                }
            }
        });
        Web { address, answers, asked, task }
    }

    pub(crate) fn put(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The paths asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, answers: Answers, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap().push(path.clone());
    let answer = answers.lock().unwrap().get(&path).cloned();
    let response = match answer {
        Some(Answer::Body(body)) => {
            let mut response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len());
            response.push_str("connection: close\r\n\r\n");
            [response.into_bytes(), body].concat()
        }
        Some(Answer::Redirect(to)) => {
            format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
                .into_bytes()
        }
        Some(Answer::Silence) => return std::future::pending().await,
        Some(Answer::Endless) => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
            while stream.write_all(&[0x30; 4096]).await.is_ok() {}
            return;
        }
        None => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
    };
    let _ = stream.write_all(&response).await;
}
