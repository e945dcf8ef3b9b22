//! The crates of model clients whose types have no `Serialize`: a table of how their `Debug` output becomes the
//! JSON of the wire format. The readers in `promptlayer-blueprint` then detect the format.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::names::snake_case;
use super::parse::MASK;
use crate::capture::type_names::{last_name, paths};

/// One crate of a model client.
pub(super) struct Client {
    /// The name of the crate, with which the paths of its types start.
    krate: &'static str,
    /// The starts of the paths of the types that make up a request. They contain content and no credentials, so
    /// their `Debug` is used for arguments too.
    of_request: &'static [&'static str],
    /// Types that are a part of a request.
    parts: &'static [(&'static str, Part)],
    /// The names of responses whose `Display` shows less than their `Debug`.
    replies: &'static [&'static str],
    pub(super) form: Form,
}

/// What a value is in the request of a client that takes it as an argument of its own.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// It is this field.
    Field(&'static str),
    /// Its fields are fields of the request.
    Fields,
}

/// How `Debug` output becomes JSON.
pub(super) struct Form {
    /// `true` for the APIs of Amazon: keys and variants are in camel case, unit variants in snake case, and a
    /// `None` is left out.
    pub(super) is_amazon: bool,
    /// `true` for the types of a known crate, where the name of a struct is never that of a variant, unless
    /// `rewrite` says so.
    pub(super) is_known: bool,
    /// Rewrites a value that has a name: the fields of a struct, the content of a variant, or `null` for a unit
    /// variant. Returns `None` if the crate treats the name like any other.
    pub(super) rewrite: fn(&str, &mut Value) -> Option<Value>,
}

/// The form of the types that no row is about.
pub(super) static PLAIN: Form = Form { is_amazon: false, is_known: false, rewrite: |_, _| None };

const AMAZON: Form = Form { is_amazon: true, is_known: true, rewrite: amazon };

const fn known(rewrite: fn(&str, &mut Value) -> Option<Value>) -> Form {
    Form { is_amazon: false, is_known: true, rewrite }
}

impl Client {
    /// A crate whose `Debug` output is used for responses only.
    const fn new(krate: &'static str, form: Form) -> Self {
        Self { krate, of_request: &[], parts: &[], replies: &[], form }
    }
}

static CLIENTS: &[Client] = &[
    Client {
        of_request: &[
            "aws_sdk_bedrockruntime::types::",
            "aws_sdk_bedrockruntime::operation::converse::_",
            "aws_sdk_bedrockruntime::operation::converse_stream::_",
        ],
        parts: &[
            ("Message", Part::Field("messages")),
            ("SystemContentBlock", Part::Field("system")),
            ("InferenceConfiguration", Part::Field("inferenceConfig")),
            ("ToolConfiguration", Part::Field("toolConfig")),
        ],
        ..Client::new("aws_sdk_bedrockruntime", AMAZON)
    },
    Client { of_request: &["aws_smithy_types::document::"], ..Client::new("aws_smithy_types", AMAZON) },
    Client::new("openai_api_rs", known(openai_api_rs)),
    Client {
        of_request: &["groq_api_rs::completion::request::"],
        ..Client::new("groq_api_rs", known(groq_api_rs))
    },
    Client::new("google_generative_ai_rs", known(google_generative_ai_rs)),
    Client::new("cohere_rust", known(cohere_rust)),
    Client::new("gemini_rust", known(gemini_rust)),
    Client::new("langchain_rust", known(langchain_rust)),
    Client {
        of_request: &["llm::chat::message::"],
        parts: &[("ChatMessage", Part::Field("messages"))],
        replies: &[
            "AnthropicCompleteResponse",
            "AzureOpenAIChatResponse",
            "DeepSeekChatResponse",
            "OpenAIChatResponse",
            "OpenAIResponsesChatResponse",
            "XAIChatResponse",
        ],
        ..Client::new("llm", known(llm))
    },
    Client {
        of_request: &["mistralai_client::v1::chat::ChatParams"],
        parts: &[("ChatParams", Part::Fields)],
        ..Client::new("mistralai_client", known(mistralai_client))
    },
];

/// A part of a request that a client takes as an argument of its own.
pub(crate) struct RequestPart {
    pub(crate) part: Part,
    /// `true` if the parts have the wire format of a provider's request.
    pub(crate) is_of_request: bool,
}

/// Returns the client's crate that a type belongs to. The type may be a parameter of another one, as in
/// `Option<aws_sdk_bedrockruntime::types::Message>`.
pub(super) fn client_of(type_name: &str) -> Option<&'static Client> {
    paths(type_name).find_map(|path| {
        let (krate, _) = path.split_once("::")?;
        CLIENTS.iter().find(|client| client.krate == krate)
    })
}

/// Returns `true` if a type belongs to the crate of a client.
pub(crate) fn is_of_client(type_name: &str) -> bool {
    client_of(type_name).is_some()
}

/// Returns `true` if this `Debug` output is that of a response whose `Display` shows less.
///
/// Runs on the calling thread, for returned values that have both.
pub(crate) fn is_reply(type_name: &str, debugged: &str) -> bool {
    let name = debugged.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
    client_of(type_name).is_some_and(|client| client.replies.contains(&name))
}

/// Returns the part of a request that a value of this type is.
pub(crate) fn part_of_request(type_name: &str) -> Option<RequestPart> {
    let client = client_of(type_name)?;
    let last = last_name(paths(type_name).last()?);
    let (_, part) = client.parts.iter().find(|(name, _)| *name == last)?;
    Some(RequestPart { part: *part, is_of_request: client.form.is_amazon })
}

/// Returns `true` if a type is part of a request of a known client, so that its `Debug` may be logged. The type
/// may be in a list, a box or an `Option`.
///
/// Runs on the calling thread, for arguments that have no other form.
pub(crate) fn is_of_request(type_name: &str) -> bool {
    const AROUND: &[&str] = &[
        "&",
        "mut ",
        "[",
        "alloc::vec::Vec<",
        "core::option::Option<",
        "alloc::boxed::Box<",
        "alloc::sync::Arc<",
    ];
    let mut name = type_name;
    while let Some(inner) = AROUND.iter().find_map(|around| name.strip_prefix(around)) {
        name = inner;
    }
    CLIENTS.iter().flat_map(|client| client.of_request).any(|start| name.starts_with(start))
}

/// The SDK masks what it takes for sensitive, and thereby the name of the variant. Among the blocks of a message it
/// masks reasoning only.
fn amazon(name: &str, content: &mut Value) -> Option<Value> {
    match name {
        "Blob" => base64_of_hexadecimal(content.get("inner")?.as_str()?),
        "Unknown" | "UnknownVariantValue" if content.is_string() => Some(content.take()),
        mask if mask.starts_with(MASK) => {
            Some(json!({"reasoningContent": {"reasoningText": {"text": mask}}}))
        }
        _ => None,
    }
}

/// Returns the bytes that the SDK writes in hexadecimal digits.
fn base64_of_hexadecimal(digits: &str) -> Option<Value> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    Some(Value::from(STANDARD.encode(bytes?)))
}

/// Returns an event of a streamed chat completion.
fn delta(field: &str, content: &mut Value) -> Value {
    let delta = Map::from_iter([(field.to_owned(), content.take())]);
    json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]})
}

fn openai_api_rs(name: &str, content: &mut Value) -> Option<Value> {
    match name {
        // The other field is the headers of the response.
        "CallResponse" => content.get_mut("inner").map(Value::take),
        "ResponseStreamEvent" => content.get_mut("data").map(Value::take),
        "Event" | "Text" | "ImageUrl" => Some(content.take()),
        "Content" => Some(delta("content", content)),
        "Reasoning" if content.is_string() => Some(delta("reasoning_content", content)),
        "ToolCall" if content.is_array() => Some(delta("tool_calls", content)),
        "Done" => Some(Value::Null),
        _ => None,
    }
}

fn groq_api_rs(name: &str, content: &mut Value) -> Option<Value> {
    matches!(name, "NonStream" | "Stream").then(|| content.take())
}

fn google_generative_ai_rs(name: &str, content: &mut Value) -> Option<Value> {
    matches!(name, "Rest" | "Count").then(|| content.take())
}

fn cohere_rust(name: &str, content: &mut Value) -> Option<Value> {
    let event = match name {
        "ChatStreamStart" => "stream-start",
        "ChatTextGeneration" => "text-generation",
        "ChatStreamEnd" => "stream-end",
        _ => return None,
    };
    content.as_object_mut()?.insert("event_type".to_owned(), event.into());
    Some(content.take())
}

/// Rewrites the events of a streamed interaction, which have no `Serialize`.
fn gemini_rust(name: &str, content: &mut Value) -> Option<Value> {
    const STATUSES: &str = "InProgress RequiresAction Completed Failed Cancelled Incomplete BudgetExceeded";
    const ITEMS: &str = "UserInput ModelOutput Thought Text Image Audio Document Video ThoughtSummary \
                         ThoughtSignature TextAnnotationDelta ArgumentsDelta";
    let is_one_of = |words: &str| words.split(' ').any(|word| word == name);
    let Some(fields) = content.as_object_mut() else {
        return (content.is_null() && is_one_of(STATUSES)).then(|| snake_case(name).into());
    };
    let event = match name {
        "InteractionCreated" => "interaction.created",
        "InteractionCompleted" => "interaction.completed",
        "InteractionStatusUpdate" => "interaction.status_update",
        "StepStart" => "step.start",
        "StepDelta" => "step.delta",
        "StepStop" => "step.stop",
        "Error" => "error",
        _ => {
            let is_item = is_one_of(ITEMS)
                || ["Call", "Result", "Citation"].iter().any(|ending| name.ends_with(ending));
            if is_item {
                fields.insert("type".to_owned(), snake_case(name).into());
            }
            return None;
        }
    };
    fields.insert("event_type".to_owned(), event.into());
    Some(content.take())
}

/// The event at the end of a stream repeats the text, and has the calls and the tokens.
fn langchain_rust(name: &str, content: &mut Value) -> Option<Value> {
    match name {
        "Text" if content.is_string() => Some(delta("content", content)),
        "ToolCall" => {
            let call = content.as_object_mut()?;
            let id = call.remove("id");
            Some(json!({"id": id, "type": "function", "function": call}))
        }
        "Done" => {
            let result = content.as_object_mut()?;
            let usage = result.remove("tokens");
            let mut calls = result.remove("tool_calls")?;
            for (index, call) in calls.as_array_mut()?.iter_mut().enumerate() {
                call.as_object_mut()?.insert("index".to_owned(), index.into());
            }
            let mut chunk = delta("tool_calls", &mut calls);
            chunk.as_object_mut()?.insert("usage".to_owned(), usage.into());
            Some(chunk)
        }
        _ => None,
    }
}

fn mistralai_client(name: &str, content: &mut Value) -> Option<Value> {
    let is_word = matches!(name, "Any" | "Auto" | "Function" | "Object" | "String") && content.is_null();
    is_word.then(|| name.to_ascii_lowercase().into())
}

/// Rewrites the types of `llm`: its messages, the items of its streams, and the responses of its backends.
fn llm(name: &str, content: &mut Value) -> Option<Value> {
    match name {
        "ChatMessage" => return message_of_llm(content),
        "Text" if content.is_string() => return Some(delta("content", content)),
        _ => {}
    }
    let fields = content.as_object_mut()?;
    match name {
        "ToolCall" => {
            let kind = fields.remove("call_type")?;
            fields.insert("type".to_owned(), kind);
        }
        // The event at the end has the whole call.
        "ToolUseStart" | "ToolUseInputDelta" => return Some(Value::Null),
        "ToolUseComplete" => {
            let mut call = fields.remove("tool_call")?;
            call.as_object_mut()?.insert("index".to_owned(), fields.remove("index")?);
            return Some(delta("tool_calls", &mut Value::from(vec![call])));
        }
        "Done" => {
            let choice = json!({"index": 0, "delta": {}, "finish_reason": fields.remove("stop_reason")});
            return Some(json!({"object": "chat.completion.chunk", "choices": [choice]}));
        }
        "AnthropicContent" => {
            let kind = fields.remove("content_type")?;
            fields.insert("type".to_owned(), kind);
        }
        "OpenAIResponsesChatResponse" => {
            fields.insert("object".to_owned(), "response".into());
            // The crate has the names of chat completions.
            if let Some(usage) = fields.get_mut("usage").and_then(Value::as_object_mut) {
                for (theirs, ours) in RESPONSES_USAGE {
                    let count = usage.remove(*theirs).unwrap_or_default();
                    usage.insert((*ours).to_owned(), count);
                }
            }
        }
        "AnthropicCompleteResponse" | "Message" => mark(fields),
        "FunctionCall" if fields.contains_key("call_id") => {
            fields.insert("type".to_owned(), "function_call".into());
        }
        "OutputText" => {
            fields.insert("type".to_owned(), "output_text".into());
        }
        _ => {}
    }
    None
}

/// The names of token counts in `llm`, and those of the Responses API.
const RESPONSES_USAGE: &[(&str, &str)] = &[
    ("prompt_tokens", "input_tokens"),
    ("completion_tokens", "output_tokens"),
    ("prompt_tokens_details", "input_tokens_details"),
    ("completion_tokens_details", "output_tokens_details"),
];

/// Adds what marks a message of the model.
fn mark(message: &mut Map<String, Value>) {
    message.insert("type".to_owned(), "message".into());
    message.insert("role".to_owned(), "assistant".into());
}

/// Rewrites a message of `llm`, where the type of the message contains the calls, and results are calls too.
fn message_of_llm(message: &mut Value) -> Option<Value> {
    let message = message.as_object_mut()?;
    let mut kind = message.remove("message_type")?;
    if let Some(calls) = kind.get_mut("ToolUse") {
        message.insert("tool_calls".to_owned(), calls.take());
    } else if let Some(results) = kind.get("ToolResult").and_then(Value::as_array) {
        let result = |call: &Value| {
            let text = call.get("function").and_then(|function| function.get("arguments"));
            json!({"role": "tool", "tool_call_id": call.get("id"), "content": text})
        };
        return Some(results.iter().map(result).collect());
    } else if let Some(address) = kind.get("ImageURL") {
        let text = message.remove("content").filter(|text| text != "");
        let text = text.map(|text| json!({"type": "text", "text": text}));
        let image = json!({"type": "image_url", "image_url": {"url": address}});
        message.insert("content".to_owned(), text.into_iter().chain([image]).collect());
    } else if kind != "Text" {
        message.insert("message_type".to_owned(), kind);
    }
    None
}
