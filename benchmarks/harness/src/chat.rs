//! Types of a chat completion, with the fields that client crates have.

use serde::Serialize;
use serde_json::{Value, json};

const MODEL: &str = "gpt-4o-mini-2024-07-18";
const ID: &str = "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012";
const CREATED: u32 = 1_764_000_000;
const CALL_ID: &str = "call_AbCdEfGhIjKlMnOpQrStUvWx";

#[derive(Debug, Clone, Serialize)]
pub struct Request {
    model: String,
    messages: Vec<Message>,
    tools: Vec<Value>,
    temperature: f32,
    max_completion_tokens: u32,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Message {
    role: &'static str,
    content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ToolCall {
    id: String,
    r#type: &'static str,
    function: Function,
}

#[derive(Debug, Clone, Serialize)]
struct Function {
    name: String,
    arguments: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Reply {
    id: String,
    object: &'static str,
    created: u32,
    model: String,
    choices: Vec<Choice>,
    usage: Usage,
}

#[derive(Debug, Clone, Serialize)]
struct Choice {
    index: u32,
    message: Message,
    finish_reason: &'static str,
    logprobs: Option<Value>,
}

#[derive(Debug, Clone, Serialize)]
struct Usage {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u32,
}

#[derive(Debug, Clone, Serialize)]
pub struct Chunk {
    id: String,
    object: &'static str,
    created: u32,
    model: String,
    choices: [Part; 1],
}

#[derive(Debug, Clone, Serialize)]
struct Part {
    index: u32,
    delta: Delta,
    finish_reason: Option<&'static str>,
}

#[derive(Debug, Clone, Serialize)]
struct Delta {
    content: String,
}

impl Message {
    fn new(role: &'static str, content: &str) -> Self {
        Self { role, content: Some(content.to_owned()), ..Self::default() }
    }
}

impl Request {
    pub(crate) fn example() -> Self {
        let call = ToolCall {
            id: CALL_ID.to_owned(),
            r#type: "function",
            function: Function {
                name: "weather".to_owned(),
                arguments: r#"{"city":"Reykjavík","days":3}"#.to_owned(),
            },
        };
        let forecast = r#"{"celsius":7.5,"wind_kmh":32,"summary":"rain, then snow"}"#;
        Self {
            model: MODEL.to_owned(),
            messages: vec![
                Message::new(
                    "system",
                    "You plan trips. Be brief, and use the tools for facts about a place.",
                ),
                Message::new("user", "Is the weather in Reykjavík good for a walk in the next three days?"),
                Message { role: "assistant", tool_calls: vec![call], ..Message::default() },
                Message { tool_call_id: Some(CALL_ID.to_owned()), ..Message::new("tool", forecast) },
                Message::new(
                    "assistant",
                    "Rain today, and snow from tomorrow. Take a warm coat\nand good shoes.",
                ),
                Message::new("user", "And which museum would you choose instead?"),
            ],
            tools: vec![
                tool("weather", "Forecasts the weather of a city.", "days", "integer"),
                tool("museums", "Lists the museums of a city.", "subject", "string"),
            ],
            temperature: 0.2,
            max_completion_tokens: 400,
        }
    }
}

fn tool(name: &str, description: &str, second: &str, kind: &str) -> Value {
    json!({
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": { "city": { "type": "string" }, second: { "type": kind } },
                "required": ["city"],
            },
        },
    })
}

impl Reply {
    pub(crate) fn example() -> Self {
        let text = "The National Museum: it is warm, it is open until five,\n\
                    and its first floor shows a thousand years.";
        Self {
            id: ID.to_owned(),
            object: "chat.completion",
            created: CREATED,
            model: MODEL.to_owned(),
            choices: vec![Choice {
                index: 0,
                message: Message::new("assistant", text),
                finish_reason: "stop",
                logprobs: None,
            }],
            usage: Usage { prompt_tokens: 214, completion_tokens: 27, total_tokens: 241 },
        }
    }
}

impl Chunk {
    pub(crate) fn new(content: &str) -> Self {
        Self {
            id: ID.to_owned(),
            object: "chat.completion.chunk",
            created: CREATED,
            model: MODEL.to_owned(),
            choices: [Part { index: 0, delta: Delta { content: content.to_owned() }, finish_reason: None }],
        }
    }

    /// Returns the text that this chunk adds to the reply.
    pub fn content(&self) -> &str {
        &self.choices[0].delta.content
    }
}
