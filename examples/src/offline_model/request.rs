//! Parses and checks requests.

use serde_json::{Map, Value};

use super::UNKNOWN_MODEL;
use super::failure::Failure;

/// The fields that both completion endpoints accept.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    /// The number of choices.
    pub(super) n: u64,
    pub(super) max_tokens: Option<u64>,
}

/// A message of a conversation, with its text parts joined.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) role: String,
    pub(super) text: String,
}

/// A chat completion request.
#[derive(Debug)]
pub(super) struct Chat {
    pub(super) options: Options,
    pub(super) messages: Vec<Message>,
    pub(super) tools: Vec<Value>,
    pub(super) tool_choice: Value,
    pub(super) parallel_tool_calls: bool,
}

/// A legacy completion request.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) options: Options,
    pub(super) prompts: Vec<String>,
}

impl Chat {
    pub(super) fn read(body: &[u8]) -> Result<Self, Failure> {
        let body = object(body)?;
        let options = Options::read(&body)?;
        let given = match body.get("messages") {
            None | Some(Value::Null) => return Err(Failure::missing("messages")),
            Some(Value::Array(given)) if given.is_empty() => {
                return Err(Failure::wrong_value("messages", "at least one message"));
            }
            Some(Value::Array(given)) => given,
            Some(_) => return Err(Failure::wrong_type("messages", "an array of messages")),
        };
        let messages = given
            .iter()
            .enumerate()
            .map(|(index, message)| Message::read(index, message))
            .collect::<Result<_, _>>()?;
        let tools = match body.get("tools") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(tools)) => tools.clone(),
            Some(_) => return Err(Failure::wrong_type("tools", "an array of tools")),
        };
        Ok(Self {
            options,
            messages,
            tools,
            tool_choice: body.get("tool_choice").cloned().unwrap_or(Value::Null),
            parallel_tool_calls: boolean(&body, "parallel_tool_calls")?.unwrap_or(true),
        })
    }
}

impl Completion {
    pub(super) fn read(body: &[u8]) -> Result<Self, Failure> {
        let body = object(body)?;
        let options = Options::read(&body)?;
        // Prompts of token ids are rejected, because this model reads only text.
        let refused = || Failure::wrong_type("prompt", "a string or an array of strings");
        let prompts = match body.get("prompt") {
            None | Some(Value::Null) => return Err(Failure::missing("prompt")),
            Some(Value::String(prompt)) => vec![prompt.clone()],
            Some(Value::Array(prompts)) if !prompts.is_empty() => prompts
                .iter()
                .map(|prompt| prompt.as_str().map(str::to_owned).ok_or_else(refused))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(refused()),
        };
        Ok(Self { options, prompts })
    }
}

impl Options {
    fn read(body: &Map<String, Value>) -> Result<Self, Failure> {
        let model = match body.get("model") {
            None | Some(Value::Null) => return Err(Failure::missing("model")),
            Some(Value::String(model)) if model.is_empty() => {
                return Err(Failure::missing("model"));
            }
            Some(Value::String(model)) => model.clone(),
            Some(_) => return Err(Failure::wrong_type("model", "a string")),
        };
        if model.starts_with(UNKNOWN_MODEL) {
            return Err(Failure::unknown_model(&model));
        }
        let max_tokens = match whole(body, "max_completion_tokens")? {
            None => whole(body, "max_tokens")?,
            given => given,
        };
        if max_tokens == Some(0) {
            return Err(Failure::wrong_value("max_tokens", "at least 1"));
        }
        let n = whole(body, "n")?.unwrap_or(1);
        if !(1..=128).contains(&n) {
            return Err(Failure::wrong_value("n", "a number from 1 to 128"));
        }
        let include_usage = match body.get("stream_options") {
            None | Some(Value::Null) => false,
            Some(Value::Object(options)) => boolean(options, "include_usage")?.unwrap_or(false),
            Some(_) => return Err(Failure::wrong_type("stream_options", "an object")),
        };
        Ok(Self { model, stream: boolean(body, "stream")?.unwrap_or(false), include_usage, n, max_tokens })
    }
}

impl Message {
    fn read(index: usize, message: &Value) -> Result<Self, Failure> {
        const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];
        let place = |field: &str| format!("messages[{index}]{field}");
        let Value::Object(message) = message else {
            return Err(Failure::wrong_type(&place(""), "an object"));
        };
        let role = match message.get("role") {
            Some(Value::String(role)) if ROLES.contains(&role.as_str()) => role.clone(),
            None => return Err(Failure::missing(&place(".role"))),
            Some(_) => {
                return Err(Failure::wrong_value(&place(".role"), &format!("one of {}", ROLES.join(", "))));
            }
        };
        let text = match message.get("content") {
            // An assistant message with only tool calls has no content.
            None | Some(Value::Null) if role == "assistant" => String::new(),
            None | Some(Value::Null) => return Err(Failure::missing(&place(".content"))),
            Some(Value::String(text)) => text.clone(),
            // Images and audio are accepted but ignored.
            Some(Value::Array(parts)) => {
                parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join("\n")
            }
            Some(_) => {
                return Err(Failure::wrong_type(&place(".content"), "a string or an array of parts"));
            }
        };
        Ok(Self { role, text })
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    match serde_json::from_slice(body).map_err(|error| Failure::not_json(&error))? {
        Value::Object(body) => Ok(body),
        _ => Err(Failure::not_an_object()),
    }
}

fn whole(body: &Map<String, Value>, name: &str) -> Result<Option<u64>, Failure> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| Failure::wrong_type(name, "a whole number")),
    }
}

fn boolean(body: &Map<String, Value>, name: &str) -> Result<Option<bool>, Failure> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_bool().map(Some).ok_or_else(|| Failure::wrong_type(name, "true or false")),
    }
}
