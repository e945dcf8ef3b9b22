//! The chunks of a streamed response. Each one is a partial response.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{field, is_spelled, list_in, partial_args, parts, reply, string_in, take};
use crate::providers::shape::Object;

/// Assembles the chunks into the whole response, in the wire spelling.
pub(super) fn sum(chunks: &[Value]) -> Object {
    let mut candidates: BTreeMap<u64, Candidate> = BTreeMap::new();
    let (mut whole, mut usage) = (Object::new(), Object::new());
    for chunk in chunks.iter().filter_map(Value::as_object).filter(|chunk| is_part(chunk)) {
        for (name, value) in chunk.iter().filter(|(_, value)| !value.is_null()) {
            match value {
                Value::Array(several) if is_spelled(name, "candidates") => {
                    for (at, candidate) in several.iter().enumerate() {
                        add(&mut candidates, at, candidate);
                    }
                }
                // Later chunks may add or update usage fields. The latest value is kept.
                Value::Object(counts) if is_spelled(name, "usageMetadata") => {
                    let counts = counts.iter().filter(|(_, count)| !count.is_null());
                    usage.extend(counts.map(|(name, count)| (name.clone(), count.clone())));
                }
                _ => {
                    whole.insert(name.clone(), value.clone());
                }
            }
        }
    }
    if !candidates.is_empty() {
        let candidates = candidates.into_iter().map(|(index, candidate)| candidate.into_value(index));
        whole.insert("candidates".to_owned(), candidates.collect());
    }
    if !usage.is_empty() {
        whole.insert("usageMetadata".to_owned(), Value::Object(usage));
    }
    whole
}

/// Returns `true` if a chunk belongs to the response. It may contain only grounding data or safety ratings
/// of a candidate.
fn is_part(chunk: &Object) -> bool {
    reply::is_reply(chunk) || ["candidates", "usageMetadata"].iter().any(|name| field(chunk, name).is_some())
}

/// Adds the candidate of a chunk. If it has no index, its position is used.
fn add(candidates: &mut BTreeMap<u64, Candidate>, at: usize, candidate: &Value) {
    let Some(candidate) = candidate.as_object() else { return };
    let index = field(candidate, "index").and_then(Value::as_u64);
    let Some(index) = index.or_else(|| u64::try_from(at).ok()) else { return };
    candidates.entry(index).or_default().add(candidate);
}

/// A candidate that is assembled from the chunks.
#[derive(Debug, Default)]
struct Candidate {
    parts: Vec<Part>,
    role: Option<String>,
    citations: Vec<Value>,
    /// All other fields, with their latest value.
    rest: Object,
}

impl Candidate {
    fn add(&mut self, candidate: &Object) {
        for (name, value) in candidate.iter().filter(|(_, value)| !value.is_null()) {
            match value {
                Value::Object(content) if name == "content" => {
                    self.role = string_in(content, "role").map(str::to_owned).or(self.role.take());
                    for part in list_in(content, "parts") {
                        add_part(&mut self.parts, part);
                    }
                }
                Value::Object(citations) if is_spelled(name, "citationMetadata") => {
                    let sources = ["citationSources", "citations"].map(|name| list_in(citations, name));
                    self.citations.extend(sources.into_iter().flatten().cloned());
                }
                _ if name == "index" => {}
                // Grounding data also arrives field by field.
                Value::Object(more) if self.rest.get(name).is_some_and(Value::is_object) => {
                    if let Some(Value::Object(told)) = self.rest.get_mut(name) {
                        told.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
                    }
                }
                _ => {
                    self.rest.insert(name.clone(), value.clone());
                }
            }
        }
    }

    fn into_value(self, index: u64) -> Value {
        let mut candidate = self.rest;
        candidate.insert("index".to_owned(), index.into());
        if !self.citations.is_empty() {
            candidate.insert("citationMetadata".to_owned(), json!({"citationSources": self.citations}));
        }
        let parts: Vec<Value> = self.parts.into_iter().map(Part::into_value).collect();
        let role = self.role.unwrap_or_else(|| "model".to_owned());
        candidate.insert("content".to_owned(), json!({"role": role, "parts": parts}));
        Value::Object(candidate)
    }
}

/// A part that is assembled from the chunks.
#[derive(Debug)]
enum Part {
    /// Text that later chunks may extend.
    Text { text: String, is_thought: bool, signature: Option<String> },
    /// A complete part.
    Whole(Value),
    /// A function call that later chunks may extend, with the fragments of its arguments.
    Call { part: Object, call: Object, pieces: Vec<Value> },
}

/// Adds a part, or extends the last part.
fn add_part(parts: &mut Vec<Part>, part: &Value) {
    let Some(object) = part.as_object() else {
        parts.push(Part::Whole(part.clone()));
        return;
    };
    if let Some(Value::String(more)) = field(object, "text") {
        let more_signature = string_in(object, "thoughtSignature");
        let is_more_thought = parts::is_thought(object);
        // The last fragment has the signature. It often has no text, and is not marked as a thought again.
        if let Some(Part::Text { text, is_thought, signature }) = parts.last_mut()
            && signature.is_none()
            && (*is_thought == is_more_thought || more.is_empty())
        {
            text.push_str(more);
            *signature = more_signature.map(str::to_owned);
            return;
        }
        parts.push(Part::Text {
            text: more.clone(),
            is_thought: is_more_thought,
            signature: more_signature.map(str::to_owned),
        });
        return;
    }
    let call = field(object, "functionCall").and_then(Value::as_object);
    if let (Some(Part::Call { call, pieces, .. }), Some(more)) = (parts.last_mut(), call)
        && string_in(more, "name").is_none()
    {
        pieces.extend(list_in(more, "partialArgs").iter().cloned());
        let told = ["id", "args"].into_iter().filter_map(|name| Some((name, field(more, name)?)));
        call.extend(told.map(|(name, value)| (name.to_owned(), value.clone())));
        return;
    }
    match call {
        Some(call) if partial_args::continues(part) => {
            let (mut part, mut call) = (object.clone(), call.clone());
            take(&mut part, "functionCall");
            take(&mut call, "willContinue");
            let pieces = match take(&mut call, "partialArgs") {
                Some(Value::Array(pieces)) => pieces,
                _ => Vec::new(),
            };
            parts.push(Part::Call { part, call, pieces });
        }
        _ => parts.push(Part::Whole(part.clone())),
    }
}

impl Part {
    fn into_value(self) -> Value {
        match self {
            Self::Text { text, is_thought, signature } => {
                let mut part = Object::new();
                part.insert("text".to_owned(), text.into());
                if is_thought {
                    part.insert("thought".to_owned(), true.into());
                }
                part.extend(signature.map(|signature| ("thoughtSignature".to_owned(), signature.into())));
                Value::Object(part)
            }
            Self::Whole(part) => part,
            Self::Call { mut part, mut call, pieces } => {
                if field(&call, "args").is_none() {
                    call.insert("args".to_owned(), Value::Object(partial_args::whole(&pieces)));
                }
                part.insert("functionCall".to_owned(), Value::Object(call));
                Value::Object(part)
            }
        }
    }
}
