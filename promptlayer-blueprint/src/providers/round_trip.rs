//! A prompt that is written as a request and read again is the same prompt, as far as the format can express it.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Map, Value, json};

use super::{detect, to_request};
use crate::blueprint::{ChatPrompt, Prompt};

/// The formats that requests are written in: the provider and the API.
const FORMATS: &[(&str, &str)] = &[
    ("openai", "responses"),
    ("openai", "chat-completions"),
    ("mistral", "chat-completions"),
    ("openrouter", "chat-completions"),
    ("deepseek", "chat-completions"),
    ("cohere", "chat"),
    ("anthropic", "messages"),
    ("amazon.bedrock", "converse"),
];

/// The least share of the generated prompts that a format expresses completely, in percent. With fewer, the test
/// would prove little.
const EXPRESSED: usize = 20;

/// Texts with quotes, braces, line breaks, emoji, and right-to-left letters.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z]{1,12}", 1 => "[ -~]{1,40}", 1 => "\\PC{1,20}", 1 => Just("a\n{\"b\": \"c\"}\n\u{202e}🙂".to_owned())]
        .prop_filter("not blank", |text| !text.trim().is_empty())
}

fn text_block() -> impl Strategy<Value = Value> {
    text().prop_map(|text| json!({"type": "text", "text": text}))
}

/// A block of a user's message.
fn user_block() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => text_block(),
        1 => Just(json!({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}})),
        1 => Just(json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}})),
        1 => Just(json!({"type": "media", "media": {
            "title": "a.pdf", "type": "application/pdf", "url": "JVBERi0xLjQK", "format": "base64",
        }})),
    ]
}

/// A turn of the conversation: a message of the user, an answer, or a tool call with its result.
fn turn() -> impl Strategy<Value = Vec<Value>> {
    let user = prop::collection::vec(user_block(), 1..3);
    let arguments = prop::collection::btree_map("[a-z]{1,5}", text(), 0..3);
    let result = text_block();
    let thought = prop::option::weighted(0.2, text());
    prop_oneof![
        3 => user.prop_map(|content| vec![json!({"role": "user", "content": content})]),
        2 => (thought, text_block()).prop_map(|(thought, text)| {
            let thought = thought.map(|thinking| json!({"type": "thinking", "thinking": thinking}));
            let content: Vec<Value> = thought.into_iter().chain([text]).collect();
            vec![json!({"role": "assistant", "content": content})]
        }),
        2 => ("[a-z]{3,8}", arguments, "[a-z0-9]{4,8}", result).prop_map(|(name, arguments, id, result)| {
            let arguments = json!(arguments).to_string();
            let call = json!({"type": "function", "id": id, "function": {"name": name, "arguments": arguments}});
            vec![
                json!({"role": "assistant", "content": [], "tool_calls": [call]}),
                json!({"role": "tool", "tool_call_id": id, "content": [result]}),
            ]
        }),
    ]
}

/// A prompt: an optional system message, turns that begin with the user's, tools, and a tool choice.
fn prompt() -> impl Strategy<Value = Prompt> {
    let system = prop::option::of(text_block());
    let tool = (
        "[a-z]{3,8}",
        text(),
        prop::collection::btree_map("[a-z]{1,5}", Just(json!({"type": "string"})), 0..3),
    );
    let tools = prop::collection::vec(tool, 0..3);
    let choice = prop_oneof![4 => Just(None), 1 => Just(Some("auto")), 1 => Just(Some("none")), 1 => Just(Some("required"))];
    (system, user_block(), prop::collection::vec(turn(), 0..4), tools, choice).prop_map(|(system, first, turns, tools, choice)| {
        let mut messages: Vec<Value> = Vec::new();
        messages.extend(system.map(|text| json!({"role": "system", "content": [text]})));
        messages.push(json!({"role": "user", "content": [first]}));
        for message in turns.into_iter().flatten() {
            // Neighbours of one role are one turn for some providers.
            if messages.last().is_none_or(|last| last["role"] != message["role"]) {
                messages.push(message);
            }
        }
        let tools: Vec<Value> = tools
            .into_iter()
            .map(|(name, description, properties)| {
                let schema = json!({"type": "object", "properties": properties});
                json!({"type": "function", "function": {"name": name, "description": description, "parameters": schema}})
            })
            .collect();
        let mut chat = json!({"type": "chat", "messages": messages, "tools": tools});
        if let (Some(choice), false, Some(fields)) = (choice, tools.is_empty(), chat.as_object_mut()) {
            fields.insert("tool_choice".to_owned(), choice.into());
        }
        serde_json::from_value::<ChatPrompt>(chat).unwrap().into()
    })
}

#[test]
fn prompts_round_trip_through_every_format() {
    for (provider, api) in FORMATS {
        let shape = detect::by_name(provider, Some(api)).unwrap();
        let (mut expressed, mut all) = (0, 0);
        let parameters = Map::from_iter([("temperature".to_owned(), json!(0.5))]);
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for _ in 0..400 {
            let prompt = prompt().new_tree(&mut runner).unwrap().current();
            let written = to_request(&prompt, provider, Some(api), "m", &parameters).unwrap();
            let read = (shape.request)(written.body.clone());
            all += 1;
            if written.omissions.is_empty() {
                expressed += 1;
                let body = Value::Object(written.body);
                assert_eq!(read.prompt.as_ref(), Some(&prompt), "{provider} {api}\n{body:#}");
                assert_eq!(read.model.as_deref(), Some("m"), "{provider} {api}");
            }
        }
        assert!(
            expressed * 100 >= all * EXPRESSED,
            "{provider} {api}: {expressed} of {all} prompts are expressed"
        );
        println!("{provider} {api}: {expressed} of {all}");
    }
}
