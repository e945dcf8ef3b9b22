//! Requests.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::turn::Turn;
use super::{BEDROCK, SHAPE, VERTEX, content, tools};
use crate::blueprint::{ChatPrompt, Message};
use crate::providers::json;
use crate::providers::reading::{self, Request};
use crate::providers::shape::Object;

/// The fields of a request that are its prompt; of tools and their choice, what is left is a parameter.
const PROMPT_FIELDS: &[&str] = &["model", "messages", "system"];

/// Reads a request.
pub(super) fn request(mut object: Object) -> Request {
    let mut prompt = ChatPrompt::new(messages(&object));
    tools::take(&mut object, &mut prompt);
    Request {
        shape: Some(&SHAPE),
        provider: provider(&object).map(Cow::Borrowed),
        model: json::string(&object, "model").map(str::to_owned),
        prompt: Some(prompt.into()),
        parameters: reading::parameters(object, PROMPT_FIELDS),
        unplaced: Map::new(),
    }
}

/// Who serves it. Bedrock and Vertex are told the version in the body, and by names of their own.
fn provider(object: &Object) -> Option<&'static str> {
    let version = json::string(object, "anthropic_version")?;
    if version.starts_with("bedrock-") {
        Some(BEDROCK)
    } else if version.starts_with("vertex-") {
        Some(VERTEX)
    } else {
        None
    }
}

fn messages(object: &Object) -> Vec<Message> {
    let system = content::blocks(object.get("system"));
    let mut messages: Vec<Message> =
        if system.is_empty() { Vec::new() } else { vec![Message::system(system)] };
    match object.get("messages") {
        Some(Value::Array(items)) => messages.extend(items.iter().flat_map(message)),
        None | Some(Value::Null) => {}
        Some(other) => messages.extend(message(other)),
    }
    messages
}

/// The messages that one message becomes; whatever is none is the user's.
fn message(value: &Value) -> Vec<Message> {
    let Some(object) = value.as_object() else {
        return vec![Message::user(json::readable(value))];
    };
    let mut turn = Turn::new(json::string(object, "role").unwrap_or_default());
    content::read(&mut turn, object.get("content"));
    turn.into_messages()
}
