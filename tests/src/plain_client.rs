//! A client that sends what it is told and no more: one connection a request, no retries, nothing added.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longer than anything waited for takes.
pub const LONG: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Got {
    /// Its status.
    pub status: u16,
    /// Its status line and headers, in lower case.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Got {
    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is not JSON.
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the answer is not JSON: {error}: {}", self.body),
        }
    }
}

/// Sends `request` (`POST /log-request`) to the server at `url`, and gives all that comes back.
///
/// `headers` is written as it is: each ends in `\r\n`.
///
/// # Errors
///
/// The connection fails.
pub fn read_all(url: &str, request: &str, headers: &str, body: &str) -> io::Result<String> {
    let host = url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host)?;
    connection.set_read_timeout(Some(LONG))?;
    let length = body.len();
    write!(
        connection,
        "{request} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Sends `request` as [`read_all`] does, and reads the answer.
///
/// # Errors
///
/// The connection fails, or what comes back is not HTTP.
pub fn exchange(url: &str, request: &str, headers: &str, body: &str) -> io::Result<Got> {
    let answer = read_all(url, request, headers, body)?;
    let parts = answer.split_once("\r\n\r\n").and_then(|(head, body)| {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Got { status, head: head.to_lowercase(), body: body.to_owned() })
    });
    parts.ok_or_else(|| io::Error::other(format!("this is no HTTP answer: {answer:?}")))
}

/// Sends JSON, or nothing where `body` is null, with a key, and reads the answer.
///
/// # Errors
///
/// The connection fails, or what comes back is not HTTP.
pub fn exchange_json(url: &str, request: &str, body: &Value) -> io::Result<Got> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    exchange(url, request, "X-API-KEY: test\r\nContent-Type: application/json\r\n", &body)
}
