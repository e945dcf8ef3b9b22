//! Assembles streamed responses of chat completions and of legacy completions.

use serde_json::{Value, json};

use crate::providers::json::{self, Fields, Object};
use crate::providers::merge::{self, Op, Rules};
use crate::providers::messages::is_empty;

static REPLY: Rules = &[
    ("choices", Op::Items(CHOICE)),
    // The first non-empty value is kept. Azure's first chunk leaves these fields empty.
    ("id", Op::First),
    ("model", Op::First),
    ("created", Op::First),
    ("error", Op::First),
    // Padding that Mistral and OpenAI add to hide the length of a chunk.
    ("p", Op::Drop),
    ("obfuscation", Op::Drop),
];

static CHOICE: Rules = &[
    ("delta", Op::Fields(DELTA)),
    // The whole message. Perplexity repeats it in every chunk, and some servers send it instead of deltas.
    ("message", Op::Fields(&[("*", Op::Set)])),
    ("text", Op::Append),
    ("logprobs", Op::Fields(&[("*", Op::Extend)])),
    // xAI sends an empty finish reason until the choice has finished.
    ("finish_reason", Op::With(set_unless_empty)),
];

static DELTA: Rules = &[
    ("role", Op::Set),
    ("name", Op::Set),
    ("id", Op::Set),
    ("type", Op::Set),
    ("padding", Op::Set),
    ("content", Op::With(add_content)),
    ("tool_calls", Op::With(|calls, pieces| add_objects(calls, pieces, add_call))),
    ("reasoning_details", Op::With(|details, pieces| add_objects(details, pieces, add_detail))),
    ("function_call", Op::Fields(&[("arguments", Op::Append)])),
    ("audio", Op::Fields(&[("data", Op::Append), ("transcript", Op::Append)])),
    // Texts such as the reasoning, and lists such as citations.
    ("*", Op::Append),
];

static PART: Rules = &[("text", Op::Append), ("thinking", Op::With(add_content))];

static DETAIL: Rules =
    &[("text", Op::Append), ("summary", Op::Append), ("data", Op::Append), ("signature", Op::Append)];

static CALL: Rules =
    &[("id", Op::First), ("function", Op::Fields(FUNCTION)), ("custom", Op::Fields(FUNCTION))];

static FUNCTION: Rules = &[("name", Op::With(add_name)), ("arguments", Op::Append), ("input", Op::Append)];

/// The number of list items that fragments may belong to at the same time. It bounds the search for them.
const OPEN_ITEMS: usize = 64;

pub(super) fn sum_chat(events: Vec<Value>) -> Object {
    let mut reply = sum(events, "chat.completion");
    let choices = reply.get_mut("choices").and_then(Value::as_array_mut);
    choices.into_iter().flatten().filter_map(Value::as_object_mut).for_each(set_message);
    reply
}

/// Assembles chunks into a response. If the chunks have an `object` field, it is set to `kind`. Copilot's have none.
pub(in crate::providers) fn sum(events: Vec<Value>, kind: &str) -> Object {
    let mut reply = merge::sum(events.into_iter().filter_map(piece), REPLY);
    reply.entry("choices").or_insert_with(|| json!([]));
    if let Some(object) = reply.get_mut("object") {
        *object = kind.into();
    }
    reply
}

/// Returns the piece of the response that an event contains. An event may be an error, as vLLM sends it.
fn piece(event: Value) -> Option<Object> {
    match event {
        Value::Object(event) if event.is("object", "error") => {
            Some(Object::from_iter([("error".to_owned(), event.into())]))
        }
        Value::Object(event) => Some(event),
        _ => None,
    }
}

/// Sets the message of a choice: the assembled deltas, or the message beside them if they say nothing.
fn set_message(choice: &mut Object) {
    let mut delta = match choice.remove("delta") {
        Some(Value::Object(delta)) => delta,
        _ => Object::new(),
    };
    let is_about = |field: &str| DELTA.iter().any(|(name, op)| *name == field && matches!(op, Op::Set));
    let says_nothing = delta.iter().all(|(field, value)| is_about(field) || is_empty(value));
    if says_nothing && choice.contains_key("message") {
        return;
    }
    delta.entry("role").or_insert_with(|| "assistant".into());
    if let Some(Value::Array(calls)) = delta.get_mut("tool_calls") {
        calls.sort_by_key(|call| call.count("index").unwrap_or(u64::MAX));
        for call in calls.iter_mut().filter_map(Value::as_object_mut) {
            call.remove("index");
        }
    }
    choice.insert("message".to_owned(), delta.into());
}

fn set_unless_empty(known: &mut Value, value: Value) {
    if !is_empty(&value) {
        *known = value;
    }
}

/// Adds a piece of a content. It is a text, unless a piece has parts: Mistral sends parts when its model thinks.
fn add_content(content: &mut Value, piece: Value) {
    match (&mut *content, piece) {
        (Value::Array(parts), Value::String(text)) => add_part(parts, json!({"type": "text", "text": text})),
        (Value::Array(parts), Value::Array(pieces)) => {
            for piece in pieces {
                add_part(parts, piece);
            }
        }
        (Value::String(text), Value::String(piece)) => text.push_str(&piece),
        (content, Value::Array(pieces)) => {
            let text = content.take();
            *content = json!([]);
            if text.is_string() {
                add_content(content, text);
            }
            add_content(content, pieces.into());
        }
        (Value::Null, text @ Value::String(_)) => *content = text,
        _ => {}
    }
}

/// Adds a part to a content. Consecutive texts and consecutive thoughts are joined.
fn add_part(parts: &mut Vec<Value>, part: Value) {
    let is_text = part.is("type", "text") && part.has_a("text", Value::is_string);
    let is_thought = part.is("type", "thinking") && part.has("thinking");
    if is_text && part.is("text", "") {
        return;
    }
    match (parts.last_mut(), part) {
        (Some(Value::Object(last)), Value::Object(part))
            if (is_text || is_thought) && last.get("type") == part.get("type") =>
        {
            merge::add(last, part, PART);
        }
        (_, part) => parts.push(part),
    }
}

fn add_objects(list: &mut Value, pieces: Value, add: fn(&mut Vec<Value>, Object)) {
    let Value::Array(pieces) = pieces else { return };
    if !list.is_array() {
        *list = json!([]);
    }
    for piece in pieces {
        if let (Value::Array(items), Value::Object(piece)) = (&mut *list, piece) {
            add(items, piece);
        }
    }
}

/// Adds a fragment of a reasoning block of `OpenRouter`. It extends the last block with its index and type, unless
/// the ids differ.
fn add_detail(details: &mut Vec<Value>, detail: Object) {
    let is_same = |known: &&mut Object| {
        known.count("index") == detail.count("index") && known.text("type") == detail.text("type")
    };
    let differ = |known: &Object| known.has("id") && detail.has("id") && known.get("id") != detail.get("id");
    let mut known = details.iter_mut().rev().take(OPEN_ITEMS).filter_map(Value::as_object_mut);
    match known.find(is_same) {
        Some(known) if !differ(known) => merge::add(known, detail, DETAIL),
        _ => details.push(detail.into()),
    }
}

/// Adds a fragment of a tool call.
///
/// OpenAI sends an index with every fragment, the id and the name with the first fragment of a call, and its
/// arguments in fragments. Other servers omit the index, use the same index or id for all calls, send a new id with
/// every fragment, repeat the name, or send a call in one piece.
fn add_call(calls: &mut Vec<Value>, mut piece: Object) {
    let (kind, input) = if piece.has("custom") { ("custom", "input") } else { ("function", "arguments") };
    if let Some(Value::Object(function)) = piece.get_mut(kind)
        && let Some(arguments) = function.get_mut(input).filter(|arguments| !arguments.is_null())
    {
        // Some servers send an object instead of a JSON string.
        *arguments = json::compact(arguments).into();
    }
    let is_same = |call: &&mut Object| match (piece.count("index"), piece.text("id")) {
        (Some(index), _) => call.count("index") == Some(index),
        (None, Some(id)) => call.is("id", id),
        (None, None) => true,
    };
    let mut known = calls.iter_mut().rev().take(OPEN_ITEMS).filter_map(Value::as_object_mut);
    match known.find(is_same) {
        Some(call) if repeats(call, &piece) => {}
        Some(call) if !starts_another(call, &piece) => {
            piece.remove("index");
            merge::add(call, piece, CALL);
        }
        _ => {
            let mut call = json!({"id": "", "type": kind, kind: {"name": "", input: ""}});
            if let Value::Object(call) = &mut call {
                merge::add(call, piece, CALL);
            }
            calls.push(call);
        }
    }
}

/// Adds a fragment of a name. Some servers repeat the whole name.
fn add_name(known: &mut Value, piece: Value) {
    match (known, piece) {
        (Value::String(name), Value::String(piece)) if *name != piece => name.push_str(&piece),
        (known @ Value::Null, name @ Value::String(_)) => *known = name,
        _ => {}
    }
}

/// Returns the name and the arguments of a call, as far as they are known.
fn function(call: &Object) -> (&str, &str) {
    let function = call.object("function").or_else(|| call.object("custom"));
    let text = |key: &str| function.and_then(|function| function.text(key)).unwrap_or_default();
    (text("name"), if text("arguments").is_empty() { text("input") } else { text("arguments") })
}

/// Returns `true` if a fragment starts another call: it has a name, the arguments of this call are complete, and
/// the fragment does not repeat this call.
fn starts_another(call: &Object, piece: &Object) -> bool {
    let ((known_name, known_arguments), (name, arguments)) = (function(call), function(piece));
    let is_complete = !known_name.is_empty() && known_arguments.ends_with('}');
    let is_other_id = piece.text("id").is_some_and(|id| !call.is("id", id));
    !name.is_empty()
        && is_complete
        && (is_other_id || name != known_name || arguments.trim_start().starts_with('{'))
}

/// Without an id, the same call is not a repetition: a model may make it twice.
fn repeats(call: &Object, piece: &Object) -> bool {
    let (name, arguments) = function(call);
    piece.text("id").is_some_and(|id| call.is("id", id))
        && (name, arguments) == function(piece)
        && !name.is_empty()
        && !arguments.is_empty()
}
