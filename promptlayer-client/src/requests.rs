//! Requests that were logged, and the traces they belong to.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::blueprint::__serde::{or_default, rfc3339};
use crate::blueprint::PromptBlueprint;
use crate::{Client, Error, RequestId, SpanId, TraceId};

/// Requests and traces, read back. See [`Client::requests`].
///
/// ```no_run
/// use promptlayer_client::{Client, RequestId};
///
/// # async fn example() -> Result<(), promptlayer_client::Error> {
/// let requests = Client::from_env()?.requests();
/// let request = requests.get(RequestId::new(1001)).await?;
/// println!("{}", request.prompt_blueprint.prompt_template.text());
/// if let Some(trace) = request.trace_id {
///     println!("{} spans", requests.trace(trace).await?.spans.len());
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
    /// The request failed; see [`Error`]. There is none with this id: [`Error::is_not_found`].
    pub async fn get(&self, id: impl Into<RequestId>) -> Result<LoggedRequestDetail, Error> {
        self.client.http().get_json(&format!("/api/public/v2/requests/{}", id.into())).await
    }

    /// Reads one trace with its spans.
    ///
    /// # Errors
    ///
    /// The request failed; see [`Error`]. There is none with this id: [`Error::is_not_found`].
    pub async fn trace(&self, id: TraceId) -> Result<TraceDetail, Error> {
        self.client.http().get_json(&format!("/api/public/v2/traces/{id}")).await
    }
}

/// A request as the service keeps it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct LoggedRequestDetail {
    /// Its id.
    #[serde(rename = "request_id")]
    pub id: RequestId,
    /// What went in and came out, in a form that can be replayed.
    pub prompt_blueprint: PromptBlueprint,
    /// Whose model it was.
    #[serde(default)]
    pub provider: Option<String>,
    /// The model's name.
    #[serde(default)]
    pub model: Option<String>,
    /// How many tokens went in.
    #[serde(default)]
    pub input_tokens: Option<u64>,
    /// How many tokens came out.
    #[serde(default)]
    pub output_tokens: Option<u64>,
    /// The sum of both.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// What it cost, in US dollars.
    #[serde(default)]
    pub price: Option<f64>,
    /// When it began.
    #[serde(default, deserialize_with = "rfc3339::deserialize")]
    pub request_start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default, deserialize_with = "rfc3339::deserialize")]
    pub request_end_time: Option<Timestamp>,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub latency_ms: Option<f64>,
    /// The trace it belongs to, if that has an id of 128 bits.
    #[serde(default, deserialize_with = "trace_id")]
    pub trace_id: Option<TraceId>,
}

/// A trace as the service keeps it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TraceDetail {
    /// Its id.
    pub trace_id: TraceId,
    /// Its spans.
    #[serde(default, deserialize_with = "or_default")]
    pub spans: Vec<SpanDetail>,
}

/// A span as the service keeps it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct SpanDetail {
    /// Its id, if that has 64 bits; others are taken by the service too.
    #[serde(default, deserialize_with = "span_id")]
    pub span_id: Option<SpanId>,
    /// The span it was opened in.
    #[serde(default, deserialize_with = "span_id")]
    pub parent_id: Option<SpanId>,
    /// Its name.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The request log that was made of it, if it was a model call.
    #[serde(default)]
    pub request_log_id: Option<RequestId>,
    /// When it began.
    #[serde(default, deserialize_with = "rfc3339::deserialize")]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default, deserialize_with = "rfc3339::deserialize")]
    pub end_time: Option<Timestamp>,
    /// What else the service says of it, such as its attributes.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

fn trace_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TraceId>, D::Error> {
    Ok(padded(deserializer, 32)?.and_then(|text| text.parse().ok()))
}

fn span_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SpanId>, D::Error> {
    Ok(padded(deserializer, 16)?.and_then(|text| text.parse().ok()))
}

/// Reads an id. `PromptLayer`'s Python client leaves out the zeros it begins with.
fn padded<'de, D: Deserializer<'de>>(deserializer: D, digits: usize) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| format!("{text:0>digits$}")))
}
