//! Requests: contents, system instruction, tools and settings.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::parts::{self, Turn};
use super::{SHAPE, VERTEX, field, field_of, is_of_vertex, list_in, model_name, string_in, take, tools};
use crate::blueprint::{ChatPrompt, ContentBlock, Message};
use crate::providers::call_ids::CallIds;
use crate::providers::reading::{self, Request};
use crate::providers::shape::Object;

/// Returns `true` if an object is a request: its contents have parts. Google's SDKs also accept a text as
/// contents, which counts only with one of Google's models.
pub(super) fn is_request(object: &Object) -> bool {
    let of_google = || {
        string_in(object, "model").is_some_and(|model| model.contains("gemini") || model.contains("gemma"))
    };
    match field(object, "contents") {
        Some(Value::Array(contents)) => {
            let have_parts = contents.iter().any(has_parts) && contents.iter().all(is_content);
            have_parts || (!contents.is_empty() && of_google())
        }
        Some(content @ Value::Object(_)) => has_parts(content) || of_google(),
        Some(Value::String(_)) => of_google(),
        _ => false,
    }
}

/// Returns `true` if a value has parts.
pub(super) fn has_parts(value: &Value) -> bool {
    field_of(value, "parts").is_some_and(Value::is_array)
}

fn is_content(value: &Value) -> bool {
    has_parts(value) || field_of(value, "role").is_some_and(Value::is_string)
}

/// Reads a request. Google's SDKs put the system instruction and the tools into `config`. On the wire they
/// are next to the contents.
pub(super) fn read(mut object: Object) -> Request {
    let path = take_if(&mut object, "model", Value::is_string);
    let path = path.as_ref().and_then(Value::as_str);
    let contents = take(&mut object, "contents");
    let mut config = match take_if(&mut object, "config", Value::is_object) {
        Some(Value::Object(config)) => config,
        _ => Object::new(),
    };

    let mut messages = Vec::new();
    for instruction in [take(&mut object, "systemInstruction"), take(&mut config, "systemInstruction")] {
        let blocks = instruction.as_ref().map(blocks).unwrap_or_default();
        if !blocks.is_empty() {
            messages.push(Message::system(blocks));
        }
    }
    messages.extend(contents.as_ref().map(contents_as_messages).unwrap_or_default());
    let mut prompt = ChatPrompt::new(messages);
    tools::place(&mut object, &mut prompt);
    tools::place(&mut config, &mut prompt);

    let mut parameters = reading::parameters(object, &[]);
    let config = reading::parameters(config, &[]);
    if !config.is_empty() {
        parameters.insert("config".to_owned(), Value::Object(config));
    }
    Request {
        shape: Some(&SHAPE),
        provider: path.filter(|path| is_of_vertex(path)).map(|_| Cow::Borrowed(VERTEX)),
        model: path.map(|path| model_name(path).to_owned()),
        prompt: Some(prompt.into()),
        parameters,
        unplaced: Map::new(),
    }
}

/// Removes and returns a field if it has the expected type. A field of another type is not removed.
fn take_if(object: &mut Object, name: &str, is: fn(&Value) -> bool) -> Option<Value> {
    if field(object, name).is_some_and(is) { take(object, name) } else { None }
}

/// Converts the contents: one, or a list, each with a role. Content without a role is the user's.
fn contents_as_messages(contents: &Value) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut ids = CallIds::default();
    match contents {
        Value::Array(several) if several.iter().any(is_content) => {
            for content in several {
                add(content, &mut ids, &mut messages);
            }
        }
        one => add(one, &mut ids, &mut messages),
    }
    messages
}

/// Returns the blocks of a content, in any form that the SDKs accept.
pub(super) fn blocks(content: &Value) -> Vec<ContentBlock> {
    let mut ids = CallIds::default();
    let mut turn = Turn::new(false);
    for part in parts_of(content) {
        turn.add(part, &mut ids);
    }
    turn.blocks
}

/// Returns the parts of a content. A single text or part is the only part.
fn parts_of(content: &Value) -> &[Value] {
    match content {
        Value::Object(object) if is_content(content) => list_in(object, "parts"),
        Value::Array(parts) => parts,
        one => std::slice::from_ref(one),
    }
}

/// Adds one content. Function results become separate messages, in their original order.
fn add(content: &Value, ids: &mut CallIds, messages: &mut Vec<Message>) {
    let role = field_of(content, "role").and_then(Value::as_str).unwrap_or_default();
    let by_model = matches!(role, "model" | "assistant");
    let before = messages.len();
    let mut turn = Turn::new(by_model);
    for part in parts_of(content) {
        if let Some(result) = parts::result(part, ids) {
            let said = std::mem::replace(&mut turn, Turn::new(by_model));
            if !said.is_empty() {
                messages.push(message(role, said));
            }
            messages.push(result);
        } else {
            turn.add(part, ids);
        }
    }
    // An empty content still becomes a message.
    if !turn.is_empty() || messages.len() == before {
        messages.push(message(role, turn));
    }
}

/// Creates a message with this role.
fn message(role: &str, turn: Turn) -> Message {
    match role {
        "model" | "assistant" => turn.into_assistant(),
        "system" => Message::system(turn.blocks),
        _ => Message::user(turn.blocks),
    }
}
