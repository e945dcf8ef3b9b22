//! `/api/chat`.

use serde_json::Value;

use super::{Expected, items, number, role, text, texts};
use crate::said::{Arguments, Said};

pub(super) fn request(request: &Value) -> Vec<Said> {
    items(&request["messages"]).flat_map(message).collect()
}

fn message(message: &Value) -> Vec<Said> {
    if message["role"] == "tool" {
        // Ollama identifies tools only by name.
        return vec![Said::Result { id: None, text: texts(&message["content"]).concat() }];
    }
    let role = role(&message["role"]);
    let mut said: Vec<Said> = text(&message["thinking"]).map(Said::Thinking).into_iter().collect();
    said.extend(texts(&message["content"]).into_iter().map(|text| Said::text(role, text)));
    said.extend(items(&message["tool_calls"]).map(|call| Said::Call {
        id: text(&call["id"]),
        name: text(&call["function"]["name"]).unwrap(),
        arguments: Arguments::Json(call["function"]["arguments"].clone()),
    }));
    said
}

pub(super) fn reply(reply: &Value) -> Expected {
    Expected {
        said: message(&reply["message"]),
        input: number(&reply["prompt_eval_count"]),
        output: number(&reply["eval_count"]),
        word: text(&reply["done_reason"]),
        ..Expected::default()
    }
}
