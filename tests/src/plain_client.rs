//! A client that sends what it is told and no more, for the tests of what is in this crate.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longer than anything waited for takes.
pub(crate) const LONG: Duration = Duration::from_secs(10);

pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) fn read_all(url: &str, request: &str, headers: &str, body: &str) -> io::Result<String> {
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

pub(crate) fn exchange(url: &str, request: &str, headers: &str, body: &str) -> io::Result<Got> {
    let answer = read_all(url, request, headers, body)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Got {
        status,
        head: head.to_lowercase(),
        body: body.to_owned(),
    })
}
