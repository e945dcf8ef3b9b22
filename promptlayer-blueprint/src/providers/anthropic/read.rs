//! Reads requests and whole responses.

use serde_json::Value;

use super::{SHAPE, content, turn};
use crate::blueprint::{BuiltInTool, ChatPrompt, Function, Tool, ToolChoice};
use crate::providers::finish::Finish;
use crate::providers::json::{Fields, Object};
use crate::providers::reading::{self, Reply, Request};
use crate::providers::usage::UsagePaths;
use crate::providers::{errors, vendor};

/// Request fields that belong to the prompt. Tools and tool choice are handled separately: what the prompt
/// cannot hold stays in the parameters.
const PROMPT_FIELDS: &[&str] = &["model", "messages", "system"];

/// The blueprint's names for the tools that Anthropic runs or defines, by the prefix of their type. The
/// version date follows the prefix.
const BUILT_IN: &[(&str, &str)] = &[
    ("web_search_", "web_search"),
    ("web_fetch_", "url_context"),
    ("code_execution_", "code_interpreter"),
    ("bash_", "bash"),
    ("text_editor_", "text_editor"),
    ("mcp_toolset", "mcp"),
];

/// Reads a request.
pub(super) fn request(mut object: Object) -> Request {
    let mut prompt = ChatPrompt::new(turn::read_messages(&object, content::read));
    prompt.tools = turn::take_tools(&mut object, read_tool);
    if let Some(choice) = object.object("tool_choice") {
        // The blueprint has no field for `disable_parallel_tool_use`.
        let is_all = choice.keys().all(|key| key == "type" || key == "name");
        prompt.tool_choice = read_choice(choice);
        if is_all && prompt.tool_choice.is_some() {
            object.remove("tool_choice");
        }
    }
    Request {
        shape: Some(&SHAPE),
        provider: vendor::of_request(&object).map(Into::into),
        model: object.owned("model"),
        prompt: Some(prompt.into()),
        parameters: reading::parameters(object, PROMPT_FIELDS),
        ..Request::default()
    }
}

fn read_tool(tool: &Value) -> Option<Tool> {
    match tool.text("type") {
        None | Some("custom") => Some(Tool::from(Function {
            name: tool.owned("name")?,
            description: tool.string("description"),
            strict: tool.get("strict") == Some(&Value::Bool(true)),
            parameters: Some(tool.object("input_schema")?.clone()),
        })),
        Some(kind) => {
            let (_, form) = BUILT_IN.iter().find(|(prefix, _)| kind.starts_with(prefix))?;
            let name = tool.text("name").or_else(|| tool.text("mcp_server_name")).unwrap_or(form);
            Some(Tool::BuiltIn(BuiltInTool {
                id: kind.to_owned(),
                name: name.to_owned(),
                description: String::new(),
                provider: "anthropic".to_owned(),
                kind: (*form).to_owned(),
                config: reading::parameters(tool.as_object()?.clone(), &["cache_control"]),
            }))
        }
    }
}

fn read_choice(choice: &Object) -> Option<ToolChoice> {
    Some(match choice.text("type")? {
        mode @ ("auto" | "none") => ToolChoice::Mode(mode.to_owned()),
        "any" => ToolChoice::Mode("required".to_owned()),
        "tool" => ToolChoice::function(choice.text("name")?),
        _ => return None,
    })
}

static USAGE: UsagePaths = UsagePaths {
    input: &["input_tokens"],
    output: &["output_tokens"],
    cached: &["cache_read_input_tokens"],
    cache_creation: &["cache_creation_input_tokens"],
    reasoning: &["output_tokens_details.thinking_tokens"],
    other: &[
        // One-hour cache writes cost more than five-minute cache writes, which are the remaining tokens.
        ("cache_creation.ephemeral_1h_input_tokens", "cache_creation_1h_tokens"),
        ("server_tool_use.web_search_requests", "web_search_requests"),
        ("server_tool_use.web_fetch_requests", "web_fetch_requests"),
    ],
};

/// Data without a field in the log: the metadata key, and the path.
const METADATA: &[(&str, &str)] = &[
    ("response_id", "id"),
    ("service_tier", "usage.service_tier"),
    ("stop_sequence", "stop_sequence"),
    ("refusal_category", "stop_details.category"),
    ("refusal_explanation", "stop_details.explanation"),
];

/// Reads a response. A response that was interrupted by an error has both content and an error.
pub(super) fn reply(object: &Object) -> Reply {
    let provider = vendor::of_reply(object);
    let metadata = METADATA.iter().filter_map(|(key, path)| Some((*key, object.text_at(path)?.to_owned())));
    let messages = turn::read_message("assistant", object.get("content"), content::read);
    Reply {
        shape: Some(&SHAPE),
        provider: provider.map(Into::into),
        model: object.owned("model"),
        prompt: Some(ChatPrompt::new(messages).into()),
        usage: object.object("usage").map(|usage| USAGE.read(usage)).unwrap_or_default(),
        finish: object.text("stop_reason").map(Finish::from_word),
        error: object.field("error").map(errors::of_reply),
        price: provider.filter(|provider| *provider == "openrouter").and_then(|_| price(object)),
        metadata: metadata.collect(),
        ..Reply::default()
    }
}

/// Returns the price that `OpenRouter` reports, in US dollars. With the user's own key, the price of the model's
/// provider is reported separately.
fn price(object: &Object) -> Option<f64> {
    let number = |path: &str| object.at(path).and_then(Value::as_f64);
    let is_own_key = object.at("usage.is_byok") == Some(&Value::Bool(true));
    let upstream = number("usage.cost_details.upstream_inference_cost").filter(|_| is_own_key);
    let price = number("usage.cost")? + upstream.unwrap_or_default();
    (price.is_finite() && price >= 0.0).then_some(price)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::providers::{Output, response};

    #[test]
    fn reply_needs_no_role_if_it_has_a_stop_reason_and_counts() {
        let mut reply = json!({
            "id": "msg_1", "model": "claude-sonnet-4-5", "content": [{"type": "text", "text": "Sunny."}],
            "stop_reason": "end_turn", "usage": {"input_tokens": 21, "output_tokens": 4},
        });
        let read = response(Output::Value(reply.clone()));
        assert_eq!(read.shape.map(|shape| shape.api_type), Some("messages"));
        assert_eq!((read.prompt.unwrap().text(), read.usage.input), ("Sunny.".to_owned(), Some(21)));
        reply.as_object_mut().unwrap().remove("usage");
        assert!(response(Output::Value(reply)).shape.is_none());
    }
}
