//! Decodes a streamed body that a function received as raw pieces: as texts, as lines, or as bytes.

use std::borrow::Cow;

use serde_json::Value;

use super::{Format, Frames, amazon};

/// Prefixes of the first line of Server-Sent Events.
const FIELDS: &[&str] = &["data:", "event:", "id:", "retry:", ":"];

/// Returns the events of the body that these pieces form. Returns `None` if the items are not pieces of a
/// body, or if the body starts with no known format. The caller checks whether the events are a provider's.
pub(in crate::providers) fn events(pieces: &[Value]) -> Option<Vec<Value>> {
    let body = match pieces {
        [Value::String(text)] => Cow::Borrowed(text.as_bytes()),
        _ => Cow::Owned(texts(pieces).or_else(|| bytes(pieces))?),
    };
    let format = format(&body)?;
    let mut events = Vec::new();
    let mut event = |text: String| {
        // Data that is not JSON (`[DONE]`) is kept as text, as in any other stream.
        events.push(serde_json::from_str(&text).unwrap_or(Value::String(text)));
    };
    let mut frames = Frames::new(format, body.len());
    frames.read(&body, &mut event);
    frames.finish(&mut event);
    Some(events)
}

/// Joins texts into one body. A line reader has removed the line breaks, so they are added again.
fn texts(pieces: &[Value]) -> Option<Vec<u8>> {
    let texts: Vec<&str> = pieces.iter().map(Value::as_str).collect::<Option<_>>()?;
    if texts.len() < 2 || texts.iter().any(|text| text.contains(['\n', '\r'])) {
        return Some(texts.concat().into_bytes());
    }
    let is_sent = texts.iter().find(|text| !text.is_empty()).is_some_and(|text| is_server_sent(text));
    if is_sent {
        // The line reader may have removed the blank lines too, which separate the events.
        return Some(texts.join("\n\n").into_bytes());
    }
    // Each line of NDJSON is a JSON value. Fragments of a single line are not.
    let is_lines = texts.iter().all(|text| text.is_empty() || text.starts_with('{') || *text == "[DONE]");
    Some(texts.join(if is_lines { "\n" } else { "" }).into_bytes())
}

/// Joins byte arrays into one body. `Vec<u8>` and `Bytes` serialize to arrays of numbers.
fn bytes(pieces: &[Value]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    for piece in pieces {
        for byte in piece.as_array()? {
            body.push(u8::try_from(byte.as_u64()?).ok()?);
        }
    }
    Some(body)
}

fn format(body: &[u8]) -> Option<Format> {
    let begins = body.trim_ascii_start();
    match begins.first()? {
        b'{' => Some(Format::Lines),
        b'[' => Some(Format::Array),
        _ if is_server_sent(&String::from_utf8_lossy(begins.get(..16).unwrap_or(begins))) => {
            Some(Format::ServerSent)
        }
        _ => matches!(amazon::length(body), Ok(Some(_))).then_some(Format::Amazon),
    }
}

fn is_server_sent(text: &str) -> bool {
    let text = text.trim_start_matches('\u{FEFF}');
    FIELDS.iter().any(|field| text.starts_with(field))
}
