//! Reads logged requests and their traces.

use std::time::SystemTime;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::blueprint::__serde::{or_default, rfc3339};
use crate::blueprint::PromptBlueprint;
use crate::call::Call;
use crate::{ApiFuture, Client, RequestId, SpanId, TraceId};

/// The API that reads logged requests and traces. See [`Client::requests`].
///
/// ```no_run
/// use promptlayer_client::{Client, RequestId};
///
/// # async fn example() -> Result<(), promptlayer_client::Error> {
/// let requests = Client::from_env()?.requests();
/// let request = requests.get(RequestId::new(1001)).await?;
/// println!("{}", request.prompt_blueprint.prompt_template.text());
/// if let Some(trace) = request.trace_id {
///     for span in requests.trace(trace).await?.spans {
///         println!("{} {:?} below {:?}", span.name, span.request_log_id, span.parent_id);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Requests {
    client: Client,
}

impl Requests {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads one request.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`](crate::Error) if the request fails. If there is no request with this id,
    /// [`Error::is_not_found`](crate::Error::is_not_found) returns `true`.
    pub fn get(&self, id: impl Into<RequestId>) -> ApiFuture<LoggedRequestDetail> {
        let (client, call) =
            (self.client.clone(), Call::get(format!("/api/public/v2/requests/{}", id.into())));
        ApiFuture::new(async move { client.read(call).await })
    }

    /// Reads one trace with its spans.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`](crate::Error) if the request fails. If there is no trace with this id, [`Error::is_not_found`](crate::Error::is_not_found)
    /// returns `true`.
    pub fn trace(&self, id: TraceId) -> ApiFuture<TraceDetail> {
        let (client, call) = (self.client.clone(), Call::get(format!("/api/public/v2/traces/{id}")));
        ApiFuture::new(async move { client.read(call).await })
    }
}

/// A request log, as PromptLayer stores it. [`Requests::get`] returns it; [`Requests`] has an example.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct LoggedRequestDetail {
    /// The id of the request.
    #[serde(rename = "request_id")]
    pub id: RequestId,
    /// The input and the output, in a form that can be replayed.
    pub prompt_blueprint: PromptBlueprint,
    /// The provider of the model.
    #[serde(default)]
    pub provider: Option<String>,
    /// The name of the model.
    #[serde(default)]
    pub model: Option<String>,
    /// The number of input tokens.
    #[serde(default)]
    pub input_tokens: Option<u64>,
    /// The number of output tokens.
    #[serde(default)]
    pub output_tokens: Option<u64>,
    /// The number of input and output tokens together.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// The price in US dollars.
    #[serde(default)]
    pub price: Option<f64>,
    /// The start time.
    #[serde(default, deserialize_with = "rfc3339::deserialize")]
    pub request_start_time: Option<SystemTime>,
    /// The end time.
    #[serde(default, deserialize_with = "rfc3339::deserialize")]
    pub request_end_time: Option<SystemTime>,
    /// The duration in milliseconds.
    #[serde(default)]
    pub latency_ms: Option<f64>,
    /// The trace of the request, if it has a 128-bit id.
    #[serde(default, deserialize_with = "trace_id")]
    pub trace_id: Option<TraceId>,
}

/// A trace, as PromptLayer stores it. [`Requests::trace`] returns it; [`Requests`] has an example.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TraceDetail {
    /// The id of the trace.
    pub trace_id: TraceId,
    /// The spans of the trace.
    #[serde(default, deserialize_with = "or_default")]
    pub spans: Vec<SpanDetail>,
}

/// A span, as PromptLayer stores it. See [`TraceDetail::spans`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct SpanDetail {
    /// The id of the span, if it is a 64-bit id. PromptLayer also accepts other ids.
    #[serde(default, deserialize_with = "span_id")]
    pub span_id: Option<SpanId>,
    /// The id of the parent span.
    #[serde(default, deserialize_with = "span_id")]
    pub parent_id: Option<SpanId>,
    /// The name of the span.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The request log that was made from the span, if it was a model call.
    #[serde(default)]
    pub request_log_id: Option<RequestId>,
    /// The start time.
    #[serde(default, deserialize_with = "rfc3339::deserialize")]
    pub start_time: Option<SystemTime>,
    /// The end time.
    #[serde(default, deserialize_with = "rfc3339::deserialize")]
    pub end_time: Option<SystemTime>,
    /// All other fields of the response, such as the attributes.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

fn trace_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TraceId>, D::Error> {
    Ok(padded(deserializer, 32)?.and_then(|text| text.parse().ok()))
}

fn span_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SpanId>, D::Error> {
    Ok(padded(deserializer, 16)?.and_then(|text| text.parse().ok()))
}

/// Reads an id and pads it with leading zeros, which PromptLayer's Python client omits.
fn padded<'de, D: Deserializer<'de>>(deserializer: D, digits: usize) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| format!("{text:0>digits$}")))
}
