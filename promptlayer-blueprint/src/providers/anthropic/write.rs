//! Writes requests.

use serde_json::{Value, json};

use super::content::{self, PDF};
use super::to_turns::{Format, NO_EMPTY_TEXT, present};
use crate::blueprint::{
    Annotation, CodeExecutionResultContent, ContentBlock, McpCallContent, Media, MediaFormat, TextContent,
    WebSearchToolResultContent,
};
use crate::providers::blocks;
use crate::providers::draft::{Draft, NO_OBJECT, NO_SUCH_BLOCK, Omissions, Reason};
use crate::providers::json::{self, Fields, Object};
use crate::providers::turn::PLAIN_TEXT;

/// Tools that Anthropic runs and whose results it takes back.
const SERVER_TOOLS: &[&str] =
    &["web_search", "code_execution", "bash_code_execution", "text_editor_code_execution"];

/// The versions of this API that other providers require in the request.
const VERSIONS: &[(&str, &str)] =
    &[("amazon.bedrock", "bedrock-2023-05-31"), ("vertexai", "vertex-2023-10-16")];

static FORMAT: Format = Format {
    read: content::read,
    block: |block, role, before| match write_block(block, role, before) {
        // The result of an MCP call is a block of its own.
        Ok(Value::Array(blocks)) => Ok(blocks),
        written => written.map(|block| vec![block]),
    },
    call: |id, name, input| json!({"type": "tool_use", "id": id, "name": name, "input": input}),
    result: |id, content, is_failed| {
        present(json!({"type": "tool_result", "tool_use_id": id, "content": content, "is_error": is_failed}))
    },
    function: |function, schema| {
        present(json!({"name": function.name, "description": function.description, "strict": function.strict,
            "input_schema": schema}))
    },
    built_in: |tool| (tool.provider == "anthropic").then(|| tool.config.clone().into()),
    choice_field: "tool_choice",
    choice: |mode, name| match mode {
        "auto" | "none" => Some(json!({ "type": mode })),
        "required" | "any" => Some(json!({"type": "any"})),
        "function" => Some(json!({"type": "tool", "name": name})),
        _ => None,
    },
    untitled: None,
};

pub(super) fn write(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let mut body = FORMAT.write(draft, omissions);
    FORMAT.add_tools(&mut body, draft, omissions);
    body.insert("model".to_owned(), draft.model.into());
    if let Some((_, version)) = VERSIONS.iter().find(|(provider, _)| *provider == draft.provider) {
        body.entry("anthropic_version").or_insert((*version).into());
    }
    body
}

/// Writes a block. Only the model thinks and calls the provider's tools, and only others send files.
fn write_block(block: &ContentBlock, role: &str, before: &[Value]) -> Result<Value, Reason> {
    let takes_files = matches!(role, "user" | "tool");
    match block {
        ContentBlock::Text(text) => write_text(text),
        ContentBlock::ImageUrl(image) if takes_files => write_image(&image.image_url.url),
        ContentBlock::Media(file) if takes_files => write_document(&file.media),
        _ if role != "assistant" => Err(NO_SUCH_BLOCK),
        ContentBlock::Thinking(thought) => {
            // A thought whose text the API left out has a signature too.
            let signature =
                thought.signature.as_deref().ok_or("the API takes no thoughts without a signature")?;
            Ok(json!({"type": "thinking", "thinking": thought.thinking, "signature": signature}))
        }
        ContentBlock::ServerToolUse(call) if SERVER_TOOLS.contains(&&*call.name) => {
            Ok(json!({"type": "server_tool_use", "id": call.id, "name": call.name, "input": call.input}))
        }
        ContentBlock::WebSearchToolResult(found) => write_pages(found),
        ContentBlock::CodeExecutionResult(result) => write_code_result(result, before.last()),
        ContentBlock::McpCall(call) => write_mcp_call(call),
        // These blocks have the same form in the blueprint.
        ContentBlock::BashCodeExecutionToolResult(_) | ContentBlock::TextEditorCodeExecutionToolResult(_) => {
            serde_json::to_value(block).map_err(|_| NO_SUCH_BLOCK)
        }
        _ => Err(NO_SUCH_BLOCK),
    }
}

/// Writes a text. The API takes back only the citations of its own web search.
fn write_text(text: &TextContent) -> Result<Value, Reason> {
    if text.text.is_empty() {
        return Err(NO_EMPTY_TEXT);
    }
    let citations = text.annotations.iter().filter_map(|annotation| match annotation {
        Annotation::Web(page) => Some(json!({
            "type": "web_search_result_location", "url": page.url, "title": page.title,
            "cited_text": page.cited_text.as_ref()?, "encrypted_index": page.encrypted_index.as_ref()?,
        })),
        _ => None,
    });
    let citations = Some(citations.collect::<Vec<Value>>()).filter(|citations| !citations.is_empty());
    Ok(present(json!({"type": "text", "text": text.text, "citations": citations})))
}

fn write_image(url: &str) -> Result<Value, Reason> {
    let source = match blocks::data_url(url) {
        Some((mime_type, data)) => json!({"type": "base64", "media_type": mime_type, "data": data}),
        None if url.starts_with("http") => json!({"type": "url", "url": url}),
        None => return Err("the API takes images as base64 or from the web"),
    };
    Ok(json!({"type": "image", "source": source}))
}

fn write_document(file: &Media) -> Result<Value, Reason> {
    let url = file.url.as_deref().unwrap_or_default();
    let source = match (file.format, file.mime_type.as_deref().unwrap_or_default()) {
        (MediaFormat::Base64, PDF) => json!({"type": "base64", "media_type": PDF, "data": url}),
        (MediaFormat::Url, PDF) => json!({"type": "url", "url": url}),
        (MediaFormat::Neither, blocks::UNKNOWN) => json!({"type": "file", "file_id": url}),
        (MediaFormat::Neither, mime_type) if mime_type.starts_with("text/") => {
            json!({"type": "text", "media_type": PLAIN_TEXT, "data": url})
        }
        _ => return Err("the API takes documents as PDF or as plain text"),
    };
    Ok(present(json!({"type": "document", "source": source, "title": file.title})))
}

/// Writes the pages that a search found, or its error in the place of a title.
fn write_pages(found: &WebSearchToolResultContent) -> Result<Value, Reason> {
    let content = match found.content.as_slice() {
        [failed] if failed.url.is_empty() => {
            json!({"type": "web_search_tool_result_error", "error_code": failed.title})
        }
        pages if pages.iter().any(|page| page.encrypted_content.is_empty()) => {
            return Err("the API takes no pages without their encrypted content");
        }
        pages => json!(pages),
    };
    Ok(json!({"type": "web_search_tool_result", "tool_use_id": found.tool_use_id, "content": content}))
}

/// Writes the output of code. It has no id, so it must follow the call that it is the result of.
fn write_code_result(result: &CodeExecutionResultContent, before: Option<&Value>) -> Result<Value, Reason> {
    let call = before.filter(|call| call.is("type", "server_tool_use") && call.is("name", "code_execution"));
    let id = call.and_then(|call| call.text("id")).ok_or("the call of this result is missing")?;
    let is_ok = result.outcome.as_deref().is_none_or(|outcome| outcome == "OUTCOME_OK");
    Ok(json!({"type": "code_execution_tool_result", "tool_use_id": id, "content": {
        "type": "code_execution_result", "stdout": result.output, "stderr": "",
        "return_code": i32::from(!is_ok), "content": [],
    }}))
}

/// Writes a call of an MCP tool, and its result.
fn write_mcp_call(call: &McpCallContent) -> Result<Value, Reason> {
    let id = call.id.as_deref().ok_or("the API takes no calls without an id")?;
    let input = json::arguments(&call.arguments).ok_or(NO_OBJECT)?;
    let request = json!({"type": "mcp_tool_use", "id": id, "name": call.name,
        "server_name": call.server_label, "input": input});
    let error = call.error.as_ref().and_then(Value::as_str);
    let result = error.or(call.output.as_deref()).map(|text| {
        json!({"type": "mcp_tool_result", "tool_use_id": id, "is_error": error.is_some(),
            "content": [{"type": "text", "text": text}]})
    });
    Ok(Some(request).into_iter().chain(result).collect())
}
