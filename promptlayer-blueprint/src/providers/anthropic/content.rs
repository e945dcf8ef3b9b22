//! The content blocks of a message.

use serde_json::Value;

use super::media;
use super::turn::{Turn, arguments, failed, whole};
use crate::blueprint::{
    Annotation, CodeExecutionResultContent, ContentBlock, FileAnnotation, McpCallContent,
    ServerToolUseContent, TextContent, ThinkingContent, ToolCall, ToolResultContent, WebAnnotation,
    WebSearchResult, WebSearchToolResultContent,
};
use crate::providers::json;
use crate::providers::shape::Object;

/// Reads the content of a message: a text, or a list of blocks.
pub(super) fn read(turn: &mut Turn<'_>, content: Option<&Value>) {
    match content {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => turn.say_text(text),
        Some(Value::Array(blocks)) => blocks.iter().for_each(|block| read_block(turn, block)),
        Some(other) => turn.say_whole(other),
    }
}

/// Reads content that cannot contain tool calls: the system prompt, or the result of a tool.
pub(super) fn blocks(content: Option<&Value>) -> Vec<ContentBlock> {
    let items = match content {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::String(text)) if text.is_empty() => return Vec::new(),
        Some(Value::Array(items)) => items.as_slice(),
        Some(other) => return vec![ContentBlock::from_text(json::readable(other))],
    };
    items.iter().flat_map(plain).collect()
}

fn read_block(turn: &mut Turn<'_>, value: &Value) {
    let Some(block) = value.as_object() else {
        return match value.as_str() {
            Some(text) => turn.say_text(text),
            None => turn.say_whole(value),
        };
    };
    let id = json::string(block, "tool_use_id").unwrap_or_default();
    match json::string(block, "type").unwrap_or_default() {
        "tool_use" if turn.is_of_model() => turn.call(tool_call(block)),
        "tool_result" => turn.result(id, tool_result(block)),
        "mcp_tool_use" => turn.call_mcp(mcp_call(block)),
        "mcp_tool_result" => match turn.mcp_call(id) {
            Some(call) => add_mcp_result(call, block),
            None => {
                let mut lone = McpCallContent { id: Some(id.to_owned()), ..McpCallContent::default() };
                add_mcp_result(&mut lone, block);
                turn.say(ContentBlock::McpCall(lone));
            }
        },
        _ => plain(value).into_iter().for_each(|block| turn.say(block)),
    }
}

/// Reads a block whose meaning does not depend on its position. Empty text and thinking blocks are omitted.
fn plain(value: &Value) -> Vec<ContentBlock> {
    let Some(block) = value.as_object() else {
        return vec![ContentBlock::from_text(json::readable(value))];
    };
    let read = match json::string(block, "type").unwrap_or_default() {
        "text" => match text(block) {
            Some(text) if text.text.is_empty() && text.annotations.is_empty() => return Vec::new(),
            text => text.map(ContentBlock::Text),
        },
        "thinking" => match thinking(block, "thinking", "signature") {
            Some(ContentBlock::Thinking(thought)) if thought == ThinkingContent::default() => {
                return Vec::new();
            }
            thought => thought,
        },
        // The data that only the provider can read is stored as the signature.
        "redacted_thinking" => thinking(block, "", "data"),
        "image" => Some(media::image(value)),
        "document" => return document(block, value),
        "container_upload" => json::string(block, "file_id").map(|id| media::uploaded(id, None)),
        "server_tool_use" => server_tool_use(block),
        "web_search_tool_result" => web_search_result(block),
        "code_execution_tool_result" => code_execution_result(block),
        "bash_code_execution_tool_result" => {
            sandbox_result(block).map(ContentBlock::BashCodeExecutionToolResult)
        }
        "text_editor_code_execution_tool_result" => {
            sandbox_result(block).map(ContentBlock::TextEditorCodeExecutionToolResult)
        }
        _ => None,
    };
    vec![read.unwrap_or_else(|| whole(value))]
}

fn owned(block: &Object, key: &str) -> String {
    json::string(block, key).unwrap_or_default().to_owned()
}

/// Reads a text with its citations.
fn text(block: &Object) -> Option<TextContent> {
    let text = block.get("text")?.as_str()?;
    let citations = block.get("citations").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Some(TextContent {
        text: text.to_owned(),
        annotations: annotations(text, citations.iter().filter_map(Value::as_object)),
        ..TextContent::default()
    })
}

/// Reads citations. Each one refers to the whole text of its block.
fn annotations<'a>(text: &str, citations: impl Iterator<Item = &'a Object>) -> Vec<Annotation> {
    let mut citations = citations.peekable();
    if citations.peek().is_none() {
        return Vec::new();
    }
    let end_index = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    citations.map(|citation| annotation(citation, end_index)).collect()
}

/// Reads a citation. A citation with a `url` or a `source` is a web page or a search result of the
/// application; any other citation refers to a document.
fn annotation(citation: &Object, end_index: i64) -> Annotation {
    let page = json::string(citation, "url").or_else(|| json::string(citation, "source"));
    match page {
        Some(url) => Annotation::Web(WebAnnotation {
            title: owned(citation, "title"),
            url: url.to_owned(),
            start_index: 0,
            end_index,
            cited_text: json::string(citation, "cited_text").map(str::to_owned),
            encrypted_index: json::string(citation, "encrypted_index").map(str::to_owned),
        }),
        None => Annotation::File(FileAnnotation {
            index: citation.get("document_index").and_then(Value::as_i64).unwrap_or_default(),
            file_id: owned(citation, "file_id"),
            filename: owned(citation, "document_title"),
        }),
    }
}

fn thinking(block: &Object, thought: &str, signature: &str) -> Option<ContentBlock> {
    let text = |key: &str| block.get(key).and_then(Value::as_str);
    let signature = text(signature).filter(|signature| !signature.is_empty());
    let thought = text(thought);
    if thought.is_none() && signature.is_none() {
        return None;
    }
    Some(ContentBlock::Thinking(ThinkingContent {
        thinking: thought.unwrap_or_default().to_owned(),
        signature: signature.map(str::to_owned),
        id: None,
    }))
}

/// Reads a document and its context, which is an instruction for the model.
fn document(block: &Object, value: &Value) -> Vec<ContentBlock> {
    let read = media::document(value);
    // If the block is kept whole, it already contains the context.
    let context = json::string(block, "context").filter(|_| matches!(read, ContentBlock::Media(_)));
    [Some(read), context.map(ContentBlock::from_text)].into_iter().flatten().collect()
}

fn tool_call(block: &Object) -> ToolCall {
    ToolCall::new(owned(block, "id"), owned(block, "name"), arguments(block.get("input")))
}

fn tool_result(block: &Object) -> Vec<ContentBlock> {
    let mut content = blocks(block.get("content"));
    if block.get("is_error") == Some(&Value::Bool(true)) {
        content.push(failed());
    }
    content
}

fn server_tool_use(block: &Object) -> Option<ContentBlock> {
    let input = match block.get("input") {
        None | Some(Value::Null) => Object::new(),
        Some(input) => input.as_object()?.clone(),
    };
    let (id, name) = (owned(block, "id"), owned(block, "name"));
    Some(ContentBlock::ServerToolUse(ServerToolUseContent { id, name, input }))
}

/// Reads the pages of a web search. Returns `None` if the search failed.
fn web_search_result(block: &Object) -> Option<ContentBlock> {
    let pages: Option<Vec<WebSearchResult>> =
        block.get("content")?.as_array()?.iter().map(|page| web_page(page.as_object()?)).collect();
    let tool_use_id = owned(block, "tool_use_id");
    Some(ContentBlock::WebSearchToolResult(WebSearchToolResultContent { tool_use_id, content: pages? }))
}

fn web_page(page: &Object) -> Option<WebSearchResult> {
    (json::string(page, "type")? == "web_search_result").then(|| WebSearchResult {
        url: owned(page, "url"),
        title: owned(page, "title"),
        encrypted_content: owned(page, "encrypted_content"),
        page_age: json::string(page, "page_age").map(str::to_owned),
    })
}

/// Reads the output of executed code. Returns `None` if the result also has files, or if the code could not
/// run.
fn code_execution_result(block: &Object) -> Option<ContentBlock> {
    let result = block.get("content")?.as_object()?;
    let files = result.get("content").and_then(Value::as_array);
    if json::string(result, "type")? != "code_execution_result"
        || files.is_some_and(|files| !files.is_empty())
    {
        return None;
    }
    let printed: Vec<&str> =
        ["stdout", "stderr"].into_iter().filter_map(|stream| json::string(result, stream)).collect();
    let code = result.get("return_code")?.as_i64()?;
    Some(ContentBlock::CodeExecutionResult(CodeExecutionResultContent {
        output: printed.join("\n"),
        // The blueprint uses Gemini's names for outcomes.
        outcome: Some(if code == 0 { "OUTCOME_OK" } else { "OUTCOME_FAILED" }.to_owned()),
    }))
}

fn sandbox_result(block: &Object) -> Option<ToolResultContent> {
    let content = block.get("content")?.as_object()?.clone();
    Some(ToolResultContent { tool_use_id: owned(block, "tool_use_id"), content })
}

fn mcp_call(block: &Object) -> McpCallContent {
    McpCallContent {
        id: json::string(block, "id").map(str::to_owned),
        name: owned(block, "name"),
        server_label: owned(block, "server_name"),
        arguments: arguments(block.get("input")),
        ..McpCallContent::default()
    }
}

/// Adds the result of an MCP tool to its call.
fn add_mcp_result(call: &mut McpCallContent, block: &Object) {
    let returned = match block.get("content") {
        None | Some(Value::Null) => return,
        Some(content) => media::text_of(content).unwrap_or_else(|| json::readable(content)),
    };
    if block.get("is_error") == Some(&Value::Bool(true)) {
        call.error = Some(Value::String(returned));
    } else {
        call.output = Some(returned);
    }
}
