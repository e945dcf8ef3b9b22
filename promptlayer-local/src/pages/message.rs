//! Converts messages for a page: by role, block by block.

use std::collections::HashMap;

use serde_json::Value;

use super::{format, markdown};

/// A message, or the text of a completion.
pub(super) struct Message {
    pub(super) role: String,
    pub(super) name: Option<String>,
    pub(super) answers: Option<String>,
    pub(super) blocks: Vec<Block>,
}

/// How texts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextStyle {
    /// As Markdown.
    Rendered,
    /// As they were logged.
    Raw,
}

/// A block of a message. Its fields depend on its kind.
pub(super) enum Block {
    Text(String),
    /// A text as HTML, which `markdown` has made safe.
    Rendered(String),
    Thinking(String),
    Code(String),
    /// An image that is embedded in the message.
    Picture(String),
    /// An image or other media at another location. It is not fetched.
    Media {
        kind: String,
        place: String,
    },
    Call {
        name: String,
        id: Option<String>,
        arguments: String,
        /// The result, if the conversation contains it.
        result: Option<String>,
    },
    /// Any other kind, as the JSON that was sent.
    Other {
        kind: String,
        json: String,
    },
}

/// A tool that was offered to the model.
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) json: String,
}

/// Returns the messages of a prompt. The text of a completion becomes a message with the role
/// `completion_role`. The result of a tool is shown with the call that it answers.
pub(super) fn messages(prompt: &Value, completion_role: &str, style: TextStyle) -> Vec<Message> {
    let Some(list) = prompt.get("messages").and_then(Value::as_array) else {
        return vec![Message {
            role: completion_role.to_owned(),
            name: None,
            answers: None,
            blocks: blocks(prompt, style),
        }];
    };
    let mut results: HashMap<&str, String> = HashMap::new();
    for message in list {
        if let (Some(id), Some(result)) = (answered(message), result(message)) {
            results.insert(id, result);
        }
    }
    let calls: Vec<&str> = list.iter().flat_map(call_ids).collect();
    list.iter()
        .filter(|message| {
            !answered(message).is_some_and(|id| calls.contains(&id) && results.contains_key(id))
        })
        .map(|message| self::message(message, style, &results))
        .collect()
}

/// Returns the id of the call that a message answers, if it is the result of a tool.
fn answered(message: &Value) -> Option<&str> {
    message.get("tool_call_id")?.as_str().filter(|id| !id.is_empty())
}

/// Returns the result of a tool if it is only text.
fn result(message: &Value) -> Option<String> {
    let blocks = message.get("content")?.as_array()?;
    let texts: Option<Vec<&str>> = blocks.iter().map(|block| block.get("text")?.as_str()).collect();
    Some(format::readable(&texts?.join("\n")))
}

fn call_ids(message: &Value) -> impl Iterator<Item = &str> {
    let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    calls.filter_map(|call| call.get("id")?.as_str())
}

/// Returns the tools and functions that a prompt offers.
pub(super) fn tools(prompt: &Value) -> Vec<Tool> {
    let listed =
        ["tools", "functions"].into_iter().filter_map(|field| prompt.get(field)?.as_array()).flatten();
    listed
        .map(|tool| Tool {
            name: tool
                .pointer("/function/name")
                .or_else(|| tool.get("name"))
                .and_then(Value::as_str)
                .unwrap_or("(no name)")
                .to_owned(),
            json: format::json(tool),
        })
        .collect()
}

fn message(message: &Value, style: TextStyle, results: &HashMap<&str, String>) -> Message {
    let mut blocks = blocks(message, style);
    let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    blocks.extend(calls.map(|call| {
        let id = text(call, "id");
        let result = id.as_deref().and_then(|id| results.get(id)).cloned();
        self::call(call.get("function").unwrap_or(call), id, result)
    }));
    if let Some(function) = message.get("function_call").filter(|function| function.is_object()) {
        blocks.push(call(function, None, None));
    }
    Message {
        role: text(message, "role").unwrap_or_default(),
        name: text(message, "name"),
        answers: text(message, "tool_call_id"),
        blocks,
    }
}

fn blocks(holder: &Value, style: TextStyle) -> Vec<Block> {
    let blocks = holder.get("content").and_then(Value::as_array).into_iter().flatten();
    blocks.map(|block| self::block(block, style)).collect()
}

fn block(block: &Value, style: TextStyle) -> Block {
    let kind = text(block, "type").unwrap_or_default();
    let known = match kind.as_str() {
        "text" => text(block, "text").map(|text| match style {
            TextStyle::Rendered => markdown::render(&text).map_or(Block::Text(text), Block::Rendered),
            TextStyle::Raw => Block::Text(text),
        }),
        "thinking" => text(block, "thinking").map(Block::Thinking),
        "code" => text(block, "code").map(Block::Code),
        "image_url" => block.pointer("/image_url/url").and_then(Value::as_str).map(|url| media("image", url)),
        "media" => block.pointer("/media/url").and_then(Value::as_str).map(|url| {
            let kind = block.pointer("/media/type").and_then(Value::as_str).unwrap_or("media");
            media(kind, url)
        }),
        "output_media" => text(block, "url").map(|url| media("output", &url)),
        _ => None,
    };
    known.unwrap_or_else(|| Block::Other { kind, json: format::json(block) })
}

fn media(kind: &str, url: &str) -> Block {
    if is_picture(url) {
        return Block::Picture(url.to_owned());
    }
    let place = match url.char_indices().nth(500) {
        Some((end, _)) => format!("{}…", url.get(..end).unwrap_or_default()),
        None => url.to_owned(),
    };
    Block::Media { kind: kind.to_owned(), place }
}

/// Returns `true` if the address is an image in base64. SVG is excluded, because it is a document and can contain more than
/// an image.
fn is_picture(url: &str) -> bool {
    let kinds = ["png", "jpeg", "gif", "webp"];
    let data = url.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
    data.is_some_and(|(kind, data)| {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        kinds.contains(&kind) && data.bytes().all(is_base64)
    })
}

fn call(function: &Value, id: Option<String>, result: Option<String>) -> Block {
    Block::Call {
        name: text(function, "name").unwrap_or_default(),
        id,
        arguments: format::readable(&text(function, "arguments").unwrap_or_default()),
        result,
    }
}

fn text(object: &Value, field: &str) -> Option<String> {
    object.get(field)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Block, TextStyle, messages};

    #[test]
    fn result_of_a_tool_is_shown_with_its_call() {
        let text = |text: &str| json!([{ "type": "text", "text": text }]);
        let call = |id: &str| json!({ "id": id, "function": { "name": "weather", "arguments": "{}" } });
        let prompt = json!({ "messages": [
            { "role": "assistant", "content": [], "tool_calls": [call("1"), call("2")] },
            { "role": "tool", "tool_call_id": "1", "content": text("7 °C") },
            { "role": "tool", "tool_call_id": "unknown", "content": text("kept") },
            { "role": "tool", "tool_call_id": "2", "content": [{ "type": "image_url", "image_url": { "url": "x" } }] },
        ] });
        let shown = messages(&prompt, "", TextStyle::Raw);
        let answers: Vec<Option<&str>> = shown.iter().map(|message| message.answers.as_deref()).collect();
        assert_eq!(
            answers,
            [None, Some("unknown"), Some("2")],
            "what has no call, or is not text, stays a message"
        );
        let results: Vec<Option<&str>> = shown[0]
            .blocks
            .iter()
            .map(|block| match block {
                Block::Call { result, .. } => result.as_deref(),
                _ => None,
            })
            .collect();
        assert_eq!(results, [Some("7 °C"), None]);
    }
}
