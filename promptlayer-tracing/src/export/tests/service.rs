//! A simulated service: stores the spans that it receives, and fails as scripted.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use promptlayer_client::exporter::{Answer, Failure, FailureKind, Media, Payload, Written};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::export::Format;
use crate::export::delivery::transport::Transport;

/// The wire between a pipeline and the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    SpansBulk,
    LogRequest,
    /// OTLP to PromptLayer, whose traces can be read back.
    #[cfg(feature = "otlp")]
    Otlp,
    /// OTLP to a collector.
    #[cfg(feature = "otlp")]
    Collector,
}

/// The wires over which traces can be read back. What holds for one holds for all.
#[cfg(feature = "otlp")]
pub(super) const WIRES: [Wire; 2] = [Wire::SpansBulk, Wire::Otlp];
#[cfg(not(feature = "otlp"))]
pub(super) const WIRES: [Wire; 1] = [Wire::SpansBulk];

impl Wire {
    /// Returns the form in which the pipeline sends its spans.
    pub(super) fn format(self) -> Format {
        match self {
            Self::SpansBulk => Format::SpansBulk,
            Self::LogRequest => Format::LogRequest,
            #[cfg(feature = "otlp")]
            Self::Otlp | Self::Collector => {
                let resource = crate::export::Resource::attributes("test");
                Format::Otlp(crate::export::Encoding::new(&resource, true, true, self == Self::Otlp))
            }
        }
    }

    /// Returns the hash of the destination, for the spool.
    pub(super) fn destination(self) -> &'static str {
        match self {
            Self::SpansBulk | Self::LogRequest => "0123456789abcdef",
            #[cfg(feature = "otlp")]
            Self::Otlp => "1123456789abcdef",
            #[cfg(feature = "otlp")]
            Self::Collector => "2123456789abcdef",
        }
    }

    /// Returns the body of a request as JSON, in the form of `POST /spans-bulk`.
    fn read(payload: &Payload) -> Value {
        match payload.media {
            Media::Json => serde_json::from_slice(&payload.bytes).unwrap(),
            #[cfg(feature = "otlp")]
            Media::Protobuf => otlp::read(&payload.bytes),
            #[cfg(feature = "otlp")]
            Media::GzippedProtobuf => otlp::read(&otlp::unzipped(&payload.bytes)),
            #[cfg(not(feature = "otlp"))]
            _ => panic!("there is only JSON"),
        }
    }

    /// Returns the response that says that all spans were stored. `taken` is that of `POST /spans-bulk`.
    fn stored(self, taken: &Value) -> Answer {
        match self {
            Self::SpansBulk | Self::LogRequest => answer(201, taken),
            #[cfg(feature = "otlp")]
            Self::Otlp | Self::Collector => Answer { status: 200, retry_after: None, body: Vec::new() },
        }
    }
}

#[cfg(feature = "otlp")]
mod otlp {
    use std::io::Read as _;

    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    };
    use opentelemetry_proto::tonic::trace::v1::Span;
    use promptlayer_blueprint::semconv;
    use promptlayer_client::exporter::{Answer, hex};
    use prost::Message as _;
    use serde_json::{Value, json};

    pub(super) fn unzipped(body: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
        plain
    }

    pub(super) fn read(body: &[u8]) -> Value {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let of_scopes = request.resource_spans.iter().flat_map(|of_resource| &of_resource.scope_spans);
        let span = |span: &Span| {
            let logs = span.attributes.iter().any(|attribute| attribute.key == semconv::LOG_FIELDS);
            let mut json = json!({
                "name": span.name,
                "context": {"trace_id": hex(&span.trace_id), "span_id": hex(&span.span_id)},
            });
            if logs {
                json["log_request"] = json!({});
            }
            json
        };
        json!({"spans": of_scopes.flat_map(|of_scope| &of_scope.spans).map(span).collect::<Vec<_>>()})
    }

    /// Returns the response of an endpoint that rejects this many spans.
    pub(super) fn partial(rejected_spans: i64, message: &str) -> Answer {
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: message.to_owned() };
        let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        Answer { status: 200, retry_after: None, body }
    }
}

/// The response to one request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A normal response.
    Take,
    /// A normal response after this many seconds.
    TakeAfter(u64),
    /// A response with this status. No span is stored.
    Status(u16),
    /// A response with this status, and with this many seconds in `Retry-After`.
    RetryAfter(u16, u64),
    /// The spans are stored, and the connection breaks.
    TakenAndLost,
    /// The spans are stored, and the response has this status.
    TakenAndStatus(u16),
    /// The spans are stored, and the response is not JSON.
    TakenAndGarbled,
    /// The spans are stored, and the response contains them without their request ids.
    TakenWithoutIds,
    /// The first spans are rejected, as many as this, and the response says so. The rest is stored.
    #[cfg(feature = "otlp")]
    Rejects(usize),
    /// The spans are stored, and the response has a warning.
    #[cfg(feature = "otlp")]
    TakenWithWarning,
    /// A success response with this body.
    Says { body: &'static str, is_taken: bool },
    /// The connection breaks, and the spans are stored this many seconds later.
    TakenLater(u64),
    /// The connection breaks before anything arrives.
    Lost,
    /// The connection is refused.
    Refused,
    /// No response arrives.
    Hang,
    /// The spans are stored, and no response arrives.
    TakenAndHang,
    /// The transport panics.
    Panic,
}

#[derive(Debug)]
struct Inner {
    wire: Wire,
    posts: VecDeque<Step>,
    /// The prefix of the paths that the script applies to.
    path: &'static str,
    gets: VecDeque<Step>,
    /// The step for requests after the end of the script.
    otherwise: Option<Step>,
    /// Spans by id: the trace, the request id, and the number of times that the span was received.
    spans: BTreeMap<String, (String, Option<u64>, u64)>,
    next_id: u64,
    /// The number of spans in each request.
    sizes: Vec<usize>,
    readings: usize,
    /// The names of spans that make a request invalid.
    poison: Vec<String>,
    /// Whether the response gives the positions of these spans.
    says_where: bool,
    /// The names of spans whose requests are rejected as a whole, and the status.
    refused: (Vec<String>, u16),
    /// The maximum number of spans in a request.
    most: usize,
}

/// A simulated service, and what it received.
#[derive(Debug, Clone)]
pub(super) struct Service(Arc<Mutex<Inner>>);

impl Service {
    /// Returns a service at the end of this wire that answers the next requests with these steps, and then normally.
    pub(super) fn over(wire: Wire, posts: impl IntoIterator<Item = Step>) -> Self {
        let inner = Inner {
            wire,
            posts: posts.into_iter().collect(),
            path: "",
            gets: VecDeque::new(),
            otherwise: None,
            spans: BTreeMap::new(),
            next_id: 1001,
            sizes: Vec::new(),
            readings: 0,
            poison: Vec::new(),
            says_where: false,
            refused: (Vec::new(), 0),
            most: usize::MAX,
        };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Returns the wire of the service.
    pub(super) fn wire(&self) -> Wire {
        self.inner().wire
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the responses to the next trace readings.
    pub(super) fn gets(self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.inner().gets.extend(steps);
        self
    }

    /// Applies the script only to paths with this prefix.
    pub(super) fn only_for(self, path: &'static str) -> Self {
        self.inner().path = path;
        self
    }

    /// Sets the step for requests after the end of the script.
    pub(super) fn otherwise(self, step: Step) -> Self {
        self.inner().otherwise = Some(step);
        self
    }

    /// Makes the service answer normally from now on.
    pub(super) fn recovers(&self) {
        self.inner().otherwise = None;
    }

    /// Makes requests with spans of these names invalid.
    pub(super) fn poison(self, names: &[String], says_where: bool) -> Self {
        let mut inner = self.inner();
        inner.poison = names.to_vec();
        inner.says_where = says_where;
        drop(inner);
        self
    }

    /// Rejects requests with spans of these names with this status.
    pub(super) fn refuse(self, names: &[String], status: u16) -> Self {
        self.inner().refused = (names.to_vec(), status);
        self
    }

    /// Makes the service answer all requests with this status from now on.
    pub(super) fn fails_with(&self, status: u16) {
        self.inner().otherwise = Some(Step::Status(status));
    }

    /// Limits the number of spans in one request.
    pub(super) fn most(self, most: usize) -> Self {
        self.inner().most = most;
        self
    }

    /// Returns the number of stored spans.
    pub(super) fn taken(&self) -> usize {
        self.inner().spans.len()
    }

    /// Returns the number of spans that were received more than once.
    pub(super) fn duplicates(&self) -> usize {
        self.inner().spans.values().filter(|(_, _, times)| *times > 1).count()
    }

    /// Returns the number of spans in each request.
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.inner().sizes.clone()
    }

    /// Returns the number of trace readings.
    pub(super) fn readings(&self) -> usize {
        self.inner().readings
    }
}

impl Inner {
    fn take(&mut self, spans: &[Value]) -> Value {
        let (mut taken, mut logged) = (Vec::new(), Vec::new());
        for span in spans {
            let text =
                |pointer: &str| span.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let id = text("/context/span_id");
            let entry = self.spans.entry(id.clone()).or_insert_with(|| {
                let request = span.get("log_request").map(|_| self.next_id);
                self.next_id += 1;
                (text("/context/trace_id"), request, 0)
            });
            entry.2 += 1;
            logged.extend(entry.1.map(|request| json!({"id": request, "span_id": id})));
            taken.push(json!({"id": taken.len(), "span_id": id}));
        }
        json!({"success": true, "spans": taken, "request_logs": logged})
    }

    fn faulty(&self, spans: &[Value]) -> Option<Answer> {
        if spans.len() > self.most {
            return Some(answer(413, &json!({})));
        }
        let has_name = |span: &Value, names: &[String]| {
            names.iter().any(|name| span.get("name").and_then(Value::as_str) == Some(name))
        };
        let (refused, status) = &self.refused;
        if spans.iter().any(|span| has_name(span, refused)) {
            return Some(answer(*status, &json!({})));
        }
        let is_poison = |span: &Value| has_name(span, &self.poison);
        let places: Vec<usize> =
            spans.iter().enumerate().filter(|(_, span)| is_poison(span)).map(|(at, _)| at).collect();
        if places.is_empty() {
            return None;
        }
        let detail: Vec<Value> =
            places.iter().map(|at| json!({"loc": ["body", "spans", at], "msg": "bad"})).collect();
        Some(answer(
            422,
            &if self.says_where { json!({"detail": detail}) } else { json!({"success": false}) },
        ))
    }

    fn trace(&self, id: &str) -> Answer {
        let spans: Vec<Value> = self
            .spans
            .iter()
            .filter(|(_, (trace, ..))| trace == id)
            .map(|(span, (_, request, _))| json!({"span_id": span, "request_log_id": request}))
            .collect();
        if spans.is_empty() { answer(404, &json!({})) } else { answer(200, &json!({"spans": spans})) }
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer { status, retry_after: None, body: body.to_string().into_bytes() }
}

fn failure(kind: FailureKind) -> Failure {
    Failure { kind, status: None, source: "as it was told".into() }
}

impl Transport for Service {
    fn post(
        &self,
        path: &str,
        body: Payload,
        written: Written,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send {
        let service = self.clone();
        let (is_of_spans, path) = (matches!(path, "/spans-bulk" | "/v1/traces"), path.to_owned());
        let wire = self.wire();
        async move {
            let body = Wire::read(&body);
            let spans = body["spans"].as_array().cloned().unwrap_or_default();
            let step = {
                let mut inner = service.inner();
                inner.sizes.push(spans.len());
                let otherwise = inner.otherwise;
                if path.starts_with(inner.path) {
                    inner.posts.pop_front().or(otherwise).unwrap_or(Step::Take)
                } else {
                    Step::Take
                }
            };
            let take = || service.inner().take(&spans);
            if !matches!(step, Step::Refused) {
                written.set();
            }
            match step {
                Step::Take if !is_of_spans => Ok(answer(200, &json!({"success": true, "id": 7}))),
                Step::Take => {
                    let faulty = service.inner().faulty(&spans);
                    Ok(faulty.unwrap_or_else(|| wire.stored(&take())))
                }
                Step::TakeAfter(seconds) => {
                    sleep(Duration::from_secs(seconds)).await;
                    Ok(wire.stored(&take()))
                }
                Step::Status(status) => Ok(answer(status, &json!({}))),
                Step::RetryAfter(status, seconds) => Ok(Answer {
                    retry_after: Some(Duration::from_secs(seconds)),
                    ..answer(status, &json!({}))
                }),
                Step::TakenAndLost => {
                    take();
                    Err(failure(FailureKind::Broken))
                }
                Step::TakenAndStatus(status) => {
                    take();
                    Ok(answer(status, &json!({})))
                }
                Step::TakenAndGarbled => {
                    take();
                    Ok(Answer { status: 201, retry_after: None, body: b"{\"succ".to_vec() })
                }
                Step::TakenWithoutIds => {
                    let mut taken = take();
                    taken["request_logs"] = json!([]);
                    Ok(answer(201, &taken))
                }
                #[cfg(feature = "otlp")]
                Step::Rejects(count) => {
                    service.inner().take(spans.get(count..).unwrap_or_default());
                    Ok(otlp::partial(count.try_into().unwrap(), "bad spans"))
                }
                #[cfg(feature = "otlp")]
                Step::TakenWithWarning => {
                    take();
                    Ok(otlp::partial(0, "slow down"))
                }
                Step::Says { body, is_taken } => {
                    if is_taken {
                        take();
                    }
                    Ok(Answer { status: 200, retry_after: None, body: body.as_bytes().to_vec() })
                }
                Step::TakenLater(seconds) => {
                    let (service, spans) = (service.clone(), spans.clone());
                    tokio::spawn(async move {
                        sleep(Duration::from_secs(seconds)).await;
                        service.inner().take(&spans);
                    });
                    Err(failure(FailureKind::Broken))
                }
                Step::Lost => Err(failure(FailureKind::Broken)),
                Step::Refused => Err(failure(FailureKind::NotSent)),
                Step::Hang => std::future::pending().await,
                Step::TakenAndHang => {
                    take();
                    std::future::pending().await
                }
                Step::Panic => panic!("as it was told"),
            }
        }
    }

    fn get(&self, path: &str) -> impl Future<Output = Result<Answer, Failure>> + Send {
        let service = self.clone();
        let trace = path.rsplit('/').next().unwrap_or_default().to_owned();
        async move {
            let mut inner = service.inner();
            #[cfg(feature = "otlp")]
            assert_ne!(inner.wire, Wire::Collector, "a collector has no traces to read");
            inner.readings += 1;
            match inner.gets.pop_front() {
                None | Some(Step::Take) => Ok(inner.trace(&trace)),
                Some(Step::Status(status)) => Ok(answer(status, &json!({}))),
                Some(_) => Err(failure(FailureKind::Broken)),
            }
        }
    }
}
