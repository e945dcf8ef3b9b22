//! A server that accepts everything: PromptLayer's `POST /spans-bulk`, with ids, and OTLP over HTTP.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use memchr::memmem;

/// A server on loopback, and counts of what it received. Its threads run until the process ends.
pub struct Sink {
    url: String,
    counts: Arc<Counts>,
    /// The address of a server that never answers.
    _silent: Option<TcpListener>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// What a server received so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    pub requests: u64,
    /// Heads and bodies.
    pub bytes: u64,
}

impl Sink {
    /// Starts a server on a port that the system chooses.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let counts = Arc::new(Counts::default());
        let of_thread = Arc::clone(&counts);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counts = Arc::clone(&of_thread);
                // A client that goes away ends its thread.
                thread::spawn(move || serve(client, &counts));
            }
        });
        Ok(Self { url, counts, _silent: None })
    }

    /// Returns a server that takes connections, and never reads or answers a request.
    pub fn silent() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { url, counts: Arc::default(), _silent: Some(listener) })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn received(&self) -> Received {
        Received {
            requests: self.counts.requests.load(Ordering::Relaxed),
            bytes: self.counts.bytes.load(Ordering::Relaxed),
        }
    }
}

fn serve(client: TcpStream, counts: &Counts) -> Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client.try_clone()?);
    let mut writer = client;
    let (mut body, mut response) = (Vec::new(), Vec::new());
    while let Some(request) = read_head(&mut reader)? {
        body.resize(request.body, 0);
        reader.read_exact(&mut body)?;
        counts.requests.fetch_add(1, Ordering::Relaxed);
        counts.bytes.fetch_add((request.head + request.body) as u64, Ordering::Relaxed);
        response.clear();
        if request.is_spans_bulk {
            let ids = ids(&body);
            write!(response, "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n")?;
            write!(response, "content-length: {}\r\n\r\n{ids}", ids.len())?;
        } else {
            // An empty message is an OTLP response without errors.
            write!(
                response,
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
            )?;
        }
        writer.write_all(&response)?;
    }
    Ok(())
}

struct Head {
    head: usize,
    body: usize,
    is_spans_bulk: bool,
}

/// Reads the head of a request. Returns `None` at the end of the connection.
fn read_head(reader: &mut impl BufRead) -> Result<Option<Head>> {
    let mut head = Head { head: 0, body: 0, is_spans_bulk: false };
    let mut line = String::new();
    loop {
        line.clear();
        let read = reader.read_line(&mut line)?;
        if read == 0 {
            return Ok(None);
        }
        if head.head == 0 {
            head.is_spans_bulk = line.contains("/spans-bulk ");
        }
        head.head += read;
        if line == "\r\n" {
            return Ok(Some(head));
        }
        if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            head.body = length.trim().parse().map_err(std::io::Error::other)?;
        }
    }
}

/// Returns the response to `POST /spans-bulk`: an id for each span that has a request log.
///
/// The body is searched rather than parsed, because a sender waits for the response. Inside of a JSON string,
/// quotation marks are escaped, so content is never taken for a span.
fn ids(body: &[u8]) -> String {
    const CONTEXT: &[u8] = br#""context":{"trace_id":""#;
    const SPAN_ID: &[u8] = br#"","span_id":""#;
    const LOG: &[u8] = br#""log_request":{"#;
    let (mut spans, mut logs) = (String::new(), String::new());
    let starts: Vec<usize> = memmem::find_iter(body, CONTEXT).collect();
    let ends = starts.iter().skip(1).copied().chain([body.len()]);
    for (number, (start, end)) in starts.iter().zip(ends).enumerate() {
        let span = &body[*start..end];
        let Some(id) = memmem::find(span, SPAN_ID).and_then(|at| span.get(at + SPAN_ID.len()..)?.get(..16))
        else {
            continue;
        };
        let id = String::from_utf8_lossy(id);
        let comma = |list: &str| if list.is_empty() { "" } else { "," };
        spans += &format!(r#"{}{{"span_id":"{id}"}}"#, comma(&spans));
        if memmem::find(span, LOG).is_some() {
            logs += &format!(r#"{}{{"id":{},"span_id":"{id}"}}"#, comma(&logs), number + 1);
        }
    }
    format!(r#"{{"success":true,"spans":[{spans}],"request_logs":[{logs}]}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_with_a_request_log_get_an_id() {
        let span = |id: &str, log: &str| format!(r#"{{"context":{{"trace_id":"t","span_id":"{id}"}}{log}}}"#);
        let logged = span("00000000000000aa", r#","log_request":{"a":"\"context\":{"}"#);
        let body = format!(r#"{{"spans":[{},{logged}]}}"#, span("00000000000000bb", ""));
        let expected =
            r#"{"success":true,"spans":[{"span_id":"00000000000000bb"},{"span_id":"00000000000000aa"}],"#;
        let expected = format!(r#"{expected}"request_logs":[{{"id":2,"span_id":"00000000000000aa"}}]}}"#);
        assert_eq!(ids(body.as_bytes()), expected);
    }

    #[test]
    fn requests_and_their_bytes_are_counted() {
        let sink = Sink::start().unwrap();
        let request = "POST /v1/traces HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc";
        let mut client = TcpStream::connect(sink.url().trim_start_matches("http://")).unwrap();
        client.write_all(request.repeat(2).as_bytes()).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut responses = String::new();
        client.read_to_string(&mut responses).unwrap();
        assert_eq!(responses.matches("200 OK").count(), 2);
        assert_eq!(sink.received(), Received { requests: 2, bytes: 2 * request.len() as u64 });
    }
}
