//! An HTTP client that sends exactly what it is given: one connection per request, no retries, no additional
//! headers.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// A time-out that is longer than every wait in the tests.
pub const LONG: Duration = Duration::from_secs(10);

/// An HTTP response.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Got {
    /// The status.
    pub status: u16,
    /// The status line and the headers, in lower case.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Got {
    /// Parses the body as JSON.
    ///
    /// # Panics
    ///
    /// Panics if the body is not JSON.
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the answer is not JSON: {error}: {}", self.body),
        }
    }
}

/// Sends `request` (such as `POST /log-request`) to the server at `url` and returns the whole response.
///
/// `headers` is sent unchanged. Each header must end with `\r\n`.
///
/// # Errors
///
/// Returns an error if the connection fails.
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

/// Sends `request` like [`read_all`] and parses the response.
///
/// # Errors
///
/// Returns an error if the connection fails or the response is not HTTP.
pub fn exchange(url: &str, request: &str, headers: &str, body: &str) -> io::Result<Got> {
    let answer = read_all(url, request, headers, body)?;
    let parts = answer.split_once("\r\n\r\n").and_then(|(head, body)| {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Got { status, head: head.to_lowercase(), body: body.to_owned() })
    });
    parts.ok_or_else(|| io::Error::other(format!("this is no HTTP answer: {answer:?}")))
}

/// Sends a JSON body with an API key and parses the response. If `body` is null, no body is sent.
///
/// # Errors
///
/// Returns an error if the connection fails or the response is not HTTP.
pub fn exchange_json(url: &str, request: &str, body: &Value) -> io::Result<Got> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    exchange(url, request, "X-API-KEY: test\r\nContent-Type: application/json\r\n", &body)
}
