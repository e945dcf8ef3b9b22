//! `push`: sends stored requests and spans to PromptLayer or to another server. `serve --forward` does the same for
//! what arrives.
//!
//! Spans go to `/spans-bulk` with their requests, other requests to `/log-request`. The ids of the last span and of the
//! last request that the server has acknowledged are stored, so the next run continues there. If a response is lost,
//! the spans of that response are sent again.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use promptlayer_client::Client;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::terminal::note;
use super::{DatabaseOptions, Failure, runtime};
use crate::Database;
use crate::store::transfer::{RequestRecord, SpanRecord};
use crate::store::{DEFAULT_SCORE, Store, StoreError};
use crate::timestamp::Timestamp;

/// The maximum number of spans in a body, and the number of bytes after which a body is complete.
const MOST_SPANS: usize = 100;
const MOST_BYTES: usize = 1 << 20;

/// The time-out of a request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The pauses between attempts. `push` gives up after [`ATTEMPTS`] attempts, `--forward` goes on.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 8;

/// The time that forwarded data waits, so that scores and metadata that follow a request are sent with it.
const FORWARD_DELAY: Duration = Duration::from_secs(1);

/// The time that a request waits for its span, which some clients send later.
const SPAN_DELAY: Duration = Duration::from_secs(60);

/// The time after which forwarding looks for requests whose spans did not arrive.
const FORWARD_INTERVAL: Duration = Duration::from_secs(15);

/// The pause after an error that another attempt does not fix, such as a wrong key.
const STOPPED_PAUSE: Duration = Duration::from_secs(60);

pub(super) const ENVIRONMENT: &str = "\
Environment:
  PROMPTLAYER_API_KEY  The key for the server

Scores and metadata are sent with their request; templates and groups are not sent. Run the command
again to continue: it remembers what the server has acknowledged.";

#[derive(Args)]
pub(super) struct Options {
    /// The base URL of the server.
    #[arg(long, value_name = "URL", help = "Base URL, such as https://api.promptlayer.com")]
    to: String,

    /// Send everything again, also what the server has acknowledged
    #[arg(long)]
    again: bool,

    #[command(flatten)]
    database: DatabaseOptions,
}

/// A server that data is sent to.
pub(super) struct Target {
    client: Client,
    /// Identifies the URL and the key in the database. The key cannot be derived from it.
    name: String,
}

impl Target {
    /// Returns the server at a URL, with the key of the environment.
    pub(super) fn new(url: &str) -> Result<Self, Failure> {
        let client = Client::builder().base_url(url).timeout(TIMEOUT).build()?;
        let name = format!("{} {}", client.base_url(), client.http().destination());
        Ok(Self { client, name })
    }

    pub(super) fn url(&self) -> &str {
        self.client.base_url()
    }
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    options.database.check_exists()?;
    let target = Target::new(&options.to)?;
    let store = Store::open(&Database::File(options.database.database.clone()))?;
    let mut delivery = Delivery::new(&store, &target, Some(ATTEMPTS));
    let sent = runtime()?.block_on(async {
        if options.again {
            store.set_delivered(&target.name, (0, 0)).await?;
        }
        delivery.send_all().await
    });
    delivery.bar.finish_and_clear();
    let Delivery { spans, requests, refused, .. } = delivery;
    let report = format!("{requests} requests and {spans} spans were sent to {}", target.url());
    match sent {
        Ok(()) if refused == 0 => note(&report),
        Ok(()) => note(&format!("{report}; {refused} were refused")),
        Err(stop) => return Err(format!("{stop}; {report}; run the command again to continue").into()),
    }
    Ok(())
}

/// Makes [`forward`] begin after what is already stored, if nothing was sent to this server before.
pub(super) async fn begin_forwarding(store: &Store, target: &Target) -> Result<(), Failure> {
    let delivery = Delivery::new(store, target, None);
    if delivery.delivered().await.map_err(Stop::from)?.is_none() {
        let last =
            store.read(|store| store.last_rows().map_err(StoreError::from)).await.map_err(Stop::from)?;
        store.set_delivered(&target.name, last).await.map_err(Stop::from)?;
    }
    Ok(())
}

/// Sends what arrives until the future is dropped.
pub(super) async fn forward(store: &Store, target: &Target) {
    let mut writes = store.writes();
    writes.mark_unchanged();
    loop {
        let mut delivery = Delivery::new(store, target, None);
        if let Err(stop) = delivery.send_all().await {
            note(&format!("warning: cannot forward: {stop}"));
            tokio::time::sleep(STOPPED_PAUSE).await;
            continue;
        }
        match tokio::time::timeout(FORWARD_INTERVAL, writes.changed()).await {
            Ok(Ok(())) => tokio::time::sleep(FORWARD_DELAY).await,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
    }
}

/// The reason why sending stopped.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("the database failed: {0}")]
    Store(StoreError),
    #[error("{0}")]
    Server(String),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The response to a body.
enum Response {
    Accepted(Vec<u8>),
    /// The server does not accept this body. The text says why.
    Refused(String),
}

/// Sends what a server has not acknowledged yet.
struct Delivery<'a> {
    store: &'a Store,
    target: &'a Target,
    attempts: Option<u32>,
    bar: ProgressBar,
    spans: u64,
    requests: u64,
    refused: u64,
}

#[derive(Deserialize)]
struct BulkAnswer {
    #[serde(default)]
    request_logs: Vec<LoggedId>,
    #[serde(default)]
    rejected_span_ids: Vec<String>,
}

#[derive(Deserialize)]
struct LoggedId {
    id: i64,
    span_id: Option<String>,
}

impl<'a> Delivery<'a> {
    fn new(store: &'a Store, target: &'a Target, attempts: Option<u32>) -> Self {
        let bar = if attempts.is_some() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        Self { store, target, attempts, bar, spans: 0, requests: 0, refused: 0 }
    }

    async fn delivered(&self) -> Result<Option<(i64, i64)>, StoreError> {
        let name = self.target.name.clone();
        self.store.read(move |store| store.delivered(&name).map_err(StoreError::from)).await
    }

    async fn send_all(&mut self) -> Result<(), Stop> {
        let (mut span, mut request) = self.delivered().await?.unwrap_or_default();
        // A span that is stored from now on can have an earlier request than the last one that is sent alone.
        let (_, last) = self.store.read(|store| store.last_rows().map_err(StoreError::from)).await?;
        let left = self.store.read(move |store| store.undelivered(span, request).map_err(StoreError::from));
        self.bar.set_length(left.await?);
        loop {
            let next = self
                .store
                .read(move |store| store.spans_after(span, MOST_SPANS, MOST_BYTES).map_err(StoreError::from));
            let mut spans = next.await?;
            if spans.is_empty() {
                break;
            }
            for (_, of_span) in &mut spans {
                // The request did not wait for its span any longer, so it was sent alone.
                *of_span = of_span.take().filter(|of_span| of_span.id > request);
            }
            // The first part is at the end.
            let mut parts = vec![spans.as_slice()];
            while let Some(part) = parts.pop() {
                let Some((last, _)) = part.last() else { continue };
                if let Err(reason) = self.send_spans(part).await? {
                    if part.len() > 1 {
                        // One of the spans is refused, or the body is too large.
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([second, first]);
                        continue;
                    }
                    self.refused += 1;
                    note(&format!("span {} was refused: {reason}", last.span_id));
                }
                span = last.id;
                self.store.set_delivered(&self.target.name, (span, request)).await?;
                self.bar.inc(part.len() as u64);
            }
        }
        let delay = i64::try_from(SPAN_DELAY.as_nanos()).unwrap_or(i64::MAX);
        let settled = Timestamp::from_nanoseconds(Timestamp::now().nanoseconds().saturating_sub(delay));
        loop {
            let next = self.store.read(move |store| {
                store.single_request_after(request, last, settled).map_err(StoreError::from)
            });
            let Some(record) = next.await? else { return Ok(()) };
            request = record.id;
            if let Err(reason) = self.send_request(record).await? {
                self.refused += 1;
                note(&format!("request {request} was refused: {reason}"));
            }
            self.store.set_delivered(&self.target.name, (span, request)).await?;
            self.bar.inc(1);
        }
    }

    /// Sends spans with their requests. Returns the reason if the server refuses them.
    async fn send_spans(
        &mut self,
        spans: &[(SpanRecord, Option<RequestRecord>)],
    ) -> Result<Result<(), String>, Stop> {
        let bodies: Vec<Value> =
            spans.iter().map(|(span, request)| span_body(span, request.as_ref())).collect();
        let answer = match self.post("/spans-bulk", &json!({ "spans": bodies })).await? {
            Response::Accepted(answer) => answer,
            Response::Refused(reason) => return Ok(Err(reason)),
        };
        let answer: BulkAnswer = serde_json::from_slice(&answer).map_err(|error| {
            Stop::Server(format!("the response of {} cannot be read: {error}", self.target.url()))
        })?;
        for id in &answer.rejected_span_ids {
            self.refused += 1;
            note(&format!("span {id} was refused: its trace is closed"));
        }
        self.spans += (spans.len() - answer.rejected_span_ids.len().min(spans.len())) as u64;
        self.requests += answer.request_logs.len() as u64;
        let ids: BTreeMap<&str, i64> = answer
            .request_logs
            .iter()
            .filter_map(|logged| Some((logged.span_id.as_deref()?, logged.id)))
            .collect();
        for (span, request) in spans {
            if let (Some(request), Some(id)) = (request, ids.get(span.span_id.as_str())) {
                self.send_scores(*id, request).await?;
            }
        }
        Ok(Ok(()))
    }

    /// Sends a request that belongs to no span. Returns the reason if the server refuses it.
    async fn send_request(&mut self, request: RequestRecord) -> Result<Result<(), String>, Stop> {
        let answer = match self.post("/log-request", &request_body(&request)).await? {
            Response::Accepted(answer) => answer,
            Response::Refused(reason) => return Ok(Err(reason)),
        };
        self.requests += 1;
        if let Ok(LoggedId { id, .. }) = serde_json::from_slice(&answer) {
            self.send_scores(id, &request).await?;
        }
        Ok(Ok(()))
    }

    /// Sends the scores that do not fit the body of the request itself.
    async fn send_scores(&mut self, id: i64, request: &RequestRecord) -> Result<(), Stop> {
        for (name, score) in request.scores.iter().skip(1) {
            let mut body = json!({ "request_id": id, "score": score });
            if name != DEFAULT_SCORE {
                body["name"] = json!(name);
            }
            if let Response::Refused(reason) = self.post("/rest/track-score", &body).await? {
                note(&format!("the score {name} of request {} was refused: {reason}", request.id));
            }
        }
        Ok(())
    }

    /// Sends a body until the server has accepted or refused it.
    async fn post(&self, path: &str, body: &Value) -> Result<Response, Stop> {
        let body = body.to_string().into_bytes();
        let http = self.target.client.http();
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let (problem, wait) = match http.post_bytes(path, body.clone()).await {
                Ok(answer) if answer.is_success() => return Ok(Response::Accepted(answer.body)),
                Ok(answer) => {
                    let problem = http.error_of_answer(format!("POST {path}"), &answer).to_string();
                    match answer.status {
                        408 | 425 | 429 | 500.. => (problem, answer.retry_after),
                        400 | 409 | 413 | 422 | 431 => return Ok(Response::Refused(problem)),
                        401 | 403 => {
                            return Err(Stop::Server(format!("{problem}; check PROMPTLAYER_API_KEY")));
                        }
                        _ => {
                            return Err(Stop::Server(format!(
                                "{problem}; check the URL {}",
                                self.target.url()
                            )));
                        }
                    }
                }
                Err(failure) => {
                    let error = http.error_of_failure(format!("POST {path}"), failure);
                    (super::error::with_causes(&error), None)
                }
            };
            if self.attempts.is_some_and(|most| attempt >= most) {
                return Err(Stop::Server(problem));
            }
            if attempt == 1 {
                note(&format!("warning: {problem}; trying again"));
            }
            tokio::time::sleep(wait.unwrap_or(pause).min(LONGEST_PAUSE.max(wait.unwrap_or_default()))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(Stop::Server("no attempt was made".to_owned()))
    }
}

/// Returns the JSON of a span in a body of `/spans-bulk`.
fn span_body(span: &SpanRecord, request: Option<&RequestRecord>) -> Value {
    json!({
        "name": span.name,
        "context": { "trace_id": span.trace_id, "span_id": span.span_id, "trace_state": span.trace_state },
        "kind": span.kind,
        "parent_id": span.parent_id,
        "start_time": span.start_ns,
        "end_time": span.end_ns,
        "status": { "status_code": span.status_code, "description": span.status_description },
        "attributes": span.attributes,
        "events": span.events,
        "links": span.links,
        "resource": span.resource,
        "log_request": request.map(request_body),
    })
}

/// Returns the JSON of a request log. The id of its template is left out, because it belongs to this database.
fn request_body(request: &RequestRecord) -> Value {
    let time = |nanoseconds| Timestamp::from_nanoseconds(nanoseconds).to_string();
    let mut body = Map::new();
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    add("provider", json!(request.provider));
    add("model", json!(request.model));
    add("api_type", json!(request.api_type));
    add("function_name", json!(request.function_name));
    add("input", json!(request.input));
    add("output", json!(request.output));
    add("parameters", json!(request.parameters));
    add("request_start_time", json!(time(request.start_ns)));
    add("request_end_time", json!(time(request.end_ns)));
    add("input_tokens", json!(request.input_tokens));
    add("output_tokens", json!(request.output_tokens));
    add("price", json!(request.price));
    add("status", json!(request.status));
    add("error_type", json!(request.error_type));
    add("error_message", json!(request.error_message));
    add("tags", json!(request.tags));
    add("metadata", json!(request.metadata));
    add("prompt_name", json!(request.prompt_name));
    if request.prompt_name.is_some() {
        add("prompt_version_number", json!(request.prompt_version));
    }
    add("prompt_input_variables", json!(request.prompt_variables));
    if let Some((name, score)) = request.scores.iter().next() {
        add("score", json!(score));
        add("score_name", json!(Some(name).filter(|name| *name != DEFAULT_SCORE || *score == 0)));
    }
    Value::Object(body)
}
