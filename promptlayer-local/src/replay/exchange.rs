//! The request of a call before it is sent, and its request log afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use promptlayer_blueprint::providers::{
    self, Input, Omission, Output, Reply, TIME_TO_FIRST_CHUNK, UnknownApi, to_request,
};
use promptlayer_blueprint::{ErrorType, LogRequest, Prompt};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, watch};

use super::Replay;
use super::call::{Arrived, Call, Piece, Problem};
use super::provider::{Provider, WireApi};
use super::running::Slot;
use crate::json_text::JsonText;
use crate::store::{NewLink, NewRequest};
use crate::timestamp::Timestamp;

/// The tag of every call of the page.
const TAG: &str = "replay";

/// The metadata key of the id of the request that was replayed.
pub(crate) const REPLAY_OF: &str = "replay_of";

/// The metadata key of the parts of the prompt that the provider's API cannot express.
const OMITTED: &str = "replay_omitted";

/// The maximum number of omitted parts that are logged.
const MOST_OMISSIONS: usize = 20;

/// What the page was opened from.
pub(crate) struct Origin {
    /// The id of the request.
    pub(crate) request: Option<i64>,
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    /// The template that the prompt was rendered from.
    pub(crate) link: NewLink,
}

/// A call to make.
pub(crate) struct Planned {
    pub(crate) origin: Origin,
    pub(crate) provider: Arc<Provider>,
    /// The body of the request.
    pub(crate) body: Map<String, Value>,
    pub(crate) omissions: Vec<Omission>,
    pub(crate) model: String,
    pub(crate) prompt: Prompt,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) is_streamed: bool,
}

impl WireApi {
    /// Returns PromptLayer's name of the API.
    fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat-completions",
            Self::Messages => "messages",
        }
    }
}

/// Makes the body of a request, and returns what the API cannot express.
pub(crate) fn written(
    provider: &Provider,
    model: &str,
    prompt: &Prompt,
    parameters: &Map<String, Value>,
) -> Result<(Map<String, Value>, Vec<Omission>), UnknownApi> {
    let api = Some(provider.api().name());
    // Providers whose own API is another one serve this one as OpenAI does.
    let request = to_request(prompt, provider.name(), api, model, parameters)
        .or_else(|_| to_request(prompt, "openai", api, model, parameters))?;
    Ok((request.body, request.omissions))
}

impl Replay {
    /// Makes a call, and returns its request log. A call that fails has a log too.
    ///
    /// The pieces of a stream are sent to `pieces`. The call stops when that channel is closed, when the reader stops
    /// it, and when the server stops; the log then has what arrived.
    pub(crate) async fn call(
        self: Arc<Self>,
        mut planned: Planned,
        slot: Slot,
        pieces: mpsc::Sender<Piece>,
        mut stopping: watch::Receiver<bool>,
    ) -> NewRequest {
        if planned.is_streamed {
            planned.body.insert("stream".to_owned(), true.into());
            if planned.provider.api() == WireApi::Chat {
                planned.body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
            }
        }
        let (begin, start) = (Instant::now(), SystemTime::now());
        let stop = async {
            tokio::select! {
                () = slot.stopped() => "stopped by the reader",
                _ = stopping.wait_for(|is_stopping| *is_stopping) => "stopped: the server was stopped",
            }
        };
        let call = Call {
            provider: &planned.provider,
            client: &self.client,
            body: &planned.body,
            timeout: self.timeout,
            pieces: &pieces,
        };
        let arrived = call.run(stop).await;
        log(planned, (start, begin.elapsed()), arrived)
    }
}

/// Makes the request log of a call.
fn log(planned: Planned, (start, duration): (SystemTime, Duration), arrived: Arrived) -> NewRequest {
    let Planned { origin, provider, body, omissions, model, prompt, parameters, .. } = planned;
    let request = providers::request(Input::Value(Value::Object(body)));
    let is_stream = matches!(arrived.output, Some(Output::Chunks(_)));
    let mut reply = arrived.output.map(|output| providers::response_to(&request, output)).unwrap_or_default();
    let problem = arrived.problem.or_else(|| problem_of(&mut reply, is_stream));
    let output = providers::log::output_like(&prompt, reply.prompt.take());

    let mut log = LogRequest::new(provider.name(), model, prompt, output);
    if let Some(time) = arrived.first_event {
        let milliseconds = time.as_secs_f64() * 1e3;
        log.metadata.insert(TIME_TO_FIRST_CHUNK.to_owned(), format!("{milliseconds:.3}"));
    }
    if let Some(id) = origin.request {
        log.metadata.insert(REPLAY_OF.to_owned(), id.to_string());
    }
    if !omissions.is_empty() {
        let omitted = omissions.iter().take(MOST_OMISSIONS).map(ToString::to_string).collect::<Vec<_>>();
        log.metadata.insert(OMITTED.to_owned(), omitted.join("; "));
    }
    providers::log::add_metadata(&mut log, &reply);
    providers::log::set_outcome(&mut log, &reply);
    // An error that the provider itself reports says more than the end of the connection after it.
    if let Some(problem) = problem.filter(|_| reply.error.is_none()) {
        log.status = problem.status;
        log.set_error(problem.kind, &problem.message);
    }
    let shown = |text: &str| provider.message(text);
    NewRequest {
        provider: log.provider.clone(),
        model: log.model.clone(),
        input: JsonText::of(&log.input),
        output: without_key(&provider, JsonText::of(&log.output)),
        request_start_time: timestamp(start),
        request_end_time: timestamp(start + duration),
        parameters: JsonText::of(&parameters),
        tags: tags(origin.tags),
        metadata: std::mem::take(&mut log.metadata),
        link: origin.link,
        input_tokens: count(reply.usage.input),
        output_tokens: count(reply.usage.output),
        price: reply.price.unwrap_or_default(),
        function_name: origin.name,
        score: 0,
        score_name: None,
        api_type: Some(reply.shape.map_or(provider.api().name(), |shape| shape.api_type).to_owned()),
        status: log.status.as_str().to_owned(),
        error_type: log.error_type.map(|kind| kind.as_str().to_owned()),
        error_message: log.error_message().map(shown),
    }
}

/// Returns what is wrong with a response that was read to its end.
fn problem_of(reply: &mut Reply, is_stream: bool) -> Option<Problem> {
    if reply.error.is_some() {
        return None;
    }
    if reply.shape.is_none() {
        // What was read is not the reply of a model.
        let text = reply.prompt.take().map(|prompt| prompt.text()).unwrap_or_default();
        let message = format!("the response is not one of this API: {text}");
        return Some(Problem::error(ErrorType::ProviderError, message));
    }
    let is_cut = is_stream && reply.finish.is_none();
    is_cut.then(|| Problem::partial("the stream ended before the model had finished"))
}

/// Returns the JSON of an output without the key, which a stream can contain in pieces.
fn without_key(provider: &Provider, output: JsonText) -> JsonText {
    if !provider.has_key(output.as_str()) {
        return output;
    }
    // Without the key, the text is JSON as before.
    serde_json::from_str(&provider.without_key(output.as_str().to_owned()))
        .unwrap_or_else(|_| JsonText::null())
}

fn tags(mut tags: Vec<String>) -> Vec<String> {
    if !tags.iter().any(|tag| tag == TAG) {
        tags.push(TAG.to_owned());
    }
    tags
}

fn count(tokens: Option<u64>) -> i64 {
    i64::try_from(tokens.unwrap_or_default()).unwrap_or(i64::MAX)
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let nanoseconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_nanos();
    i64::try_from(nanoseconds).ok().map(Timestamp::from_nanoseconds)
}
