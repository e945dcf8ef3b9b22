//! `/v2/chat`.

use serde_json::Value;

use super::{Expected, count, items, number, role, text, texts};
use crate::said::{Arguments, Said};

pub(super) fn request(request: &Value) -> Vec<Said> {
    items(&request["messages"]).flat_map(message).collect()
}

fn message(message: &Value) -> Vec<Said> {
    if message["role"] == "tool" {
        let text = texts(&message["content"]).concat();
        return vec![Said::Result { id: super::text(&message["tool_call_id"]), text }];
    }
    let role = role(&message["role"]);
    // The model states its plan for the tools before it calls them. The plan is not meant for the user, so it
    // counts as thinking.
    let mut said: Vec<Said> = text(&message["tool_plan"]).map(Said::Thinking).into_iter().collect();
    said.extend(texts(&message["content"]).into_iter().map(|text| Said::text(role, text)));
    said.extend(items(&message["tool_calls"]).map(|call| Said::Call {
        id: text(&call["id"]),
        name: text(&call["function"]["name"]).unwrap(),
        arguments: Arguments::of(call["function"]["arguments"].as_str().unwrap()),
    }));
    said
}

pub(super) fn reply(reply: &Value) -> Expected {
    let usage = &reply["usage"];
    Expected {
        said: message(&reply["message"]),
        // The counted tokens, not the billed ones.
        input: number(&usage["tokens"]["input_tokens"]),
        output: number(&usage["tokens"]["output_tokens"]),
        cached: count(&usage["cached_tokens"]),
        cache_creation: 0,
        reasoning: 0,
        word: text(&reply["finish_reason"]),
        refused: false,
        price: None,
    }
}
