//! The items of tools that the provider runs, or that a program runs at the model's word.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::super::json;
use super::super::shape::Object;
use super::parts;
use crate::blueprint::{
    CodeContent, CodeExecutionResultContent, ContentBlock, OutputMediaContent, OutputMediaType,
    ServerToolUseContent, ShellCallContent, WebSearchResult, WebSearchToolResultContent,
};

/// How the blueprint says that executed code failed; where it did not, nothing is said.
const FAILED: &str = "OUTCOME_FAILED";

/// What every item has, and is no part of what a tool was called with.
const COMMON: &[&str] = &["type", "id", "status"];

/// How deep an item's own fields go: to its action, its operation, its tools and its outputs. What is
/// deeper, a schema or an environment, is the user's.
const NESTED: usize = 1;

/// Reads an item into blocks; what the blueprint has no block for is kept whole, to be read.
pub(super) fn blocks(kind: &str, item: &Object) -> Vec<ContentBlock> {
    match kind {
        "web_search_call" => web_search(item),
        "code_interpreter_call" => code(item),
        "image_generation_call" => vec![image(item).unwrap_or_else(|| tool("image_generation", item))],
        "local_shell_call" => vec![local_shell(item)],
        // Those that stand in the blueprint as they do here.
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
            None => vec![parts::kept(&Value::Object(item.clone()))],
        },
    }
}

/// A text field of an item.
fn text(item: &Object, key: &str) -> Option<String> {
    json::string(item, key).map(str::to_owned)
}

/// An object in a field of an item.
fn object(item: &Object, key: &str) -> Map<String, Value> {
    item.get(key).and_then(Value::as_object).map(|object| said(object, 0)).unwrap_or_default()
}

/// A list in a field of an item.
fn list<'a>(item: &'a Object, key: &str) -> &'a [Value] {
    item.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// An item that is a block of the blueprint under the same names.
fn same(item: &Object) -> ContentBlock {
    match ContentBlock::deserialize(Value::Object(said(item, NESTED))) {
        Ok(ContentBlock::Other(item)) => parts::kept(&item),
        Ok(block) => block,
        Err(_) => parts::kept(&Value::Object(item.clone())),
    }
}

/// What an object says: what is `null` in it, or in the objects that it holds so deep, is absent. Types that
/// write all of their fields write `null` where the provider sent nothing.
fn said(object: &Object, depth: usize) -> Object {
    let said = object.iter().filter(|(_, value)| !value.is_null());
    said.map(|(key, value)| (key.clone(), said_in(value, depth))).collect()
}

/// The same, of any value.
fn said_in(value: &Value, depth: usize) -> Value {
    match (value, depth.checked_sub(1)) {
        (Value::Object(object), Some(depth)) => Value::Object(said(object, depth)),
        (Value::Array(list), Some(_)) => list.iter().map(|value| said_in(value, depth)).collect(),
        _ => value.clone(),
    }
}

/// The call of a tool that has no block of its own.
fn tool(name: &str, item: &Object) -> ContentBlock {
    let is_input = |key: &str, value: &Value| !COMMON.contains(&key) && !value.is_null();
    let input = item.iter().filter(|(key, value)| is_input(key, value));
    ContentBlock::ServerToolUse(ServerToolUseContent {
        id: text(item, "id").unwrap_or_default(),
        name: name.to_owned(),
        input: input.map(|(key, value)| (key.clone(), value.clone())).collect(),
    })
}

/// A search, and the pages that it found where the request asked for them.
fn web_search(item: &Object) -> Vec<ContentBlock> {
    let id = text(item, "id").unwrap_or_default();
    let mut input = object(item, "action");
    let pages: Vec<WebSearchResult> = list(&input, "sources").iter().filter_map(page).collect();
    // A source that is no page (a weather service, say) has no form: then all stay where they are.
    let all_are_pages = pages.len() == list(&input, "sources").len();
    if all_are_pages {
        input.remove("sources");
    }
    let name = "web_search".to_owned();
    let mut blocks = vec![ContentBlock::ServerToolUse(ServerToolUseContent { id: id.clone(), name, input })];
    if all_are_pages && !pages.is_empty() {
        blocks.push(ContentBlock::WebSearchToolResult(WebSearchToolResultContent {
            tool_use_id: id,
            content: pages,
        }));
    }
    blocks
}

/// A page that was found; `None` of a source that is none.
fn page(source: &Value) -> Option<WebSearchResult> {
    let source = source.as_object()?;
    Some(WebSearchResult {
        url: text(source, "url")?,
        title: text(source, "title").unwrap_or_default(),
        ..WebSearchResult::default()
    })
}

/// Code, and what it printed and drew.
fn code(item: &Object) -> Vec<ContentBlock> {
    let mut blocks = vec![ContentBlock::Code(CodeContent {
        code: text(item, "code").unwrap_or_default(),
        id: text(item, "id"),
        container_id: text(item, "container_id"),
    })];
    let failed = json::string(item, "status") == Some("failed");
    for output in list(item, "outputs") {
        let said = |key: &str| output.get(key).and_then(Value::as_str);
        blocks.push(match (said("type"), said("logs"), said("url")) {
            (Some("logs"), Some(logs), _) => ContentBlock::CodeExecutionResult(CodeExecutionResultContent {
                output: logs.to_owned(),
                outcome: failed.then(|| FAILED.to_owned()),
            }),
            (Some("image"), _, Some(url)) => ContentBlock::OutputMedia(OutputMediaContent {
                url: url.to_owned(),
                media_type: OutputMediaType::Image,
                ..OutputMediaContent::default()
            }),
            _ => parts::kept(output),
        });
    }
    blocks
}

/// An image that was made; `None` of one that was not.
fn image(item: &Object) -> Option<ContentBlock> {
    let data = json::string(item, "result")?;
    let mime_type = format!("image/{}", json::string(item, "output_format").unwrap_or("png"));
    let is_said = |key: &str, value: &Value| !COMMON.contains(&key) && key != "result" && !value.is_null();
    let said: Object = item
        .iter()
        .filter(|(key, value)| is_said(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Some(ContentBlock::OutputMedia(OutputMediaContent {
        id: text(item, "id"),
        url: format!("data:{mime_type};base64,{data}"),
        mime_type: Some(mime_type),
        media_type: OutputMediaType::Image,
        provider_metadata: (!said.is_empty()).then_some(said),
    }))
}

/// A command in the form that came before `shell_call`.
fn local_shell(item: &Object) -> ContentBlock {
    ContentBlock::ShellCall(ShellCallContent {
        id: text(item, "id"),
        call_id: text(item, "call_id"),
        action: object(item, "action"),
        status: text(item, "status"),
    })
}
