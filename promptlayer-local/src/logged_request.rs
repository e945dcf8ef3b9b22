use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use promptlayer_blueprint::{Prompt, RequestId, RequestStatus};
use serde_json::{Map, Value};

use crate::store::StoredRequest;
use crate::timestamp::Timestamp;

/// A logged request, with all data that was added to it. [`Server::requests`](crate::Server::requests) returns them.
///
/// ```
/// use promptlayer_local::{Config, Server};
///
/// let server = Server::start(Config::default())?;
/// // … run the program that logs to server.url() …
/// for request in server.requests()? {
///     println!("{} {} took {:?}: {}", request.id, request.model, request.duration(), request.output.text());
///     assert_eq!(request.error_message, None);
/// }
/// # Ok::<(), promptlayer_local::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// The id of the request.
    pub id: RequestId,
    /// The name of the function that made the call, or of its span. Empty if neither is known.
    pub name: String,
    /// The provider of the model, such as `openai`.
    pub provider: String,
    /// The name of the model.
    pub model: String,
    /// The parameters of the model, such as `temperature`.
    pub parameters: Map<String, Value>,
    /// The model's input.
    pub input: Prompt,
    /// The model's output.
    pub output: Prompt,
    /// The tags, in the order in which they were logged.
    pub tags: Vec<String>,
    /// The metadata.
    pub metadata: BTreeMap<String, String>,
    /// The scores by their names. A score that was sent without a name has the name `default`.
    pub scores: BTreeMap<String, i64>,
    /// The groups that the request belongs to.
    pub groups: Vec<i64>,
    /// The status.
    pub status: RequestStatus,
    /// The kind of the error, such as `PROVIDER_TIMEOUT`.
    pub error_type: Option<String>,
    /// The message of the error.
    pub error_message: Option<String>,
    /// The number of tokens of the input.
    pub input_tokens: u64,
    /// The number of tokens of the output.
    pub output_tokens: u64,
    /// The price in US dollars. 0 if it was not logged.
    pub price: f64,
    /// The name of the template that the request was made from.
    pub prompt_name: Option<String>,
    /// The version of the template.
    pub prompt_version: Option<i64>,
    /// The variables that the template was rendered with.
    pub prompt_variables: Map<String, Value>,
    /// The time at which the call began.
    pub start: SystemTime,
    /// The time at which the call ended.
    pub end: SystemTime,
    /// The id of the trace, if the request was logged with a span.
    pub trace_id: Option<String>,
    /// The id of the span.
    pub span_id: Option<String>,
}

impl LoggedRequest {
    /// Returns the time that the call took. Zero if the clock was set back in the meantime.
    pub fn duration(&self) -> Duration {
        self.end.duration_since(self.start).unwrap_or_default()
    }
}

impl From<StoredRequest> for LoggedRequest {
    fn from(request: StoredRequest) -> Self {
        let tokens = |count: i64| u64::try_from(count).unwrap_or_default();
        Self {
            id: RequestId::new(u64::try_from(request.id).unwrap_or_default()),
            name: request.name,
            provider: request.provider,
            model: request.model,
            parameters: request.parameters,
            input: prompt(request.input),
            output: prompt(request.output),
            tags: request.tags,
            metadata: request.metadata,
            scores: request.scores,
            groups: request.groups,
            status: serde_json::from_value(Value::String(request.status)).unwrap_or(RequestStatus::Error),
            error_type: request.error_type,
            error_message: request.error_message,
            input_tokens: tokens(request.input_tokens),
            output_tokens: tokens(request.output_tokens),
            price: request.price,
            prompt_name: request.link.name,
            prompt_version: request.link.version,
            prompt_variables: request.link.variables,
            start: system_time(request.start),
            end: system_time(request.end),
            trace_id: request.trace_id,
            span_id: request.span_id,
        }
    }
}

/// Parses a prompt. The API has checked it before it was stored; a prompt that cannot be parsed becomes its JSON text.
fn prompt(value: Value) -> Prompt {
    let text = value.to_string();
    serde_json::from_value(value).unwrap_or_else(|_| Prompt::user(text))
}

fn system_time(timestamp: Timestamp) -> SystemTime {
    SystemTime::from(timestamp.to_jiff())
}
