//! Requests of `generateContent` for a prompt.

use serde_json::{Value, json};

use super::parts::{self, Turn};
use super::tools;
use crate::blueprint::{ContentBlock, MediaContent, MediaFormat, Message};
use crate::providers::blocks::UNKNOWN;
use crate::providers::call_ids::CallIds;
use crate::providers::draft::{Call, Draft, Ids, Omissions, Role, Turns};
use crate::providers::json::{self, Fields, Object};

/// Writes a request. Gemini has one system instruction, and one content for the results of one turn's calls.
pub(super) fn write(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let mut body = draft.body();
    let (mut instruction, mut contents) = (Vec::new(), Vec::new());
    let mut turns = Turns::new(draft.chat, Ids::Optional);
    while let Some(turn) = turns.next(omissions) {
        let mut parts = |by_model| write_blocks(turn.content, &turn.place, by_model, omissions);
        match turn.role {
            Role::System => {
                instruction.append(&mut parts(false));
                if !contents.is_empty() {
                    omissions.add(turn.place, "the API has instructions only before all messages");
                }
            }
            Role::User => contents.push(json!({ "role": "user", "parts": parts(false) })),
            Role::Assistant(calls) => {
                contents.push(json!({ "role": "model", "parts": write_calls(parts(true), calls) }));
            }
            Role::Tool(id, name) => {
                let result = write_result(id.as_deref(), name, turn.content);
                let read = parts::result(&result, &mut CallIds::default());
                let read = read.as_ref().map(Message::content).unwrap_or_default();
                omissions.compare(format!("{}.content", turn.place), turn.content, read);
                let last = contents.last_mut().and_then(|content| content.get_mut("parts")?.as_array_mut());
                match last.filter(|parts| parts.first().is_some_and(|part| part.has("functionResponse"))) {
                    Some(results) => results.push(result),
                    None => contents.push(json!({ "role": "user", "parts": [result] })),
                }
            }
        }
    }
    body.insert("contents".to_owned(), Value::Array(contents));
    if !instruction.is_empty() {
        body.insert("systemInstruction".to_owned(), json!({ "parts": instruction }));
    }
    tools::write(draft, &mut body, omissions);
    body
}

/// Converts blocks to parts. Reports what would not be read back as it was.
fn write_blocks(
    blocks: &[ContentBlock],
    place: &str,
    by_model: bool,
    omissions: &mut Omissions,
) -> Vec<Value> {
    let (mut parts, mut all, mut is_exact) = (Vec::new(), Turn::new(by_model), true);
    for (at, block) in blocks.iter().enumerate() {
        let mut read = Turn::new(by_model);
        if let Some(part) = write_block(block) {
            for turn in [&mut read, &mut all] {
                turn.add(&part, &mut CallIds::default());
            }
            parts.push(part);
        }
        is_exact &= read.blocks == std::slice::from_ref(block);
        omissions.compare(format!("{place}.content[{at}]"), std::slice::from_ref(block), &read.blocks);
    }
    if is_exact {
        omissions.compare(format!("{place}.content"), blocks, &all.blocks);
    }
    parts
}

/// Adds the calls of a turn. The signatures of the last thoughts belong to the calls that follow them, where
/// Gemini requires them. Thoughts without a text were read from the signatures of calls.
fn write_calls(mut parts: Vec<Value>, calls: Vec<Call<'_>>) -> Vec<Value> {
    let count = parts.iter().rev().take(calls.len()).take_while(|part| part.is("text", "")).count();
    let mut signed = parts.split_off(parts.len().saturating_sub(count));
    let last = parts.last_mut().filter(|part| signed.is_empty() && !calls.is_empty() && part.has("text"));
    let signature = last.and_then(|part| part.as_object_mut()?.remove("thoughtSignature"));
    signed.extend(signature.map(|signature| json!({ "thoughtSignature": signature })));
    let mut signatures = signed.iter().map(|part| part.field("thoughtSignature"));
    parts.extend(calls.into_iter().map(|call| {
        let function = json!({ "id": call.id, "name": call.name, "args": call.arguments });
        let signature = signatures.next().flatten();
        without_nulls(json!({ "functionCall": function, "thoughtSignature": signature }))
    }));
    parts
}

/// Converts the result of a call to a part. Gemini takes an object, and the key `output` for other results.
fn write_result(id: Option<&str>, name: &str, content: &[ContentBlock]) -> Value {
    let text: String = content.iter().filter_map(ContentBlock::text).collect();
    let response = match serde_json::from_str(&text) {
        Ok(value @ Value::Object(_)) if json::readable(&value) == text => value,
        _ if text.is_empty() => json!({}),
        _ => json!({ "output": text }),
    };
    let files: Vec<Value> = content.iter().filter_map(write_block).filter(|part| !part.has("text")).collect();
    let parts = Some(files).filter(|files| !files.is_empty());
    let result = json!({ "id": id, "name": name, "response": response, "parts": parts });
    without_nulls(json!({ "functionResponse": result }))
}

fn write_block(block: &ContentBlock) -> Option<Value> {
    let part = match block {
        ContentBlock::Text(block) => {
            json!({ "text": block.text, "thoughtSignature": block.thought_signature })
        }
        ContentBlock::Thinking(block) => {
            let is_thought = (!block.thinking.is_empty()).then_some(true);
            json!({ "text": block.thinking, "thought": is_thought, "thoughtSignature": block.signature })
        }
        ContentBlock::ImageUrl(block) => write_file(&block.image_url.url, &mime_type(&block.image_url.url)),
        ContentBlock::Media(MediaContent { media }) => {
            let mime_type = media.mime_type.as_deref().unwrap_or("image/jpeg");
            let (title, url) = (&media.title, media.url.as_deref());
            if media.format == MediaFormat::Base64 {
                json!({ "inlineData": { "mimeType": mime_type, "data": url?, "displayName": title } })
            } else {
                let mime_type = Some(mime_type).filter(|mime_type| *mime_type != UNKNOWN);
                let url = url.filter(|_| media.format == MediaFormat::Url);
                json!({ "fileData": { "mimeType": mime_type, "fileUri": url, "displayName": title } })
            }
        }
        ContentBlock::OutputMedia(block) => {
            let mut part = write_file(&block.url, block.mime_type.as_deref().unwrap_or("image/png"));
            let metadata = block.provider_metadata.iter().flatten();
            let own = metadata.filter(|(name, _)| matches!(name.as_str(), "thought" | "thoughtSignature"));
            part.as_object_mut()?.extend(own.map(|(name, value)| (name.clone(), value.clone())));
            part
        }
        ContentBlock::Code(block) => {
            json!({ "executableCode": { "id": block.id, "language": "PYTHON", "code": block.code } })
        }
        ContentBlock::CodeExecutionResult(block) => {
            let outcome = block.outcome.as_deref().unwrap_or("OUTCOME_OK");
            json!({ "codeExecutionResult": { "outcome": outcome, "output": block.output } })
        }
        // The types of Gemini's tools are in capitals.
        ContentBlock::ServerToolUse(block) if block.name == block.name.to_ascii_uppercase() => {
            json!({ "toolCall": { "id": block.id, "toolType": block.name, "args": block.input } })
        }
        _ => return None,
    };
    Some(without_nulls(part))
}

/// Converts a URL or a `data:` URL to a part.
fn write_file(url: &str, mime_type: &str) -> Value {
    match url.strip_prefix("data:").and_then(|data| data.split_once(";base64,")) {
        Some((mime_type, data)) => json!({ "inlineData": { "mimeType": mime_type, "data": data } }),
        None => json!({ "fileData": { "mimeType": mime_type, "fileUri": url } }),
    }
}

/// Returns the MIME type of an image by the end of its address.
fn mime_type(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let kind = ["png", "gif", "webp", "heic", "heif"].into_iter().find(|kind| path.ends_with(kind));
    format!("image/{}", kind.unwrap_or("jpeg"))
}

/// Returns a part without the fields that have no value.
fn without_nulls(part: Value) -> Value {
    let Value::Object(fields) = part else { return part };
    json::without_nulls(fields.into_iter().map(|(name, value)| (name, json::without_nulls(value))).collect())
}
