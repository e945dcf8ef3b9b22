//! `/v1/messages`.

use serde_json::Value;

use super::{Expected, count, items, number, role, text, texts};
use crate::said::{Arguments, Said};

pub(super) fn request(request: &Value) -> Vec<Said> {
    let system = texts(&request["system"]).into_iter().map(|text| Said::text("system", text));
    let messages = items(&request["messages"]).flat_map(|message| {
        let role = role(&message["role"]);
        match &message["content"] {
            Value::String(text) => vec![Said::text(role, text)],
            blocks => items(blocks).filter_map(|said| block(role, said)).collect(),
        }
    });
    system.chain(messages).collect()
}

fn block(role: &'static str, block: &Value) -> Option<Said> {
    match block["type"].as_str() {
        Some("text") => Some(Said::text(role, text(&block["text"])?)),
        Some("thinking") => Some(Said::Thinking(text(&block["thinking"])?)),
        Some("tool_use") => Some(Said::Call {
            id: text(&block["id"]),
            name: text(&block["name"])?,
            arguments: Arguments::Json(block["input"].clone()),
        }),
        Some("tool_result") => {
            Some(Said::Result { id: text(&block["tool_use_id"]), text: texts(&block["content"]).concat() })
        }
        _ => None,
    }
}

pub(super) fn reply(reply: &Value) -> Expected {
    let usage = &reply["usage"];
    Expected {
        said: items(&reply["content"]).filter_map(|said| block("assistant", said)).collect(),
        input: number(&usage["input_tokens"]),
        output: number(&usage["output_tokens"]),
        cached: count(&usage["cache_read_input_tokens"]),
        cache_creation: count(&usage["cache_creation_input_tokens"]),
        reasoning: count(&usage["output_tokens_details"]["thinking_tokens"]),
        word: text(&reply["stop_reason"]),
        refused: reply["stop_reason"] == "refusal",
        price: None,
    }
}
