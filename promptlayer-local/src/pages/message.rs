//! Converts messages for a page: by role, block by block.

use serde_json::Value;

use super::format;

/// A message, or the text of a completion.
pub(super) struct Message {
    pub(super) role: String,
    pub(super) name: Option<String>,
    pub(super) answers: Option<String>,
    pub(super) blocks: Vec<Block>,
}

/// A block of a message. Its fields depend on its kind.
pub(super) enum Block {
    Text(String),
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
/// `completion_role`.
pub(super) fn messages(prompt: &Value, completion_role: &str) -> Vec<Message> {
    match prompt.get("messages").and_then(Value::as_array) {
        Some(messages) => messages.iter().map(message).collect(),
        None => vec![Message {
            role: completion_role.to_owned(),
            name: None,
            answers: None,
            blocks: blocks(prompt),
        }],
    }
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

fn message(message: &Value) -> Message {
    let mut blocks = blocks(message);
    let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    blocks.extend(calls.map(|call| self::call(call.get("function").unwrap_or(call), text(call, "id"))));
    if let Some(function) = message.get("function_call").filter(|function| function.is_object()) {
        blocks.push(call(function, None));
    }
    Message {
        role: text(message, "role").unwrap_or_default(),
        name: text(message, "name"),
        answers: text(message, "tool_call_id"),
        blocks,
    }
}

fn blocks(holder: &Value) -> Vec<Block> {
    holder.get("content").and_then(Value::as_array).into_iter().flatten().map(block).collect()
}

fn block(block: &Value) -> Block {
    let kind = text(block, "type").unwrap_or_default();
    let known = match kind.as_str() {
        "text" => text(block, "text").map(Block::Text),
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
    // SVG is excluded, because it is a document and can contain more than an image.
    let inline = ["data:image/png", "data:image/jpeg", "data:image/gif", "data:image/webp"];
    if inline.iter().any(|prefix| url.starts_with(prefix)) {
        return Block::Picture(url.to_owned());
    }
    let place = match url.char_indices().nth(500) {
        Some((end, _)) => format!("{}…", url.get(..end).unwrap_or_default()),
        None => url.to_owned(),
    };
    Block::Media { kind: kind.to_owned(), place }
}

fn call(function: &Value, id: Option<String>) -> Block {
    Block::Call {
        name: text(function, "name").unwrap_or_default(),
        id,
        arguments: format::readable(&text(function, "arguments").unwrap_or_default()),
    }
}

fn text(object: &Value, field: &str) -> Option<String> {
    object.get(field)?.as_str().map(str::to_owned)
}
