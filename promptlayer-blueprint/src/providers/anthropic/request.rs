//! Requests.

use std::borrow::Cow;

use serde_json::Map;

use super::turn::messages;
use super::{BEDROCK, SHAPE, VERTEX, content, tools};
use crate::blueprint::ChatPrompt;
use crate::providers::json;
use crate::providers::reading::{self, Request};
use crate::providers::shape::Object;

/// Request fields that belong to the prompt. Tools and tool choice are handled separately: what the prompt
/// cannot hold stays in the parameters.
const PROMPT_FIELDS: &[&str] = &["model", "messages", "system"];

/// Reads a request.
pub(super) fn request(mut object: Object) -> Request {
    let mut prompt = ChatPrompt::new(messages(&object, content::blocks, content::read));
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

/// Returns the provider. Bedrock and Vertex AI require `anthropic_version` in the body, each with its own
/// values.
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
