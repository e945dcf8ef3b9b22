//! The fields of a request log that OpenTelemetry has no attribute for, or only an attribute that differs: the provider
//! and the parameters as the log has them, the outcome, the price. They are written into one attribute,
//! `promptlayer.request_log.fields`, as a JSON object with the names of the log's fields.
//!
//! The content is not in it. Of the input and the output it has the type, and the fields beside the messages.

use std::borrow::Cow;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value};

use super::write;
use crate::Score;
use crate::blueprint::{
    ChatPrompt, CompletionPrompt, ContentBlock, ErrorType, Function, FunctionCallChoice, LogRequest, Message,
    Prompt, RequestStatus, TemplateFormat, Tool, ToolChoice,
};
use crate::fields::rfc3339;

#[derive(Serialize)]
struct LogFields<'a> {
    provider: &'a str,
    model: &'a str,
    input: Frame<'a>,
    output: Frame<'a>,
    #[serde(with = "rfc3339", skip_serializing_if = "Option::is_none")]
    request_start_time: Option<SystemTime>,
    #[serde(with = "rfc3339", skip_serializing_if = "Option::is_none")]
    request_end_time: Option<SystemTime>,
    #[serde(skip_serializing_if = "is_empty_map")]
    parameters: Cow<'a, Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_version_number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<Score>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_type: Option<&'a str>,
    status: RequestStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<ErrorType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
}

/// A prompt without its messages.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Frame<'a> {
    Chat {
        /// Tools that would not be read back from their definitions as they are.
        #[serde(skip_serializing_if = "is_empty")]
        tools: &'a [Tool],
        #[serde(skip_serializing_if = "Option::is_none")]
        tool_choice: Option<&'a ToolChoice>,
        #[serde(skip_serializing_if = "is_empty")]
        functions: &'a [Function],
        #[serde(skip_serializing_if = "Option::is_none")]
        function_call: Option<&'a FunctionCallChoice>,
        #[serde(skip_serializing_if = "is_empty")]
        input_variables: &'a [String],
    },
    Completion {
        #[serde(skip_serializing_if = "is_empty")]
        input_variables: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        template_format: Option<TemplateFormat>,
    },
}

fn is_empty_map(map: &Map<String, Value>) -> bool {
    map.is_empty()
}

// serde prescribes this signature.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_empty<T>(list: &&[T]) -> bool {
    list.is_empty()
}

impl<'a> Frame<'a> {
    fn new(prompt: &'a Prompt, with_content: bool) -> Self {
        match prompt {
            Prompt::Chat(_) if !with_content => Self::new_chat(),
            Prompt::Chat(chat) => Self::Chat {
                tools: if write::are_definable(&chat.tools) { &[] } else { &chat.tools },
                tool_choice: chat.tool_choice.as_ref(),
                functions: &chat.functions,
                function_call: chat.function_call.as_ref(),
                input_variables: &chat.input_variables,
            },
            Prompt::Completion(completion) => Self::Completion {
                input_variables: &completion.input_variables,
                template_format: completion.template_format,
            },
        }
    }

    fn new_chat() -> Self {
        Self::Chat {
            tools: &[],
            tool_choice: None,
            functions: &[],
            function_call: None,
            input_variables: &[],
        }
    }
}

/// Returns the value of [`LOG_FIELDS`](crate::semconv::LOG_FIELDS) for a request log.
///
/// Without content, parameters that are texts, lists or objects are left out, and so are functions and tools.
///
/// ```
/// use promptlayer_blueprint::providers::gen_ai;
/// use promptlayer_blueprint::{LogRequest, Prompt, semconv};
/// use serde_json::{Map, Value};
///
/// let log = LogRequest::new("groq", "llama-3", Prompt::user("Why?"), Prompt::assistant("Why not?"))
///     .parameters([("temperature", 0.5)]);
/// let mut attributes = gen_ai::content_of_log(&log, &[]);
/// attributes.insert(semconv::LOG_FIELDS.to_owned(), Value::from(gen_ai::log_fields(&log, true)));
/// assert_eq!(gen_ai::log_request(&attributes), log);
/// ```
pub fn log_fields(log: &LogRequest, with_content: bool) -> String {
    let parameters = if with_content {
        Cow::Borrowed(&log.parameters)
    } else {
        let kept = log.parameters.iter().filter(|(_, value)| value.is_number() || value.is_boolean());
        Cow::Owned(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    let fields = LogFields {
        provider: &log.provider,
        model: &log.model,
        input: Frame::new(&log.input, with_content),
        output: Frame::new(&log.output, with_content),
        request_start_time: log.request_start_time,
        request_end_time: log.request_end_time,
        parameters,
        prompt_name: log.prompt_name.as_deref(),
        prompt_id: log.prompt_id,
        prompt_version_number: log.prompt_version_number,
        input_tokens: log.input_tokens,
        output_tokens: log.output_tokens,
        price: log.price,
        function_name: log.function_name.as_deref(),
        score: log.score,
        api_type: log.api_type.as_deref(),
        status: log.status,
        error_type: log.error_type,
        error_message: log.error_message(),
    };
    // All keys are texts, so this does not fail.
    serde_json::to_string(&fields).unwrap_or_default()
}

/// Returns the log with these fields, and with the messages, tools and variables of a log that was read from the
/// attributes of OpenTelemetry. Returns `None` if the fields are not those of a log.
pub(super) fn with_log_fields(text: &str, read: &mut LogRequest) -> Option<LogRequest> {
    let mut fields: Map<String, Value> = serde_json::from_str(text).ok()?;
    for side in ["input", "output"] {
        let frame = fields.get_mut(side)?.as_object_mut()?;
        // Content that the frame must not have: it is in attributes of its own.
        let content = if frame.get("type")? == "completion" { "content" } else { "messages" };
        frame.insert(content.to_owned(), Value::Array(Vec::new()));
    }
    let mut log: LogRequest = serde_json::from_value(Value::Object(fields)).ok()?;
    fill(&mut log.input, &mut read.input, Message::user);
    fill(&mut log.output, &mut read.output, Message::assistant);
    log.prompt_input_variables = std::mem::take(&mut read.prompt_input_variables);
    Some(log)
}

/// Moves the content of a prompt that was read into its frame.
fn fill(frame: &mut Prompt, read: &mut Prompt, message: fn(Vec<ContentBlock>) -> Message) {
    match (frame, read) {
        (Prompt::Chat(ChatPrompt { messages, tools, .. }), Prompt::Chat(read)) => {
            *messages = std::mem::take(&mut read.messages);
            if tools.is_empty() {
                *tools = std::mem::take(&mut read.tools);
            }
        }
        (Prompt::Completion(CompletionPrompt { content, .. }), Prompt::Completion(read)) => {
            *content = std::mem::take(&mut read.content);
        }
        (Prompt::Completion(CompletionPrompt { content, .. }), Prompt::Chat(read)) => {
            *content = read.messages.iter_mut().flat_map(taken).collect();
        }
        (Prompt::Chat(ChatPrompt { messages, .. }), Prompt::Completion(read)) => {
            if !read.content.is_empty() {
                *messages = vec![message(std::mem::take(&mut read.content))];
            }
        }
    }
}

fn taken(message: &mut Message) -> Vec<ContentBlock> {
    message.content_mut().map(std::mem::take).unwrap_or_default()
}
