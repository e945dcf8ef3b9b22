//! Makes a request log of a tracked call.

use std::collections::BTreeMap;

use promptlayer_blueprint::providers::{
    Evidence, FINISH_REASON, PROVIDER_FINISH_REASON, Reply, UNKNOWN_MODEL, UNKNOWN_PROVIDER,
};
use promptlayer_blueprint::{ChatPrompt, CompletionPrompt, LogRequest, Message, Prompt, RequestStatus};
use serde_json::Value;

use super::{TrackRequest, exchange, langchain};
use crate::api::tracking::as_text;
use crate::json_text::JsonText;
use crate::store::{NewLink, NewRequest};

/// The metadata key of the parts of a response that have no other place in the log.
const OTHER_OUTPUT: &str = "function_output";

/// Makes the request log. The arguments are freed before the response is read, because both can be large.
pub(super) fn of_tracked(tracked: TrackRequest) -> NewRequest {
    let TrackRequest { args, kwargs, request_response, .. } = tracked;
    let is_langchain = tracked.provider_type.as_deref() == Some(langchain::PROVIDER_TYPE);
    let mut request =
        if is_langchain { langchain::request(args, kwargs) } else { exchange::request(args, kwargs) };
    let prompt = request.prompt.take().unwrap_or_else(|| ChatPrompt::default().into());
    let is_completion = matches!(prompt, Prompt::Completion(_));
    let input = JsonText::of(&prompt);
    drop(prompt);
    let parameters = JsonText::of(&std::mem::take(&mut request.parameters));

    let mut reply = if is_langchain {
        langchain::reply(request_response)
    } else {
        exchange::reply(&request, request_response)
    };
    let output = JsonText::of(&in_form_of_input(is_completion, reply.prompt.take()));
    let model = request.model.as_deref().or(reply.model.as_deref()).unwrap_or(UNKNOWN_MODEL).to_owned();
    let provider = tracked
        .provider_type
        .filter(|_| !is_langchain)
        .or_else(|| request.provider.as_deref().map(str::to_owned))
        .or_else(|| {
            let evidence = Evidence { request: &request, reply: &reply, model: &model, types: &[] };
            evidence.provider().map(str::to_owned)
        })
        .unwrap_or_else(|| UNKNOWN_PROVIDER.to_owned());

    let mut metadata: BTreeMap<String, String> =
        tracked.metadata.unwrap_or_default().into_iter().map(|(key, value)| (key, as_text(value))).collect();
    add_metadata(&mut metadata, &mut reply);
    let (status, error_type, error_message) = match (tracked.status, reply.error.take()) {
        (None, Some((error_type, message))) => {
            (RequestStatus::Error.as_str().to_owned(), Some(error_type.as_str().to_owned()), Some(message))
        }
        (status, _) => (
            status.unwrap_or_else(|| RequestStatus::Success.as_str().to_owned()),
            tracked.error_type,
            tracked.error_message,
        ),
    };
    let shape = reply.shape.or(request.shape);
    NewRequest {
        provider,
        model,
        input,
        output,
        request_start_time: tracked.request_start_time,
        request_end_time: tracked.request_end_time,
        parameters,
        tags: tracked.tags.unwrap_or_default(),
        metadata,
        link: NewLink {
            name: None,
            id: tracked.prompt_id,
            version: tracked.prompt_version,
            variables: tracked.prompt_input_variables.unwrap_or_else(JsonText::empty_object),
        },
        input_tokens: tokens(reply.usage.input),
        output_tokens: tokens(reply.usage.output),
        price: reply.price.unwrap_or_default(),
        function_name: tracked.function_name,
        score: 0,
        score_name: None,
        api_type: shape.map(|shape| shape.api_type.to_owned()),
        status,
        error_type,
        error_message: error_message.map(shortened),
    }
}

/// Returns the output in the form of the input: after a completion, a single message becomes a completion too.
fn in_form_of_input(is_completion: bool, output: Option<Prompt>) -> Prompt {
    match output {
        None if is_completion => CompletionPrompt::default().into(),
        None => ChatPrompt::default().into(),
        Some(Prompt::Chat(chat)) if is_completion => match chat.messages.as_slice() {
            [Message::Assistant(only)] if only.tool_calls.is_empty() => {
                CompletionPrompt::new(only.content.clone()).into()
            }
            _ => chat.into(),
        },
        Some(Prompt::Completion(completion)) if !is_completion => {
            ChatPrompt::new([Message::assistant(completion.content)]).into()
        }
        Some(output) => output,
    }
}

/// Adds what has no field in the log. Keys that the client has set stay.
fn add_metadata(metadata: &mut BTreeMap<String, String>, reply: &mut Reply) {
    let mut add = |key: &str, value: String| {
        metadata.entry(key.to_owned()).or_insert(value);
    };
    if let Some(finish) = &reply.finish {
        let normalized = finish.normalized();
        add(FINISH_REASON, normalized.to_owned());
        if finish.word != normalized {
            add(PROVIDER_FINISH_REASON, finish.word.clone());
        }
    }
    for (key, count) in reply.usage.metadata() {
        add(key, count.to_string());
    }
    for (key, value) in std::mem::take(&mut reply.metadata) {
        add(key, value);
    }
    if !reply.unplaced.is_empty() {
        add(OTHER_OUTPUT, Value::Object(std::mem::take(&mut reply.unplaced)).to_string());
    }
}

fn tokens(count: Option<u64>) -> i64 {
    i64::try_from(count.unwrap_or_default()).unwrap_or(i64::MAX)
}

/// Shortens an error message to the length that PromptLayer accepts. PromptLayer's JavaScript client sends longer ones.
fn shortened(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(LogRequest::MAX_ERROR_CHARACTERS) {
        message.truncate(end);
    }
    message
}
