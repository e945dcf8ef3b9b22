//! The lines of a streamed response. Each line has a piece of the text. The last line has the token counts.

use serde_json::Value;

use super::reply;
use crate::providers::shape::Object;

/// Assembles the lines of a `chat` response into the whole response.
pub(super) fn sum_chat(chunks: &[Value]) -> Object {
    let mut whole = Object::new();
    let mut message = Object::new();
    let mut calls = Vec::new();
    let mut texts = [("content", String::new()), ("thinking", String::new())];
    for chunk in chunks.iter().filter_map(Value::as_object).filter(|chunk| reply::is_chat(chunk)) {
        add_rest(&mut whole, chunk, &["message"]);
        let Some(piece) = chunk.get("message").and_then(Value::as_object) else { continue };
        append(&mut texts, piece);
        for (name, value) in piece.iter().filter(|(_, value)| !value.is_null()) {
            match (name.as_str(), value) {
                ("content" | "thinking", _) => {}
                ("tool_calls", Value::Array(more)) => calls.extend(more.iter().cloned()),
                _ => {
                    message.insert(name.clone(), value.clone());
                }
            }
        }
    }
    place(&mut message, texts);
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    whole.insert("message".to_owned(), Value::Object(message));
    whole
}

/// Assembles the lines of a `generate` response into the whole response.
pub(super) fn sum_generate(chunks: &[Value]) -> Object {
    let mut whole = Object::new();
    let mut texts = [("response", String::new()), ("thinking", String::new())];
    for chunk in chunks.iter().filter_map(Value::as_object).filter(|chunk| reply::is_generate(chunk)) {
        add_rest(&mut whole, chunk, &["response", "thinking"]);
        append(&mut texts, chunk);
    }
    place(&mut whole, texts);
    whole
}

/// Keeps the fields of a line other than its texts. Later lines overwrite earlier ones.
fn add_rest(whole: &mut Object, chunk: &Object, texts: &[&str]) {
    for (name, value) in chunk {
        if !texts.contains(&name.as_str()) && !value.is_null() {
            whole.insert(name.clone(), value.clone());
        }
    }
}

fn append(texts: &mut [(&'static str, String); 2], piece: &Object) {
    for (name, text) in texts {
        text.push_str(piece.get(*name).and_then(Value::as_str).unwrap_or_default());
    }
}

/// Inserts the texts. `thinking` is omitted if it is empty.
fn place(object: &mut Object, texts: [(&'static str, String); 2]) {
    for (name, text) in texts {
        if name != "thinking" || !text.is_empty() {
            object.insert(name.to_owned(), text.into());
        }
    }
}
