//! Raw HTTP over a socket, so that tests can send requests that no HTTP client sends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use promptlayer_local::Server;
use serde_json::Value;

/// A response as it was read from the socket.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) text: String,
}

impl Reply {
    /// Reads exactly one response.
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            let read = stream.read(&mut byte).unwrap();
            assert_eq!(read, 1, "closed before an answer: {}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Self { status, head, text: String::new() };
        if let Some(length) = reply.header("content-length") {
            let mut body = vec![0; length.parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            reply.text = String::from_utf8(body).unwrap();
        }
        reply
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

/// Returns the text of a request with exactly these headers.
pub(crate) fn request_text(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        text.extend([*name, ": ", *value, "\r\n"]);
    }
    text + "\r\n" + body
}

/// Writes the text to a new connection.
pub(crate) fn send(server: &Server, text: &str) -> TcpStream {
    let address = (std::net::Ipv4Addr::LOCALHOST, server.address().port());
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// Writes the text to a new connection and reads the response.
pub(crate) fn exchange(server: &Server, text: &str) -> Reply {
    Reply::read(&mut send(server, text))
}
