//! `/v1beta/models/{model}:generateContent`.

use serde_json::Value;

use super::{Expected, count, items, number, role, text, texts};
use crate::said::{Arguments, Said};

pub(super) fn request(request: &Value) -> Vec<Said> {
    let system = texts(&request["systemInstruction"]["parts"]).into_iter();
    let system = system.map(|text| Said::text("system", text));
    system.chain(items(&request["contents"]).flat_map(content)).collect()
}

fn content(content: &Value) -> Vec<Said> {
    let role = role(&content["role"]);
    let said: Vec<Said> = items(&content["parts"]).filter_map(|said| part(role, said)).collect();
    // The tool calls of a message come after its other content.
    let (calls, others): (Vec<Said>, Vec<Said>) =
        said.into_iter().partition(|said| matches!(said, Said::Call { .. }));
    others.into_iter().chain(calls).collect()
}

fn part(role: &'static str, part: &Value) -> Option<Said> {
    if let Some(text) = text(&part["text"]) {
        let is_thought = part["thought"] == true;
        return Some(if is_thought { Said::Thinking(text) } else { Said::text(role, text) });
    }
    if let Some(call) = part.get("functionCall") {
        return Some(Said::Call {
            id: text(&call["id"]),
            name: text(&call["name"])?,
            arguments: Arguments::Json(call["args"].clone()),
        });
    }
    let result = part.get("functionResponse")?;
    Some(Said::Result { id: text(&result["id"]), text: result["response"].to_string() })
}

pub(super) fn reply(reply: &Value) -> Expected {
    let (usage, candidates) = (&reply["usageMetadata"], &reply["candidates"]);
    let thoughts = count(&usage["thoughtsTokenCount"]);
    Expected {
        said: items(candidates).flat_map(|candidate| content(&candidate["content"])).collect(),
        input: number(&usage["promptTokenCount"]),
        // Unlike other APIs, Gemini does not include thoughts in the output tokens.
        output: number(&usage["candidatesTokenCount"]).map(|said| said + thoughts),
        cached: count(&usage["cachedContentTokenCount"]),
        cache_creation: 0,
        reasoning: thoughts,
        word: text(&candidates[0]["finishReason"]),
        refused: false,
        price: None,
    }
}
