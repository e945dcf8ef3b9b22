//! Requests: contents, system instruction, tools and settings.

use serde_json::Value;

use super::parts::{self, Turn};
use super::{SHAPE, new_request, tools, wire};
use crate::blueprint::{ChatPrompt, ContentBlock, Message};
use crate::providers::call_ids::CallIds;
use crate::providers::json::{Fields, Object};
use crate::providers::reading::{self, Request};

/// Returns `true` if an object is a request: its contents have parts. Google's SDKs also accept a text as
/// contents, which counts only with one of Google's models.
pub(super) fn is_request(object: &Object) -> bool {
    let is_google =
        || object.text("model").is_some_and(|model| model.contains("gemini") || model.contains("gemma"));
    match object.get("contents") {
        Some(Value::Array(contents)) => {
            let have_parts = contents.iter().any(has_parts) && contents.iter().all(is_content);
            have_parts || (!contents.is_empty() && is_google())
        }
        Some(content @ Value::Object(_)) => has_parts(content) || is_google(),
        Some(Value::String(_)) => is_google(),
        _ => false,
    }
}

/// Returns `true` if a value has parts.
pub(super) fn has_parts(value: &Value) -> bool {
    value.field("parts").is_some_and(Value::is_array)
}

fn is_content(value: &Value) -> bool {
    has_parts(value) || value.field("role").is_some_and(Value::is_string)
}

/// Reads a request. Google's SDKs put the system instruction and the tools into `config`. On the wire they
/// are next to the contents.
pub(super) fn read(mut object: Object) -> Request {
    let path = wire::take_text(&mut object, "model");
    let contents = wire::take(&mut object, "contents");
    let mut config = object.get_mut("config").and_then(Value::as_object_mut).map(std::mem::take);

    let mut prompt = ChatPrompt::default();
    for fields in [Some(&mut object), config.as_mut()].into_iter().flatten() {
        let instruction = wire::take(fields, "systemInstruction").map(|content| blocks(&content));
        if let Some(blocks) = instruction.filter(|blocks| !blocks.is_empty()) {
            prompt.messages.push(Message::system(blocks));
        }
        tools::read(fields, &mut prompt);
    }
    read_contents(contents.as_ref(), &mut prompt.messages);

    if let Some(config) = config {
        object.remove("config");
        let config = reading::parameters(config, &[]);
        if !config.is_empty() {
            object.insert("config".to_owned(), Value::Object(config));
        }
    }
    new_request(&SHAPE, path.as_deref(), prompt, object)
}

/// Reads the contents: one, or a list, each with a role. Content without a role is the user's.
fn read_contents(contents: Option<&Value>, messages: &mut Vec<Message>) {
    let mut ids = CallIds::default();
    match contents {
        Some(Value::Array(contents)) if contents.iter().any(is_content) => {
            for content in contents {
                read_content(content, &mut ids, messages);
            }
        }
        Some(content) => read_content(content, &mut ids, messages),
        None => {}
    }
}

/// Returns the blocks of a content, in any form that the SDKs accept.
pub(super) fn blocks(content: &Value) -> Vec<ContentBlock> {
    let mut turn = Turn::new(false);
    for part in parts_of(content) {
        turn.add(part, &mut CallIds::default());
    }
    turn.blocks
}

/// Returns the parts of a content. A single text or part is the only part.
fn parts_of(content: &Value) -> &[Value] {
    match content {
        Value::Object(object) if is_content(content) => object.list("parts"),
        Value::Array(parts) => parts,
        part => std::slice::from_ref(part),
    }
}

/// Reads one content. Function results become separate messages, in their original order.
fn read_content(content: &Value, ids: &mut CallIds, messages: &mut Vec<Message>) {
    let role = content.text("role").unwrap_or_default();
    let before = messages.len();
    let new_turn = || Turn::new(matches!(role, "model" | "assistant"));
    let mut turn = new_turn();
    for part in parts_of(content) {
        if let Some(result) = parts::result(part, ids) {
            let turn = std::mem::replace(&mut turn, new_turn());
            if !turn.is_empty() {
                messages.push(turn.into_message(role));
            }
            messages.push(result);
        } else {
            turn.add(part, ids);
        }
    }
    // An empty content still becomes a message.
    if !turn.is_empty() || messages.len() == before {
        messages.push(turn.into_message(role));
    }
}
