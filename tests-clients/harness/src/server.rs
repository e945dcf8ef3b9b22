//! The server on a loopback port that sends scripted responses.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use futures::channel::oneshot;
use futures::stream;
use serde_json::Value;

use crate::{Answer, COOKIE};

/// A server that sends these responses, one to each request. The last one is sent to all further requests.
///
/// It runs on a thread of its own and stops on drop. The port is chosen by the system.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    state: Arc<Script>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A request that the server received.
#[derive(Debug, Clone)]
pub struct Received {
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names and values of the headers.
    pub headers: Vec<(String, String)>,
    /// Body, or null if it is not JSON.
    pub body: Value,
}

#[derive(Debug)]
struct Script {
    answers: Vec<Answer>,
    received: Mutex<Vec<Received>>,
}

impl Server {
    /// Starts the server.
    pub fn start(answers: Vec<Answer>) -> Self {
        assert!(!answers.is_empty(), "a server needs a response");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        listener.set_nonblocking(true).expect("a non-blocking listener");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Script { answers, received: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let (stop, stopped) = oneshot::channel::<()>();
        // Dropping a runtime inside the caller's runtime panics. Therefore it is created on its own thread.
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                let serving = std::pin::pin!(async { axum::serve(listener, router).await });
                futures::future::select(serving, stopped).await;
            });
        });
        Self { address, state, stop: Some(stop), thread: Some(thread) }
    }

    /// Returns the base URL: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests received so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().expect("no handler panics").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(!matches!(ended, Some(Err(_))) || std::thread::panicking(), "the server panicked");
    }
}

async fn answer(
    State(script): State<Arc<Script>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let received = Received {
        method: method.to_string(),
        path: uri.to_string(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let index = {
        let mut all = script.received.lock().expect("no handler panics");
        all.push(received);
        all.len().min(script.answers.len()) - 1
    };
    let answer = script.answers[index].clone();
    let mut response = Response::builder().status(answer.status).header("set-cookie", format!("s={COOKIE}"));
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    // A complete body has a length, as the providers send it; a stream has none.
    let body = match <[Vec<u8>; 1]>::try_from(answer.parts) {
        Ok([whole]) => Body::from(whole),
        Err(parts) => Body::from_stream(stream::iter(parts.into_iter().map(Ok::<_, Infallible>))),
    };
    response.body(body).expect("a response")
}
