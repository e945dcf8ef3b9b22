//! `/responses`.

use serde_json::Value;

use super::{Expected, count, items, number, role, text};
use crate::said::{Arguments, Said};

pub(super) fn request(request: &Value) -> Vec<Said> {
    let instructions = text(&request["instructions"]).map(|text| Said::text("system", text));
    let input: Vec<Said> = match &request["input"] {
        Value::String(text) => vec![Said::text("user", text)],
        input => items(input).flat_map(item).collect(),
    };
    instructions.into_iter().chain(input).collect()
}

fn item(item: &Value) -> Vec<Said> {
    match item["type"].as_str() {
        Some("function_call") => vec![Said::Call {
            id: text(&item["call_id"]),
            name: text(&item["name"]).unwrap(),
            arguments: Arguments::of(item["arguments"].as_str().unwrap()),
        }],
        Some("function_call_output") => {
            vec![Said::Result { id: text(&item["call_id"]), text: text(&item["output"]).unwrap() }]
        }
        Some("reasoning") => items(&item["summary"])
            .chain(items(&item["content"]))
            .filter_map(|part| text(&part["text"]))
            .map(Said::Thinking)
            .collect(),
        _ => {
            let role = role(&item["role"]);
            let part = |part: &Value| text(&part["text"]).or_else(|| text(&part["refusal"]));
            match &item["content"] {
                Value::String(text) => vec![Said::text(role, text)],
                parts => items(parts).filter_map(part).map(|text| Said::text(role, text)).collect(),
            }
        }
    }
}

pub(super) fn reply(reply: &Value) -> Expected {
    let usage = &reply["usage"];
    let parts = || items(&reply["output"]).flat_map(|item| items(&item["content"]));
    Expected {
        said: items(&reply["output"]).flat_map(item).collect(),
        input: number(&usage["input_tokens"]),
        output: number(&usage["output_tokens"]),
        cached: count(&usage["input_tokens_details"]["cached_tokens"]),
        cache_creation: count(&usage["input_tokens_details"]["cache_write_tokens"]),
        reasoning: count(&usage["output_tokens_details"]["reasoning_tokens"]),
        word: text(&reply["incomplete_details"]["reason"]).or_else(|| text(&reply["status"])),
        refused: parts().any(|part| part["type"] == "refusal"),
        // xAI reports the cost in ticks. 10 000 000 000 ticks are one dollar.
        price: usage["cost_in_usd_ticks"].as_f64().map(|ticks| ticks / 1e10),
    }
}
