//! `get_request`: one request, or a part of it.

use std::fmt::Write as _;

use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::show::{facts, messages};
use super::super::terminal::one_line;
use super::text::{named, quoted};
use super::tool::{Answer, Database, Definition, Refusal, number, parameters, read_arguments, request_id};
use crate::comparison;
use crate::format;
use crate::store::{RequestRow, StoredRequest};

/// The number of characters that are returned, at most and by default.
const MOST: usize = 200_000;
const DEFAULT: usize = 20_000;

/// The maximum number of the parts of a value that are listed.
const MOST_PARTS: usize = 100;

pub(super) const TOOL: Definition = Definition {
    name: "get_request",
    title: "Read a logged request",
    description: "Returns one logged call to a language model with all its data: messages of the prompt (input) and the \
        answer (output), tools, parameters, times (RFC 3339, UTC; latency_ms in milliseconds), tokens, price (US \
        dollars; estimated_price if none was logged), error, tags, metadata, scores, template with its variables, trace_id and span_id. If it is longer than \
        max_characters as JSON, returns the first characters, the sizes of its parts, and next_offset. Then read on with \
        offset, or read one part with pointer.",
    parameters: || {
        parameters([
            ("id", request_id("The id of the request, as search_requests returns it.")),
            (
                "pointer",
                json!({
                    "type": "string", "default": "",
                    "description": "A JSON pointer to the part to read, such as /input/messages/0/content/0/text or \
                        /metadata. The whole request by default.",
                }),
            ),
            (
                "offset",
                json!({
                    "type": "integer", "minimum": 0, "default": 0,
                    "description": "The number of characters to skip: next_offset of the call before.",
                }),
            ),
            (
                "max_characters",
                json!({
                    "type": "integer", "minimum": 100, "maximum": MOST, "default": DEFAULT,
                    "description": "The maximum number of characters to return.",
                }),
            ),
        ])
    },
    required: &["id"],
    run,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(deserialize_with = "crate::integer::required")]
    id: i64,
    #[serde(default)]
    pointer: Option<String>,
    #[serde(default, deserialize_with = "crate::integer::optional")]
    offset: Option<i64>,
    #[serde(default, deserialize_with = "crate::integer::optional")]
    max_characters: Option<i64>,
}

fn run(database: &Database, arguments: JsonObject) -> Result<Answer, Refusal> {
    let arguments: Arguments = read_arguments(arguments)?;
    let offset = number("offset", arguments.offset, 0..=usize::MAX, 0)?;
    let most = number("max_characters", arguments.max_characters, 100..=MOST, DEFAULT)?;
    let pointer = arguments.pointer.unwrap_or_default();
    let (request, row) = database
        .read(|store| Ok(comparison::read(store, arguments.id)?))?
        .ok_or_else(|| missing(arguments.id))?;

    let described = described(&request, &row);
    let value = described.pointer(&pointer).ok_or_else(|| {
        Refusal(format!(
            "Request {} has no part {}. A pointer begins with a slash; the parts of the whole are {}.",
            request.id,
            named(&pointer),
            parts(&described, "").iter().map(|part| part.pointer.as_str()).collect::<Vec<_>>().join(", "),
        ))
    })?;
    let json = match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_else(|_| other.to_string()),
    };
    let total = json.chars().count();
    if offset == 0 && total <= most {
        let text = if pointer.is_empty() { whole_text(&request, &row) } else { quoted(&json) };
        let structured = json!({
            "request_id": request.id, "pointer": pointer, "is_complete": true, "value": value,
        });
        return Ok(Answer { text, structured });
    }
    if offset > total {
        return Err(Refusal(format!(
            "offset must be at most {total}, the number of all characters, found {offset}"
        )));
    }
    let chunk: String = json.chars().skip(offset).take(most).collect();
    let end = (offset + most).min(total);
    Ok(chunk_answer(&request, &pointer, value, &Chunk { text: chunk, range: (offset, end), total }))
}

/// Returns the error for a request that does not exist.
pub(super) fn missing(id: i64) -> Refusal {
    Refusal(format!("There is no request {id}; search_requests lists the newest"))
}

/// Returns the request as the API does, without what repeats other fields, and with the estimate of its price.
fn described(request: &StoredRequest, row: &RequestRow) -> Value {
    let mut described = crate::api::described(request);
    if let Some(fields) = described.as_object_mut() {
        let estimate = row.price_is_estimate.then_some(row.price);
        fields.insert("estimated_price".to_owned(), json!(estimate));
        fields.remove("success");
        fields.remove("prompt_blueprint");
    }
    described
}

/// Returns the whole request as text.
fn whole_text(request: &StoredRequest, row: &RequestRow) -> String {
    let mut text = format!("request {}, {}\n", request.id, named(&request.name));
    for (name, value) in facts(request, row, &request.start.to_string()) {
        text.push_str(&quoted(&format!("{name}: {value}")));
    }
    let variables = Value::Object(request.link.variables.clone());
    if variables.as_object().is_some_and(|variables| !variables.is_empty()) {
        text.push_str(&quoted(&format!("variables: {}", format::inline(&variables))));
    }
    for (part, prompt) in [("prompt", &request.input), ("answer", &request.output)] {
        for (role, said) in messages(part, prompt) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n{part}, {}:\n{}", named(&role), quoted(&said));
        }
        if let Some(tools) = prompt.get("tools").and_then(Value::as_array).filter(|tools| !tools.is_empty()) {
            let _ =
                write!(text, "\n{} tools: read them with pointer /{}/tools\n", tools.len(), place_of(part));
        }
    }
    text
}

/// Returns the field of a prompt or of an answer.
fn place_of(part: &str) -> &'static str {
    if part == "prompt" { "input" } else { "output" }
}

/// A part of a value that is longer than the limit.
struct Chunk {
    text: String,
    /// The first character, and the one after the last.
    range: (usize, usize),
    total: usize,
}

fn chunk_answer(request: &StoredRequest, pointer: &str, value: &Value, chunk: &Chunk) -> Answer {
    let (begin, end) = chunk.range;
    let next = (end < chunk.total).then_some(end);
    let parts = parts(value, pointer);
    let mut text = format!(
        "Characters {begin} to {end} of {} of {} of request {}:\n{}",
        chunk.total,
        if pointer.is_empty() { "the JSON".to_owned() } else { one_line(pointer) },
        request.id,
        quoted(&chunk.text)
    );
    if let Some(next) = next {
        let _ = writeln!(text, "\nRead on with offset {next}, or read one part with its pointer.");
    }
    if !parts.is_empty() {
        text.push_str("Parts and their characters:\n");
        for part in &parts {
            let _ = writeln!(text, "{} {}", one_line(&part.pointer), part.characters);
        }
    }
    let parts: Vec<Value> = parts
        .into_iter()
        .map(|part| json!({ "pointer": part.pointer, "characters": part.characters }))
        .collect();
    let structured = json!({
        "request_id": request.id, "pointer": pointer, "is_complete": false, "text": chunk.text, "offset": begin,
        "next_offset": next, "total_characters": chunk.total, "parts": parts,
    });
    Answer { text, structured }
}

/// A part of a value, and how long it is as JSON.
struct Part {
    pointer: String,
    characters: usize,
}

/// Returns the parts of an object or an array.
fn parts(value: &Value, pointer: &str) -> Vec<Part> {
    let part = |name: &str, value: &Value| Part {
        pointer: format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")),
        characters: value.to_string().chars().count(),
    };
    match value {
        Value::Object(fields) => {
            fields.iter().take(MOST_PARTS).map(|(name, value)| part(name, value)).collect()
        }
        Value::Array(items) => items
            .iter()
            .take(MOST_PARTS)
            .enumerate()
            .map(|(index, value)| part(&index.to_string(), value))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parts;

    #[test]
    fn pointers_of_parts_lead_to_them() {
        let value = json!({ "a/b~": { "": [1, "two"] } });
        let pointers = |pointer: &str| -> Vec<(String, usize)> {
            parts(value.pointer(pointer).unwrap(), pointer)
                .into_iter()
                .map(|part| (part.pointer, part.characters))
                .collect()
        };
        assert_eq!(pointers(""), [("/a~1b~0".to_owned(), 14)]);
        assert_eq!(pointers("/a~1b~0/"), [("/a~1b~0//0".to_owned(), 1), ("/a~1b~0//1".to_owned(), 5)]);
        assert!(value.pointer("/a~1b~0//1").is_some() && pointers("/a~1b~0//1").is_empty());
    }
}
