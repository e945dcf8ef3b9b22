//! A PromptLayer on loopback that records every request.

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

/// A server that plays PromptLayer and records what it is sent, until it is dropped.
///
/// By default it answers as the service does: ids that increase, templates that can be set, traces that can be read
/// back. [`script`](Self::script) and [`decide`](Self::decide) make it answer otherwise.
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

/// What the server's thread and the test's both see.
#[derive(Default)]
struct Shared {
    arrived: Mutex<Vec<Arc<Request>>>,
    /// Told of every request that arrives.
    arrival: Condvar,
    scripts: Mutex<HashMap<String, VecDeque<Reply>>>,
    decide: Mutex<Option<Decide>>,
    service: Mutex<Service>,
}

impl Recorder {
    /// Starts the server on a port that the system chooses.
    ///
    /// # Errors
    ///
    /// If the port cannot be bound or the server's thread cannot be started.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(Shared::default());
        let router = Router::new().fallback(record).with_state(Arc::clone(&state));
        let server = Loopback::start("recorder", |listener| async move {
            axum::serve(Wires(listener), router.into_make_service_with_connect_info::<Cut>()).await
        })?;
        Ok(Self { url: format!("http://{}", server.address()), state, _server: server })
    }

    /// The base URL a client is given: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next requests of `path` with these replies, one each, then as the service again.
    ///
    /// Replies that are given later queue behind those not yet used.
    pub fn script(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.state.scripts).entry(path.to_owned()).or_default().extend(replies);
    }

    /// Lets `decide` answer every request from now on; where it gives `None` the scripts and the service do.
    ///
    /// It runs on the server's thread and replaces the one given before.
    pub fn decide(&self, decide: impl FnMut(&Request) -> Option<Reply> + Send + 'static) {
        *lock(&self.state.decide) = Some(Box::new(decide));
    }

    /// Serves this template under this identifier, a name or an id.
    ///
    /// Its fields are laid over those of the template `example`, which is there from the start.
    pub fn set_template(&self, identifier: &str, template: &Value) {
        lock(&self.state.service).set_template(identifier, template);
    }

    /// Waits until what has arrived meets `condition`, and returns it.
    ///
    /// # Errors
    ///
    /// If it is not met within `timeout`; the error lists what did arrive.
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

    /// All requests, in the order of their arrival.
    pub fn requests(&self) -> Vec<Arc<Request>> {
        lock(&self.state.arrived).clone()
    }

    /// The JSON bodies sent to `path`, in the order of their arrival.
    pub fn bodies(&self, path: &str) -> Vec<Value> {
        self.requests()
            .iter()
            .filter(|request| request.path == path)
            .filter_map(|request| request.json.clone())
            .collect()
    }

    /// All spans sent, whether they were accepted or not.
    pub fn spans(&self) -> Vec<Value> {
        self.requests().iter().flat_map(|request| request.spans()).cloned().collect()
    }

    /// All request logs sent, inside spans or by themselves, whether they were accepted or not.
    pub fn request_logs(&self) -> Vec<Value> {
        self.requests().iter().flat_map(|request| request.request_logs()).cloned().collect()
    }

    /// The spans that the service has taken in, as often as it took them in.
    pub fn accepted_spans(&self) -> Vec<Value> {
        lock(&self.state.service).accepted_spans()
    }

    /// The bodies of `POST /log-request` that the service has taken in, as often as it took them in.
    pub fn accepted_logs(&self) -> Vec<Value> {
        lock(&self.state.service).accepted_logs()
    }

    /// The bodies of tracking calls that the service has taken in, as often as it took them in.
    pub fn accepted_tracks(&self) -> Vec<Value> {
        lock(&self.state.service).accepted_tracks()
    }
}

/// A condition was not met in time.
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
    // Chosen and taken in at arrival: what a gate holds back is the answer alone.
    let reply = state.choose(&request);
    let own = if reply.is_processed() {
        lock(&state.service).answer(&reply.taken_in(&request))
    } else {
        service::refusal(&reply)
    };
    reply.send(own, &cut).await
}

/// A test that failed while it held a lock must not hide its reason behind a second panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
