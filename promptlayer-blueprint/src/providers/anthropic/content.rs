//! Reads the content blocks of a message.

use serde_json::Value;

use crate::blueprint::{
    Annotation, CodeExecutionResultContent, ContentBlock, FileAnnotation, McpCallContent, MediaFormat,
    TextContent, ToolCall, ToolResultContent, WebAnnotation, WebSearchResult, WebSearchToolResultContent,
};
use crate::providers::blocks::{self, file, image_from_base64, joined_text};
use crate::providers::json::{self, Fields, Object};
use crate::providers::turn::{PLAIN_TEXT, Part, arguments, end_index, read_result, read_thought, whole};

/// The MIME type of documents, where the API accepts no other.
pub(super) const PDF: &str = "application/pdf";

/// Reads a block. A block that the blueprint has no type for becomes text.
pub(super) fn read(block: &Value, is_model: bool) -> Part {
    let is_error = block.get("is_error") == Some(&Value::Bool(true));
    let content = match block.text("type").unwrap_or_default() {
        "text" => read_text(block),
        "thinking" => read_thought(block.str("thinking"), block.owned("signature")),
        "redacted_thinking" => read_thought(None, block.owned("data")),
        "image" | "document" => read_media(block),
        "container_upload" => block.text("file_id").map(|id| vec![uploaded(None, id)]),
        "tool_use" if is_model => {
            let arguments = arguments(block.get("input"));
            return Part::Call(ToolCall::new(block.string("id"), block.string("name"), arguments));
        }
        "tool_result" => {
            return read_result(block.string("tool_use_id"), block.get("content"), is_error, read);
        }
        "mcp_tool_use" => Some(vec![ContentBlock::McpCall(McpCallContent {
            id: block.owned("id"),
            name: block.string("name"),
            server_label: block.string("server_name"),
            arguments: arguments(block.get("input")),
            ..McpCallContent::default()
        })]),
        "mcp_tool_result" => {
            let text =
                block.field("content").map(|text| joined_text(text).unwrap_or_else(|| json::readable(text)));
            let (error, output) = if is_error { (text.map(Value::String), None) } else { (None, text) };
            let id = Some(block.string("tool_use_id"));
            return Part::McpResult(McpCallContent { id, output, error, ..McpCallContent::default() });
        }
        "web_search_tool_result" | "web_fetch_tool_result" => read_pages(block),
        "server_tool_use" => {
            let (id, name) = (block.string("id"), block.string("name"));
            let input = block.field("input").map_or(Some(Object::new()), |input| input.as_object().cloned());
            input.map(|input| vec![blocks::server_tool(id, name, input)])
        }
        "bash_code_execution_tool_result" => {
            read_result_object(block, ContentBlock::BashCodeExecutionToolResult)
        }
        "text_editor_code_execution_tool_result" => {
            read_result_object(block, ContentBlock::TextEditorCodeExecutionToolResult)
        }
        kind if kind.ends_with("_tool_result") => read_output(block),
        _ => None,
    };
    Part::Content(content.unwrap_or_else(|| vec![whole(block)]))
}

/// Reads the result of a tool in the provider's sandbox.
fn read_result_object(
    block: &Value,
    new: fn(ToolResultContent) -> ContentBlock,
) -> Option<Vec<ContentBlock>> {
    let content = block.object("content")?.clone();
    Some(vec![new(ToolResultContent { tool_use_id: block.string("tool_use_id"), content })])
}

/// Reads a text with its citations. An empty text is no content.
fn read_text(block: &Value) -> Option<Vec<ContentBlock>> {
    let text = block.str("text")?.to_owned();
    let end = block.objects("citations").next().map_or(0, |_| end_index(&text));
    let annotations: Vec<Annotation> =
        block.objects("citations").map(|citation| read_citation(citation, end)).collect();
    let is_empty = text.is_empty() && annotations.is_empty();
    let block = ContentBlock::Text(TextContent { text, annotations, ..TextContent::default() });
    Some(if is_empty { Vec::new() } else { vec![block] })
}

/// Reads a citation. A citation with a `url` or a `source` is a web page or a search result of the application;
/// any other citation refers to a document.
fn read_citation(citation: &Object, end_index: i64) -> Annotation {
    match citation.owned("url").or_else(|| citation.owned("source")) {
        Some(url) => Annotation::Web(WebAnnotation {
            title: citation.string("title"),
            url,
            end_index,
            cited_text: citation.owned("cited_text"),
            encrypted_index: citation.owned("encrypted_index"),
            ..WebAnnotation::default()
        }),
        None => Annotation::File(FileAnnotation {
            index: citation.get("document_index").and_then(Value::as_i64).unwrap_or_default(),
            file_id: citation.string("file_id"),
            filename: citation.string("document_title"),
        }),
    }
}

/// Reads an image or a document. The context of a document is an instruction for the model.
fn read_media(block: &Value) -> Option<Vec<ContentBlock>> {
    let source = block.get("source")?;
    let field = |key: &str| source.str(key);
    let mime_type = |default| field("media_type").unwrap_or(default);
    let is_image = block.is("type", "image");
    let title = block.str("title").filter(|_| !is_image);
    let media = match field("type")? {
        "base64" if is_image => image_from_base64(mime_type("image/jpeg"), field("data")?),
        "url" if is_image => ContentBlock::from_image_url(field("url")?),
        "file" => uploaded(title, field("file_id")?),
        _ if is_image => return None,
        "base64" => file(title, mime_type(PDF), field("data")?, MediaFormat::Base64),
        "url" => file(title, PDF, field("url")?, MediaFormat::Url),
        // The text is kept readable, not encoded in base64.
        "text" => file(title, mime_type(PLAIN_TEXT), field("data")?, MediaFormat::Neither),
        "content" => file(title, PLAIN_TEXT, joined_text(source.get("content")?)?, MediaFormat::Neither),
        _ => return None,
    };
    let context = block.text("context").filter(|_| !is_image).map(ContentBlock::from_text);
    Some([Some(media), context].into_iter().flatten().collect())
}

/// Creates a file block for an uploaded file, by the provider's file id.
fn uploaded(title: Option<&str>, id: &str) -> ContentBlock {
    file(title, blocks::UNKNOWN, id, MediaFormat::Neither)
}

/// Reads the pages that a search found, or the page that was fetched, with its content. If the tool failed, the
/// error code stands in the place of a title.
fn read_pages(block: &Value) -> Option<Vec<ContentBlock>> {
    let result = block.field("content")?;
    let mut document = Vec::new();
    let content = if let Some(pages) = result.as_array() {
        pages.iter().map(read_page).collect::<Option<_>>()?
    } else if let Some(content) = result.field("content") {
        document = read_media(content)?;
        let (url, title) = (result.owned("url")?, content.string("title"));
        vec![WebSearchResult { url, title, ..WebSearchResult::default() }]
    } else {
        vec![WebSearchResult { title: result.owned("error_code")?, ..WebSearchResult::default() }]
    };
    let found = WebSearchToolResultContent { tool_use_id: block.string("tool_use_id"), content };
    Some(std::iter::once(ContentBlock::WebSearchToolResult(found)).chain(document).collect())
}

fn read_page(page: &Value) -> Option<WebSearchResult> {
    page.is("type", "web_search_result").then(|| WebSearchResult {
        url: page.string("url"),
        title: page.string("title"),
        encrypted_content: page.string("encrypted_content"),
        page_age: page.owned("page_age"),
    })
}

/// Reads the output of a tool that the provider ran: what code printed, an error code, a text, or another result
/// as JSON. The files that code created follow.
fn read_output(block: &Value) -> Option<Vec<ContentBlock>> {
    let result = block.field("content")?;
    let printed: Vec<&str> = ["stdout", "stderr"].iter().filter_map(|stream| result.text(stream)).collect();
    let (output, is_ok) =
        match (result.owned("error_code"), result.get("return_code").and_then(Value::as_i64)) {
            (Some(error), _) => (error, false),
            (None, Some(code)) => (printed.join("\n"), code == 0),
            (None, None) => (result.owned("text").unwrap_or_else(|| json::readable(result)), true),
        };
    // The blueprint uses Gemini's names for outcomes.
    let outcome = Some(if is_ok { "OUTCOME_OK" } else { "OUTCOME_FAILED" }.to_owned());
    let files = result.objects("content").filter_map(|file| file.text("file_id"));
    let output = ContentBlock::CodeExecutionResult(CodeExecutionResultContent { output, outcome });
    Some(std::iter::once(output).chain(files.map(|id| uploaded(None, id))).collect())
}
