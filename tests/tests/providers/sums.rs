//! Sums up the events of a stream in a simple way, for providers whose SDK has no such function.

use serde_json::{Value, json};

use crate::interface::Interface;

/// Builds the complete response from its events.
pub(crate) fn sum(interface: Interface, events: &[Value]) -> Value {
    match interface {
        Interface::Completions => completion(events),
        Interface::GenerateContent => gemini(events),
        Interface::Converse => bedrock(events),
        Interface::CohereChat => cohere(events),
        Interface::OllamaChat => ollama(events),
        other => panic!("{other:?} has a sum of its vendor's"),
    }
}

/// Concatenates the texts of the only choice. For other fields the last event that has them wins.
fn completion(events: &[Value]) -> Value {
    let mut reply = json!({});
    let (mut text, mut reason) = (String::new(), Value::Null);
    for event in events {
        let choice = &event["choices"][0];
        text.push_str(choice["text"].as_str().unwrap_or_default());
        reason = Some(&choice["finish_reason"]).filter(|reason| !reason.is_null()).cloned().unwrap_or(reason);
        for (name, value) in event.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            reply[name] = value.clone();
        }
    }
    reply["choices"] = json!([{ "index": 0, "text": text, "finish_reason": reason }]);
    reply
}

/// Concatenates all parts. For other fields the last event wins.
fn gemini(events: &[Value]) -> Value {
    let parts: Vec<&Value> = events
        .iter()
        .filter_map(|event| event["candidates"][0]["content"]["parts"].as_array())
        .flatten()
        .collect();
    let last = |pointer: &str| {
        events.iter().rev().find_map(|event| event.pointer(pointer)).cloned().unwrap_or_default()
    };
    json!({
        "candidates": [{
            "content": { "parts": parts, "role": "model" },
            "finishReason": last("/candidates/0/finishReason"),
            "finishMessage": last("/candidates/0/finishMessage"),
            "index": 0,
        }],
        "modelVersion": last("/modelVersion"),
        "responseId": last("/responseId"),
        "usageMetadata": last("/usageMetadata"),
    })
}

fn bedrock(events: &[Value]) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    let mut arguments = String::new();
    let mut reply = json!({ "output": { "message": { "role": "assistant" } } });
    for event in events {
        if let Some(call) = event.pointer("/contentBlockStart/start/toolUse") {
            blocks.push(json!({ "toolUse": call }));
        } else if let Some(delta) = event.pointer("/contentBlockDelta/delta") {
            if let Some(text) = delta["text"].as_str() {
                match blocks.last_mut() {
                    Some(Value::Object(block)) if block.contains_key("text") => {
                        append(&mut block["text"], text);
                    }
                    _ => blocks.push(json!({ "text": text })),
                }
            }
            arguments.push_str(delta.pointer("/toolUse/input").and_then(Value::as_str).unwrap_or_default());
        } else if event.get("contentBlockStop").is_some() && !arguments.is_empty() {
            let block = blocks.last_mut().unwrap();
            block["toolUse"]["input"] = serde_json::from_str(&std::mem::take(&mut arguments)).unwrap();
        } else if let Some(reason) = event.pointer("/messageStop/stopReason") {
            reply["stopReason"] = reason.clone();
        } else if let Some(metadata) = event.get("metadata") {
            reply["usage"] = metadata["usage"].clone();
            reply["metrics"] = metadata["metrics"].clone();
        }
    }
    reply["output"]["message"]["content"] = blocks.into();
    reply
}

fn cohere(events: &[Value]) -> Value {
    let mut text = String::new();
    let mut reply = json!({});
    for event in events {
        match event["type"].as_str() {
            Some("message-start") => reply["id"] = event["id"].clone(),
            Some("content-delta") => {
                text.push_str(event["delta"]["message"]["content"]["text"].as_str().unwrap());
            }
            Some("message-end") => {
                reply["finish_reason"] = event["delta"]["finish_reason"].clone();
                reply["usage"] = event["delta"]["usage"].clone();
            }
            _ => {}
        }
    }
    reply["message"] = json!({ "role": "assistant", "content": [{ "type": "text", "text": text }] });
    reply
}

/// The last event is the complete response except for its content.
fn ollama(events: &[Value]) -> Value {
    let (mut said, mut thought, mut calls) = (String::new(), String::new(), Vec::new());
    for message in events.iter().map(|event| &event["message"]) {
        said.push_str(message["content"].as_str().unwrap_or_default());
        thought.push_str(message["thinking"].as_str().unwrap_or_default());
        calls.extend(message["tool_calls"].as_array().cloned().unwrap_or_default());
    }
    let mut reply = events.last().unwrap().clone();
    reply["message"] = json!({ "role": "assistant", "content": said });
    if !thought.is_empty() {
        reply["message"]["thinking"] = thought.into();
    }
    if !calls.is_empty() {
        reply["message"]["tool_calls"] = calls.into();
    }
    reply
}

fn append(text: &mut Value, more: &str) {
    let joined = format!("{}{more}", text.as_str().unwrap());
    *text = joined.into();
}
