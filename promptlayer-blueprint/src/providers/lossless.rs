//! Every text of a function's arguments and of its returned value is in what is read from them.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use super::{Input, Output, Reply, Request, request, response};
use crate::blueprint::Prompt;

/// Names of fields that mean something to a provider or to the reader of arguments, and names of an application.
const NAMES: &[&str] = &[
    "messages",
    "prompt",
    "question",
    "input",
    "system",
    "model",
    "history",
    "tools",
    "request",
    "role",
    "content",
    "text",
    "author",
    "message",
    "choices",
    "response",
    "output",
    "data",
    "inner",
    "parts",
    "name",
    "type",
    "id",
    "customer",
    "note",
    "finish_reason",
    "usage",
    "error",
    "Human",
    "System",
    "tool_calls",
    "arguments",
    "delta",
];

/// A value whose texts are replaced by numbered ones later.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => Just(Value::from("text")),
        1 => prop::sample::select(vec!["user", "assistant", "System", "human", "tool", "stop", "gpt-4o"]).prop_map(Value::from),
        1 => any::<u32>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let fields = prop::collection::vec((prop::sample::select(NAMES), inner.clone()), 0..4);
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => fields.prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
            2 => inner.prop_map(|content| json!({"role": "user", "content": content})),
        ]
    })
}

/// Makes each `text` a different one, and returns them. Fields beside the content of a message describe it, such as a
/// time stamp. They are not content.
fn number(value: &mut Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if text == "text" => {
            *text = format!("text{:04}", texts.len());
            texts.push(text.clone());
        }
        Value::Array(items) => items.iter_mut().for_each(|item| number(item, texts)),
        Value::Object(fields) => {
            let is_message = fields.contains_key("content")
                || fields.contains_key("message")
                || fields.contains_key("parts");
            let is_content = |name: &str| ["content", "role", "tool_calls"].contains(&name);
            let fields = fields.iter_mut().filter(|(name, _)| !is_message || is_content(name));
            fields.for_each(|(_, field)| number(field, texts));
        }
        _ => {}
    }
}

fn all_of_prompt(prompt: Option<&Prompt>) -> String {
    prompt.map(|prompt| serde_json::to_string(prompt).unwrap()).unwrap_or_default()
}

fn all_of_request(request: &Request) -> String {
    let fields = json!({
        "model": request.model, "parameters": request.parameters, "unplaced": request.unplaced,
    });
    format!("{}{fields}", all_of_prompt(request.prompt.as_ref()))
}

fn all_of_reply(reply: &Reply) -> String {
    let fields = json!({
        "model": reply.model, "metadata": reply.metadata, "unplaced": reply.unplaced,
        "error": reply.error.as_ref().map(|(_, message)| message), "finish": reply.finish.as_ref().map(|finish| &finish.word),
    });
    format!("{}{fields}", all_of_prompt(reply.prompt.as_ref()))
}

/// Returns the texts that are lost.
fn lost<'a>(texts: &'a [String], read: &str) -> Vec<&'a String> {
    texts.iter().filter(|text| !read.contains(text.as_str())).collect()
}

#[test]
fn no_text_of_an_input_or_output_is_lost() {
    let mut runner = TestRunner::deterministic();
    let mut problems = Vec::new();
    for _ in 0..4_000 {
        let mut value = value().new_tree(&mut runner).unwrap().current();
        let mut texts = Vec::new();
        number(&mut value, &mut texts);
        let read = request(Input::Value(value.clone()));
        let gone = lost(&texts, &all_of_request(&read));
        if !gone.is_empty() {
            problems.push(format!("input {value}\n  lost {gone:?}"));
        }
        if let Value::Object(fields) = &value {
            let arguments: Vec<(String, Value)> = Map::clone(fields).into_iter().collect();
            let gone = all_of_request(&request(Input::Arguments(arguments)));
            let gone = lost(&texts, &gone);
            if !gone.is_empty() {
                problems.push(format!("arguments {value}\n  lost {gone:?}"));
            }
        }
        let read = response(Output::Value(value.clone()));
        let gone = lost(&texts, &all_of_reply(&read));
        if !gone.is_empty() {
            problems.push(format!("output {value}\n  lost {gone:?}"));
        }
    }
    let shortest = problems.iter().min_by_key(|problem| problem.len());
    assert!(problems.is_empty(), "{} values lose texts, the shortest: {}", problems.len(), shortest.unwrap());
}
