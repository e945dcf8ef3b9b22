//! Reads requests and whole responses.

use serde_json::{Value, json};

use super::{EXCEPTIONS, SHAPE, content};
use crate::blueprint::{ChatPrompt, ErrorType, Function, Tool, ToolChoice};
use crate::providers::anthropic::turn;
use crate::providers::errors;
use crate::providers::finish::Finish;
use crate::providers::json::{Fields, Object};
use crate::providers::reading::{self, Reply, Request};
use crate::providers::usage::UsagePaths;

/// Request fields that belong to the prompt. Tools are handled separately: what the prompt cannot hold
/// stays in the parameters.
const PROMPT_FIELDS: &[&str] = &["modelId", "messages", "system"];

/// Reads a request. Clients that pass the model together with the other fields call it `modelId`.
pub(super) fn request(mut object: Object) -> Request {
    let mut prompt = ChatPrompt::new(turn::read_messages(&object, content::read));
    if let Some(Value::Object(config)) = object.get_mut("toolConfig") {
        prompt.tools = turn::take_tools(config, read_tool);
        prompt.tool_choice = config.object("toolChoice").and_then(read_choice);
        if prompt.tool_choice.is_some() {
            config.remove("toolChoice");
        }
        if config.values().all(Value::is_null) {
            object.remove("toolConfig");
        }
    }
    Request {
        shape: Some(&SHAPE),
        model: object.owned("modelId"),
        prompt: Some(prompt.into()),
        parameters: reading::parameters(object, PROMPT_FIELDS),
        ..Request::default()
    }
}

fn read_tool(tool: &Value) -> Option<Tool> {
    let spec = tool.object("toolSpec")?;
    Some(Tool::from(Function {
        name: spec.owned("name")?,
        description: spec.string("description"),
        strict: spec.get("strict") == Some(&Value::Bool(true)),
        parameters: Some(spec.at("inputSchema.json")?.as_object()?.clone()),
    }))
}

fn read_choice(choice: &Object) -> Option<ToolChoice> {
    let (mode, value) = choice.iter().find(|(_, value)| !value.is_null())?;
    match mode.as_str() {
        "auto" => Some(ToolChoice::Mode("auto".to_owned())),
        "any" => Some(ToolChoice::Mode("required".to_owned())),
        "tool" => value.get("name")?.as_str().map(ToolChoice::function),
        _ => None,
    }
}

/// The names with `Count` are those of Nova models with `invoke`.
static USAGE: UsagePaths = UsagePaths {
    input: &["inputTokens"],
    output: &["outputTokens"],
    cached: &["cacheReadInputTokens", "cacheReadInputTokenCount"],
    cache_creation: &["cacheWriteInputTokens", "cacheWriteInputTokenCount"],
    ..UsagePaths::NONE
};

/// Reads a response. A response that was interrupted by an exception has both content and an error.
pub(super) fn reply(object: &Object) -> Reply {
    let messages = turn::read_message("assistant", object.at("output.message.content"), content::read);
    let latency = object.at("metrics.latencyMs").and_then(Value::as_u64).map(|time| time.to_string());
    let tier = object.text_at("serviceTier.type").map(str::to_owned);
    let metadata = [("provider_latency_ms", latency), ("service_tier", tier)];
    // No other part of a response names the model than the prompt router that selected it.
    let model = object.text_at("trace.promptRouter.invokedModelId");
    Reply {
        shape: Some(&SHAPE),
        model: model.map(str::to_owned),
        prompt: Some(ChatPrompt::new(messages).into()),
        usage: object.object("usage").map(|usage| USAGE.read(usage)).unwrap_or_default(),
        finish: object.text("stopReason").map(Finish::from_word),
        error: EXCEPTIONS.iter().find_map(|name| Some(error(name, object.get(*name)?))),
        metadata: metadata.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
        ..Reply::default()
    }
}

/// Returns the type and the message of an exception. The name of the exception determines the type.
fn error(name: &str, exception: &Value) -> (ErrorType, String) {
    let message = exception.text("message").unwrap_or(name);
    errors::of_reply(&json!({"type": name, "message": message}))
}
