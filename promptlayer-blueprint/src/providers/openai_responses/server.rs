//! Items of tools that the provider runs, or that an application runs for the model.

use serde::Deserialize as _;
use serde_json::Value;

use crate::blueprint::{
    CodeContent, CodeExecutionResultContent, ContentBlock, OutputMediaContent, OutputMediaType,
    ShellCallContent, WebSearchResult, WebSearchToolResultContent,
};
use crate::providers::blocks;
use crate::providers::json::{Fields, Object};
use crate::providers::reading;

/// The outcome of failed code in the blueprint. Code that did not fail has no outcome.
const FAILED: &str = "OUTCOME_FAILED";

/// Fields that all items have. They are not part of a tool's input.
const COMMON: &[&str] = &["type", "id", "status"];

/// Depth of an item's own fields: its action, operation, tools and outputs. Deeper objects, such as a
/// schema or an environment, are the application's data.
const NESTED: usize = 1;

/// Converts an item into blocks. An item that the blueprint has no block for is kept as readable text.
pub(super) fn read(kind: &str, item: &Object) -> Vec<ContentBlock> {
    match kind {
        "web_search_call" => web_search(item),
        "code_interpreter_call" => code(item),
        "image_generation_call" => vec![image(item).unwrap_or_else(|| tool("image_generation", item))],
        "local_shell_call" => vec![local_shell(item)],
        // These items have the same form in the blueprint.
        "mcp_list_tools"
        | "mcp_call"
        | "mcp_approval_request"
        | "mcp_approval_response"
        | "shell_call"
        | "shell_call_output"
        | "apply_patch_call"
        | "apply_patch_call_output" => vec![same(item)],
        _ => match kind.strip_suffix("_call") {
            Some(name) => vec![tool(name, item)],
            None => vec![blocks::readable(&item.clone().into())],
        },
    }
}

fn object(item: &Object, key: &str) -> Object {
    item.get(key).and_then(Value::as_object).map(|object| without_nulls(object, 0)).unwrap_or_default()
}

/// Converts an item that is a block of the blueprint with the same field names.
fn same(item: &Object) -> ContentBlock {
    match ContentBlock::deserialize(Value::Object(without_nulls(item, NESTED))) {
        Ok(ContentBlock::Other(item)) => blocks::readable(&item),
        Ok(block) => block,
        Err(_) => blocks::readable(&item.clone().into()),
    }
}

/// Returns an object without its `null` fields, down to this depth of nested objects. Client types that
/// serialize all fields write `null` for fields that the provider did not send.
fn without_nulls(object: &Object, depth: usize) -> Object {
    let said = object.iter().filter(|(_, value)| !value.is_null());
    said.map(|(key, value)| (key.clone(), without_nulls_in(value, depth))).collect()
}

fn without_nulls_in(value: &Value, depth: usize) -> Value {
    match (value, depth.checked_sub(1)) {
        (Value::Object(object), Some(depth)) => Value::Object(without_nulls(object, depth)),
        (Value::Array(list), Some(_)) => list.iter().map(|value| without_nulls_in(value, depth)).collect(),
        _ => value.clone(),
    }
}

/// Converts a call of a tool that the blueprint has no specific block for.
fn tool(name: &str, item: &Object) -> ContentBlock {
    blocks::server_tool(item.string("id"), name, reading::parameters(item.clone(), COMMON))
}

/// Converts a web search, and the pages that it found if the request asked for them.
fn web_search(item: &Object) -> Vec<ContentBlock> {
    let id = item.owned("id").unwrap_or_default();
    let mut input = object(item, "action");
    let pages: Vec<WebSearchResult> = input.list("sources").iter().filter_map(page).collect();
    // The blueprint cannot hold sources that are not pages, such as a weather service. In that case all
    // sources stay in the input.
    let all_are_pages = pages.len() == input.list("sources").len();
    if all_are_pages {
        input.remove("sources");
    }
    let mut blocks = vec![blocks::server_tool(id.clone(), "web_search", input)];
    if all_are_pages && !pages.is_empty() {
        blocks.push(ContentBlock::WebSearchToolResult(WebSearchToolResultContent {
            tool_use_id: id,
            content: pages,
        }));
    }
    blocks
}

/// Converts a source that is a page. Returns `None` for any other source.
fn page(source: &Value) -> Option<WebSearchResult> {
    let source = source.as_object()?;
    Some(WebSearchResult {
        url: source.owned("url")?,
        title: source.owned("title").unwrap_or_default(),
        ..WebSearchResult::default()
    })
}

/// Converts executed code, its output and its images.
fn code(item: &Object) -> Vec<ContentBlock> {
    let mut blocks = vec![ContentBlock::Code(CodeContent {
        code: item.owned("code").unwrap_or_default(),
        id: item.owned("id"),
        container_id: item.owned("container_id"),
    })];
    let failed = item.text("status") == Some("failed");
    for output in item.list("outputs") {
        let text = |key: &str| output.str(key);
        blocks.push(match (text("type"), text("logs"), text("url")) {
            (Some("logs"), Some(logs), _) => ContentBlock::CodeExecutionResult(CodeExecutionResultContent {
                output: logs.to_owned(),
                outcome: failed.then(|| FAILED.to_owned()),
            }),
            (Some("image"), _, Some(url)) => ContentBlock::OutputMedia(OutputMediaContent {
                url: url.to_owned(),
                media_type: OutputMediaType::Image,
                ..OutputMediaContent::default()
            }),
            _ => blocks::readable(output),
        });
    }
    blocks
}

/// Converts a generated image. Returns `None` if the item contains no image.
fn image(item: &Object) -> Option<ContentBlock> {
    let data = item.text("result")?;
    let mime_type = format!("image/{}", item.text("output_format").unwrap_or("png"));
    let is_said = |key: &str, value: &Value| !COMMON.contains(&key) && key != "result" && !value.is_null();
    let said: Object = item
        .iter()
        .filter(|(key, value)| is_said(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Some(ContentBlock::OutputMedia(OutputMediaContent {
        id: item.owned("id"),
        url: format!("data:{mime_type};base64,{data}"),
        mime_type: Some(mime_type),
        media_type: OutputMediaType::Image,
        provider_metadata: (!said.is_empty()).then_some(said),
    }))
}

/// Converts a `local_shell_call`, the predecessor of `shell_call`.
fn local_shell(item: &Object) -> ContentBlock {
    ContentBlock::ShellCall(ShellCallContent {
        id: item.owned("id"),
        call_id: item.owned("call_id"),
        action: object(item, "action"),
        status: item.owned("status"),
    })
}
