//! A local PromptLayer server that records every request.

mod otlp;
mod reply;
mod request;
mod service;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use examples::loopback::Loopback;
use serde_json::Value;

pub use self::reply::{Gate, Reply};
pub use self::request::Request;
use self::service::Service;
use self::wire::{Cut, Wires};

/// A local server that behaves like PromptLayer and records its requests. It stops on drop.
///
/// By default it answers as PromptLayer does: ids increase, templates can be set, and traces can be read
/// back. Use [`script`](Self::script) and [`decide`](Self::decide) to change its responses.
///
/// ```
/// use std::time::Duration;
/// use tests::{Recorder, Reply};
///
/// let recorder = Recorder::start()?;
/// recorder.script("/spans-bulk", [Reply::status(503).header("Retry-After", "1"), Reply::reset()]);
/// let nothing = recorder.wait_for(|requests| requests.len() == 1, Duration::ZERO);
/// assert!(nothing.is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Recorder {
    url: String,
    state: Arc<Shared>,
    _server: Loopback,
}

type Decide = Box<dyn FnMut(&Request) -> Option<Reply> + Send>;

/// The state shared between the thread of the server and that of the test.
#[derive(Default)]
struct Shared {
    arrived: Mutex<Vec<Arc<Request>>>,
    /// Notified of every request that arrives.
    arrival: Condvar,
    scripts: Mutex<HashMap<String, VecDeque<Reply>>>,
    decide: Mutex<Option<Decide>>,
    service: Mutex<Service>,
}

impl Recorder {
    /// Starts the server on a free port.
    ///
    /// # Errors
    ///
    /// Returns an error if no port can be bound or the thread of the server cannot be started.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(Shared::default());
        let router = Router::new().fallback(record).with_state(Arc::clone(&state));
        let server = Loopback::start("recorder", |listener| async move {
            axum::serve(Wires(listener), router.into_make_service_with_connect_info::<Cut>()).await
        })?;
        Ok(Self { url: format!("http://{}", server.address()), state, _server: server })
    }

    /// Returns the base URL for clients: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next requests to `path` with these responses, one each. After that, the default responses
    /// are sent again.
    ///
    /// Responses of a later call are queued after the unused ones.
    pub fn script(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.state.scripts).entry(path.to_owned()).or_default().extend(replies);
    }

    /// Lets `decide` choose the response to every request. If it returns `None`, the scripts and the default
    /// responses apply.
    ///
    /// It runs on the thread of the server and replaces an earlier `decide`.
    pub fn decide(&self, decide: impl FnMut(&Request) -> Option<Reply> + Send + 'static) {
        *lock(&self.state.decide) = Some(Box::new(decide));
    }

    /// Serves a template under an identifier, which is a name or an id.
    ///
    /// Missing fields are taken from the current template of that identifier, else from the predefined
    /// template `example`.
    pub fn set_template(&self, identifier: &str, template: &Value) {
        lock(&self.state.service).set_template(identifier, template);
    }

    /// Waits until the requests that have arrived meet `condition`, and returns them.
    ///
    /// # Errors
    ///
    /// Returns an error if `condition` is not met within `timeout`. The error lists the requests that
    /// arrived.
    pub fn wait_for(
        &self,
        condition: impl Fn(&[Arc<Request>]) -> bool,
        timeout: Duration,
    ) -> Result<Vec<Arc<Request>>, TimedOut> {
        let arrived = lock(&self.state.arrived);
        let (arrived, _) = self
            .state
            .arrival
            .wait_timeout_while(arrived, timeout, |arrived| !condition(arrived))
            .unwrap_or_else(PoisonError::into_inner);
        if condition(&arrived) {
            return Ok(arrived.clone());
        }
        let seen = arrived.iter().map(ToString::to_string).collect();
        Err(TimedOut { timeout, seen })
    }

    /// Returns all requests, in the order of their arrival.
    pub fn requests(&self) -> Vec<Arc<Request>> {
        lock(&self.state.arrived).clone()
    }

    /// Returns the JSON bodies sent to `path`, in the order of their arrival.
    pub fn bodies(&self, path: &str) -> Vec<Value> {
        self.requests()
            .iter()
            .filter(|request| request.path == path)
            .filter_map(|request| request.json.clone())
            .collect()
    }

    /// Returns all spans that were sent, whether they were accepted or not.
    pub fn spans(&self) -> Vec<Value> {
        self.requests().iter().flat_map(|request| request.spans()).cloned().collect()
    }

    /// Returns all request logs that were sent, inside spans or alone, whether they were accepted or not.
    pub fn request_logs(&self) -> Vec<Value> {
        self.requests().iter().flat_map(|request| request.request_logs()).cloned().collect()
    }

    /// Returns the accepted spans. A span that was accepted several times is repeated.
    pub fn accepted_spans(&self) -> Vec<Value> {
        lock(&self.state.service).accepted_spans()
    }

    /// Returns the accepted bodies of `POST /log-request`. A body that was accepted several times is
    /// repeated.
    pub fn accepted_logs(&self) -> Vec<Value> {
        lock(&self.state.service).accepted_logs()
    }

    /// Returns the accepted bodies of tracking calls. A body that was accepted several times is repeated.
    pub fn accepted_tracks(&self) -> Vec<Value> {
        lock(&self.state.service).accepted_tracks()
    }
}

/// The error for a condition that was not met in time.
#[derive(Debug)]
pub struct TimedOut {
    timeout: Duration,
    seen: Vec<String>,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeout, seen } = self;
        write!(f, "the condition was not met within {timeout:?}; what arrived: [{}]", seen.join(", "))
    }
}

impl Error for TimedOut {}

impl Shared {
    fn add(&self, request: impl FnOnce(usize) -> Request) -> Arc<Request> {
        let mut arrived = lock(&self.arrived);
        let request = Arc::new(request(arrived.len()));
        arrived.push(Arc::clone(&request));
        self.arrival.notify_all();
        request
    }

    fn choose(&self, request: &Request) -> Reply {
        let decided = lock(&self.decide).as_mut().and_then(|decide| decide(request));
        let scripted = || lock(&self.scripts).get_mut(&request.path).and_then(VecDeque::pop_front);
        decided.or_else(scripted).unwrap_or_else(Reply::service)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("arrived", &lock(&self.arrived).len()).finish_non_exhaustive()
    }
}

async fn record(
    State(state): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: axum::extract::Request<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    let at = Instant::now();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let request = state.add(|number| Request::new(number, at, &head, body));
    // The response is chosen and the request is processed on arrival. A gate delays only the response.
    let reply = state.choose(&request);
    let own = if reply.is_processed() {
        lock(&state.service).answer(&reply.taken_in(&request))
    } else {
        service::refusal(&reply)
    };
    reply.send(own, &cut).await
}

/// Locks a mutex even if it is poisoned. If a test fails while it holds a lock, a second panic would hide the
/// reason.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
