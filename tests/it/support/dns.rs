//! A name server that answers as told.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// What a name server says about a name.
#[derive(Clone)]
pub(crate) enum Says {
    /// These addresses, each to questions of its family; to the other family nothing (NODATA).
    Addresses(Vec<IpAddr>),
    /// What this says at the time of the question.
    Now(Arc<Mutex<Says>>),
    Code(ResponseCode),
    Silence,
    /// By UDP that the answer is too long for it, and nothing over TCP.
    SilenceOverTcp,
    /// By UDP that the answer is too long for it, and these addresses over TCP.
    OverTcp(Vec<IpAddr>),
    /// A code with these addresses all the same.
    Contradiction(ResponseCode, Vec<IpAddr>),
    /// Something else to questions for IPv6 addresses than to others.
    ByFamily {
        v4: Box<Says>,
        v6: Box<Says>,
    },
}

impl Says {
    pub(crate) fn by_family(v4: Says, v6: Says) -> Says {
        Says::ByFamily { v4: Box::new(v4), v6: Box::new(v6) }
    }
}

/// A name server on loopback. Names it was not told of do not exist.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    queries: Arc<AtomicUsize>,
}

impl NameServer {
    pub(crate) async fn with(names: &[(&str, Says)]) -> NameServer {
        let names: HashMap<String, Says> =
            names.iter().map(|(name, says)| ((*name).to_owned(), says.clone())).collect();
        let (socket, listener) = bind().await;
        let names = Arc::new(names);
        let told = Arc::clone(&names);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&told)));
            }
        });
        let address = socket.local_addr().unwrap();
        let queries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&queries);
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
                counted.fetch_add(1, Ordering::SeqCst);
                let question = Message::from_vec(&buffer[..length]).unwrap();
                if let Some(answer) = answer(&question, &names, Way::Udp) {
                    let _ = socket.send_to(&answer.to_vec().unwrap(), client).await;
                }
            }
        });
        NameServer { address, queries }
    }

    /// One name with one address.
    pub(crate) async fn pointing(name: &str, ip: &str) -> NameServer {
        let ip = ip.parse().unwrap();
        NameServer::with(&[(name, Says::Addresses(vec![ip]))]).await
    }

    pub(crate) fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }
}

/// How a question came.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Udp,
    Tcp,
}

/// Questions of one connection, one after the other: one that is not answered holds up those behind it.
async fn serve(mut stream: TcpStream, names: Arc<HashMap<String, Says>>) {
    while let Ok(length) = stream.read_u16().await {
        let mut question = vec![0; length.into()];
        if stream.read_exact(&mut question).await.is_err() {
            return;
        }
        let question = Message::from_vec(&question).unwrap();
        let Some(answer) = answer(&question, &names, Way::Tcp) else {
            return std::future::pending().await;
        };
        let answer = answer.to_vec().unwrap();
        if stream.write_u16(answer.len() as u16).await.is_err()
            || stream.write_all(&answer).await.is_err()
        {
            return;
        }
    }
}

fn answer(question: &Message, names: &HashMap<String, Says>, way: Way) -> Option<Message> {
    let query = question.queries.first().unwrap();
    // By its labels, because the text of a name has escapes.
    let labels = query.name().iter().map(|label| String::from_utf8_lossy(label).into_owned());
    let name = labels.collect::<Vec<_>>().join(".").to_ascii_lowercase();
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.recursion_desired = true;
    answer.metadata.recursion_available = true;
    answer.queries.push(query.clone());
    let mut says = names.get(&name).cloned();
    loop {
        says = match says {
            Some(Says::ByFamily { v4, v6 }) => {
                Some(if query.query_type() == RecordType::AAAA { *v6 } else { *v4 })
            }
            Some(Says::Now(now)) => Some(now.lock().unwrap().clone()),
            _ => break,
        };
    }
    match &says {
        None => answer.metadata.response_code = ResponseCode::NXDomain,
        Some(Says::Code(code)) => answer.metadata.response_code = *code,
        Some(Says::Silence | Says::ByFamily { .. } | Says::Now(_)) => return None,
        Some(Says::SilenceOverTcp) if way == Way::Tcp => return None,
        Some(Says::OverTcp(ips)) if way == Way::Tcp => add(&mut answer, query, ips),
        Some(Says::SilenceOverTcp | Says::OverTcp(_)) => answer.metadata.truncation = true,
        Some(Says::Contradiction(code, ips)) => {
            answer.metadata.response_code = *code;
            add(&mut answer, query, ips);
        }
        Some(Says::Addresses(ips)) => add(&mut answer, query, ips),
    }
    Some(answer)
}

fn add(answer: &mut Message, query: &Query, ips: &[IpAddr]) {
    for ip in ips {
        let data = match (query.query_type(), ip) {
            (RecordType::A, IpAddr::V4(ip)) => RData::A((*ip).into()),
            (RecordType::AAAA, IpAddr::V6(ip)) => RData::AAAA((*ip).into()),
            _ => continue,
        };
        answer.answers.push(Record::from_rdata(query.name().clone(), 60, data));
    }
}

/// A port of both protocols.
async fn bind() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}
