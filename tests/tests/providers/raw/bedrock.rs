//! `/model/{id}/converse`.

use serde_json::Value;

use super::{Expected, count, items, number, role, text, texts};
use crate::said::{Arguments, Said};

pub(super) fn request(request: &Value) -> Vec<Said> {
    let system = texts(&request["system"]).into_iter().map(|text| Said::text("system", text));
    let messages = items(&request["messages"]).flat_map(message);
    system.chain(messages).collect()
}

fn message(message: &Value) -> Vec<Said> {
    let role = role(&message["role"]);
    items(&message["content"]).filter_map(|block| said(role, block)).collect()
}

fn said(role: &'static str, block: &Value) -> Option<Said> {
    if let Some(text) = text(&block["text"]) {
        return Some(Said::text(role, text));
    }
    if let Some(call) = block.get("toolUse") {
        return Some(Said::Call {
            id: text(&call["toolUseId"]),
            name: text(&call["name"])?,
            arguments: Arguments::Json(call["input"].clone()),
        });
    }
    if let Some(result) = block.get("toolResult") {
        return Some(Said::Result {
            id: text(&result["toolUseId"]),
            text: texts(&result["content"]).concat(),
        });
    }
    text(&block["reasoningContent"]["reasoningText"]["text"]).map(Said::Thinking)
}

pub(super) fn reply(reply: &Value) -> Expected {
    let usage = &reply["usage"];
    Expected {
        said: message(&reply["output"]["message"]),
        input: number(&usage["inputTokens"]),
        output: number(&usage["outputTokens"]),
        cached: count(&usage["cacheReadInputTokens"]),
        cache_creation: count(&usage["cacheWriteInputTokens"]),
        reasoning: 0,
        word: text(&reply["stopReason"]),
        refused: false,
        price: None,
    }
}
