//! A server that answers each request according to the schedule and records what it did.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tests::proxy::{Door, Proxy};
use tests::{Recorder, Reply, Request};

use crate::lock;
use crate::plan::{Body, Plan, Step, Wire};

/// What the server did, keyed by the texts of the calls.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) requests: usize,
    /// Texts that were refused in a request of their own.
    pub(crate) refused_alone: BTreeSet<String>,
    /// Texts of requests that got a success response that proves nothing.
    pub(crate) unproven: BTreeSet<String>,
    /// Texts of requests whose response did not include all ids.
    pub(crate) without_ids: BTreeSet<String>,
    /// Number of tracking calls that were refused.
    pub(crate) refused_tracks: usize,
}

pub(crate) struct Server {
    recorder: Recorder,
    door: Door,
    done: Arc<Mutex<Done>>,
    _proxy: Arc<Proxy>,
}

impl Server {
    pub(crate) fn start(plan: &Plan) -> io::Result<Arc<Self>> {
        let recorder = Recorder::start()?;
        let proxy = Arc::new(Proxy::start(recorder.url(), [])?);
        let door = Door::closed(proxy.url())?;
        if !plan.is_closed_at_first {
            door.open()?;
        }
        let done = Arc::new(Mutex::new(Done::default()));
        let (mut steps, mut readings) =
            (VecDeque::from(plan.steps.clone()), VecDeque::from(plan.readings.clone()));
        let wire = plan.wire;
        let (of_server, breaks) = (Arc::clone(&done), Arc::clone(&proxy));
        recorder.decide(move |request| {
            let mut done = lock(&of_server);
            done.requests += 1;
            let steps = if request.method == "GET" { &mut readings } else { &mut steps };
            let step = steps.pop_front()?;
            if let Step::Connection(fault) = step {
                breaks.break_next(&[fault]);
            }
            reply(step, wire, request, &mut done)
        });
        Ok(Arc::new(Self { recorder, door, done, _proxy: proxy }))
    }

    pub(crate) fn url(&self) -> &str {
        self.door.url()
    }

    /// Accepts connections, if they were refused until now.
    pub(crate) fn open(&self) {
        self.door.open().unwrap();
    }

    /// Returns the number of received requests.
    pub(crate) fn requests(&self) -> usize {
        self.done().requests
    }

    pub(crate) fn done(&self) -> std::sync::MutexGuard<'_, Done> {
        lock(&self.done)
    }

    /// Returns the stored texts and how often each was stored.
    pub(crate) fn stored(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        let logs = self.recorder.accepted_logs();
        for log in self.recorder.accepted_spans().iter().map(|span| &span["log_request"]).chain(&logs) {
            *times.entry(text(log)).or_default() += 1;
        }
        times
    }

    /// Returns the ids of the stored spans.
    pub(crate) fn span_ids(&self) -> BTreeSet<String> {
        let spans = self.recorder.accepted_spans();
        spans.iter().filter_map(|span| Some(span["context"]["span_id"].as_str()?.to_owned())).collect()
    }

    /// Returns the ids of the tracked requests.
    pub(crate) fn tracked(&self) -> BTreeSet<u64> {
        self.recorder.accepted_tracks().iter().filter_map(|track| track["request_id"].as_u64()).collect()
    }
}

/// Returns the text of a call.
fn text(log: &Value) -> String {
    log["input"]["messages"][0]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

/// Returns the response for a step and records it in `done`.
fn reply(step: Step, wire: Wire, request: &Request, done: &mut Done) -> Option<Reply> {
    let texts: Vec<String> = request.request_logs().map(text).collect();
    let is_track = texts.is_empty() && request.method == "POST";
    let reply = match step {
        Step::Healthy | Step::Connection(_) => return None,
        Step::Refuse(status) => Reply::status(status).header("Location", "http://127.0.0.1:1/"),
        Step::RefuseForNow(status) => Reply::status(status).header("Retry-After", "0"),
        Step::StoreAndFail(status) => Reply::status(status).processed(),
        // A success response completes a tracking call. It needs no id as proof.
        Step::Unproven { .. } | Step::WithoutIds(_) if is_track => return None,
        // This is how an OTLP endpoint says that it has stored everything. It never names ids.
        Step::Unproven { body: Body::Object, .. } | Step::WithoutIds(_) if wire.is_otlp() => return None,
        Step::Unproven { body, stored } => {
            done.unproven.extend(texts.iter().cloned());
            let at_most = texts.len() * stored / 4;
            let reply = unproven(body).store_at_most(at_most);
            if at_most == 0 { reply.unprocessed() } else { reply }
        }
        Step::Broken => {
            done.unproven.extend(texts.iter().cloned());
            Reply::service().broken_json()
        }
        Step::WithoutIds(at_most) => {
            done.without_ids.extend(texts.iter().cloned());
            Reply::service().answer_at_most(at_most)
        }
        Step::ResetBefore => Reply::reset(),
        Step::ResetAfter => Reply::service().lost(),
        Step::Late(delay) => Reply::service().delay(delay),
    };
    let is_failure = !matches!(step, Step::Unproven { .. } | Step::Broken | Step::WithoutIds(_));
    match texts.as_slice() {
        [alone] if is_failure => drop(done.refused_alone.insert(alone.clone())),
        [] if is_failure && is_track => done.refused_tracks += 1,
        _ => {}
    }
    Some(reply)
}

/// Returns a success response that proves nothing.
fn unproven(body: Body) -> Reply {
    match body {
        Body::Empty => Reply::status(201).body(""),
        Body::NoContent => Reply::status(204).body(""),
        Body::Object => Reply::status(200).json(&json!({})),
        Body::Declined => Reply::status(200).json(&json!({ "success": false, "message": "quota" })),
        Body::Html => {
            Reply::status(200).body("<html>Please log in</html>").header("Content-Type", "text/html")
        }
        Body::Multi => Reply::status(207).json(&json!({ "errors": [{ "message": "not stored" }] })),
    }
}
