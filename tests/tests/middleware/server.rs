//! A provider on the loopback interface that sends its responses piece by piece, controlled by the test.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use futures_core::Stream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A provider that gives the same response to every request.
pub(crate) struct Server {
    /// Host and port.
    pub(crate) host: String,
    /// The bodies of the requests received so far.
    pub(crate) received: Arc<Mutex<Vec<Bytes>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Starts a server that calls `answer` for each request.
    pub(crate) async fn start(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let received: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let kept = Arc::clone(&received);
        let app = axum::Router::new().fallback(move |request: Request| {
            let (answer, kept) = (answer.clone(), Arc::clone(&kept));
            async move {
                let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
                kept.lock().unwrap().push(body);
                answer()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { host, received, task }
    }

    /// Starts a server that sends a complete body with this content type.
    pub(crate) async fn whole(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self::start(move || head(status, kind).body(Body::from(body.clone())).unwrap()).await
    }

    /// Starts a server that gives these responses, one after the other.
    pub(crate) async fn responses<const N: usize>(answers: [(u16, String); N]) -> Self {
        let answers = Arc::new(Mutex::new(answers.into_iter()));
        Self::start(move || {
            let (status, body) = answers.lock().unwrap().next().expect("no more requests");
            head(status, "application/json").body(Body::from(body)).unwrap()
        })
        .await
    }

    /// Starts a server that answers its only request with the pieces that the test sends. Dropping [`Pieces`]
    /// ends the body.
    pub(crate) async fn in_pieces(kind: &'static str) -> (Self, Pieces) {
        let (sender, receiver) = unbounded_channel();
        let receiver = Arc::new(Mutex::new(Some(receiver)));
        let answer = move || {
            let pieces = receiver.lock().unwrap().take().expect("one request");
            head(200, kind).body(Body::from_stream(Receiver(pieces))).unwrap()
        };
        (Self::start(answer).await, Pieces(sender))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }
}

pub(crate) fn head(status: u16, kind: &'static str) -> http::response::Builder {
    let head = Response::builder().status(status).header("x-request-id", "req_1");
    // The response has no content type if `kind` is empty.
    if kind.is_empty() { head } else { head.header("content-type", kind) }
}

/// Sends pieces of a body.
pub(crate) struct Pieces(UnboundedSender<Result<Bytes, Broken>>);

impl Pieces {
    pub(crate) fn send(&self, piece: impl Into<Bytes>) {
        self.0.send(Ok(piece.into())).unwrap();
    }

    /// Breaks the connection.
    pub(crate) fn break_off(self) {
        self.0.send(Err(Broken)).unwrap();
    }
}

/// The error of a body that breaks off.
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

/// Creates a body from pieces that the test sends.
pub(crate) fn pieces() -> (Pieces, Body) {
    let (sender, receiver) = unbounded_channel();
    (Pieces(sender), Body::from_stream(Receiver(receiver)))
}

struct Receiver(UnboundedReceiver<Result<Bytes, Broken>>);

impl Stream for Receiver {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
