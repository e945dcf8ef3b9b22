//! A server that answers each connection with the next scripted response.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::Value;

/// How to answer a request.
pub(super) enum Reply {
    /// Sends these bytes and closes the connection.
    Bytes(Vec<u8>),
    /// Reads the request and sends nothing while the server lives.
    Silence,
}

impl Reply {
    pub(super) fn json(status: u16, body: &str) -> Self {
        Self::with_headers(status, "content-type: application/json\r\n", body)
    }

    pub(super) fn with_headers(status: u16, headers: &str, body: &str) -> Self {
        Self::Bytes(
            format!(
                "HTTP/1.1 {status} Whatever\r\n{headers}connection: close\r\ncontent-length: \
                 {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
        )
    }

    /// Creates a response that announces more bytes than it sends.
    pub(super) fn cut_short(status: u16, body: &str) -> Self {
        Self::Bytes(format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 1000\r\n\r\n{body}").into_bytes())
    }
}

/// A received request.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Method, path and query.
    pub(super) line: String,
    /// The names are in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(super) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    // Dropped before the thread is joined, which ends silent connections.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (alive, until) = mpsc::channel();
        let script: Vec<_> = script.into_iter().collect();
        let thread = thread::spawn({
            let seen = Arc::clone(&seen);
            move || play(&listener, script, &seen, &until)
        });
        Self { address, seen, alive: Some(alive), thread: Some(thread) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the received requests, after all scripted responses were sent.
    pub(super) fn finish(mut self) -> Vec<Seen> {
        self.alive.take();
        self.thread.take().unwrap().join().unwrap();
        self.seen.lock().unwrap().clone()
    }
}

fn play(listener: &TcpListener, script: Vec<Reply>, seen: &Mutex<Vec<Seen>>, until: &Receiver<()>) {
    for reply in script {
        let (mut stream, _) = listener.accept().unwrap();
        let request = read(&mut stream);
        seen.lock().unwrap().push(request);
        match reply {
            Reply::Bytes(bytes) => {
                // The client may close the connection before it has read everything.
                let _ = stream.write_all(&bytes);
            }
            Reply::Silence => {
                until.recv().unwrap_err();
            }
        }
    }
}

fn read(stream: &mut TcpStream) -> Seen {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    Seen { line: line.trim().trim_end_matches(" HTTP/1.1").to_owned(), headers, body }
}
