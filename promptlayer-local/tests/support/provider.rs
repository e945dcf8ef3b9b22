//! A scripted model provider on loopback, which records the requests that it gets.

use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// A request as the provider received it.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// A provider that sends the same response to every request, part by part.
pub(crate) struct Scripted {
    pub(crate) url: String,
    received: mpsc::UnboundedReceiver<Received>,
    parts: Arc<Semaphore>,
    left: mpsc::UnboundedReceiver<()>,
}

impl Scripted {
    /// Starts a provider that sends the whole response and closes the connection.
    pub(crate) async fn start(response: impl Into<String>) -> Self {
        let provider = Self::in_parts(vec![response.into()], false).await;
        provider.parts.add_permits(Semaphore::MAX_PERMITS / 2);
        provider
    }

    /// Starts a provider that sends each part once [`next`](Self::next) is called. At the end, it keeps the connection
    /// open if `stays`.
    pub(crate) async fn in_parts(parts: Vec<String>, stays: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (requests, received) = mpsc::unbounded_channel();
        let (leaving, left) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(0));
        let script = (Arc::new(parts), permits.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let ((parts, permits), requests, leaving) =
                    (script.clone(), requests.clone(), leaving.clone());
                tokio::spawn(async move {
                    let stream = play(stream, &parts, &permits, &requests).await;
                    if let (Some(mut stream), true) = (stream, stays) {
                        // The client closes the connection.
                        let _ = stream.read(&mut [0; 64]).await;
                        let _ = leaving.send(());
                    }
                });
            }
        });
        Self { url, received, parts: permits, left }
    }

    /// Sends the next part of the response.
    pub(crate) fn next(&self) {
        self.parts.add_permits(1);
    }

    /// Returns the next request.
    pub(crate) async fn received(&mut self) -> Received {
        self.received.recv().await.unwrap()
    }

    /// Returns `true` if a request has arrived that was not returned.
    pub(crate) fn has_received(&mut self) -> bool {
        self.received.try_recv().is_ok()
    }

    /// Waits until the client has closed a connection whose response was not at its end.
    pub(crate) async fn left(&mut self) {
        self.left.recv().await.unwrap();
    }
}

async fn play(
    mut stream: TcpStream,
    parts: &[String],
    permits: &Semaphore,
    requests: &mpsc::UnboundedSender<Received>,
) -> Option<TcpStream> {
    let request = read(&mut stream).await?;
    requests.send(request).ok()?;
    for part in parts {
        permits.acquire().await.ok()?.forget();
        stream.write_all(part.as_bytes()).await.ok()?;
    }
    Some(stream)
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        let mut more = [0; 4096];
        let read = stream.read(&mut more).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&more[..read]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let mut body = bytes[end..].to_vec();
    let mut rest = vec![0; length.unwrap_or_default().saturating_sub(body.len())];
    stream.read_exact(&mut rest).await.ok()?;
    body.extend(rest);
    Some(Received { head, body: serde_json::from_slice(&body).unwrap() })
}

/// Returns a response with this body.
pub(crate) fn response(status: &str, media: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Returns the head of a stream that ends with its connection.
pub(crate) fn stream_head() -> String {
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n".to_owned()
}

/// Returns server-sent events with this data.
pub(crate) fn events(data: &[Value]) -> String {
    data.iter().flat_map(|event| ["data: ".to_owned(), event.to_string(), "\n\n".to_owned()]).collect()
}
