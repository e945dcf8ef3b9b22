//! Requests of `chat` for a prompt.

use serde_json::{Value, json};

use super::request;
use crate::blueprint::{ContentBlock, Function, Tool};
use crate::providers::draft::{Call, Draft, Omissions, Role, Turn, Turns};
use crate::providers::json::Object;

/// Writes a request.
pub(super) fn write(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let (mut body, chat) = (draft.body(), draft.chat());
    let (mut turns, mut messages) = (Turns::new(&chat), Vec::new());
    while let Some(turn) = turns.next(omissions) {
        messages.push(write_message(turn, omissions));
    }
    body.insert("messages".to_owned(), Value::Array(messages));

    let mut tools: Vec<Value> = Vec::new();
    for (at, tool) in chat.tools.iter().enumerate() {
        match tool {
            Tool::Function(tool) => tools.push(write_function(&tool.function)),
            _ => omissions.add(format!("tools[{at}]"), "the API has only functions as tools"),
        }
    }
    tools.extend(chat.functions.iter().map(write_function));
    if !tools.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools));
    }
    if chat.tool_choice.is_some() || chat.function_call.is_some() {
        omissions.add("tool_choice", "the API has no choice of tools");
    }
    body
}

fn write_function(function: &Function) -> Value {
    json!({ "type": "function", "function": function })
}

/// Converts a message. It has one text, one thought, and images. Reports what would not be read back as it was.
fn write_message(turn: Turn<'_>, omissions: &mut Omissions) -> Value {
    let (mut text, mut thinking, mut images) = (String::new(), String::new(), Vec::new());
    let mut written = Vec::new();
    for (at, block) in turn.content.iter().enumerate() {
        let read = match block {
            ContentBlock::Text(block) => {
                text.push_str(&block.text);
                Some(ContentBlock::from_text(block.text.as_str()))
            }
            ContentBlock::Thinking(block) => {
                thinking.push_str(&block.thinking);
                Some(ContentBlock::from_thinking(block.thinking.as_str()))
            }
            ContentBlock::ImageUrl(block) => {
                let data =
                    block.image_url.url.strip_prefix("data:").and_then(|url| url.split_once(";base64,"));
                data.map(|(_, data)| {
                    images.push(data);
                    ContentBlock::from_image_url(request::image_url(data))
                })
            }
            _ => None,
        };
        omissions.compare(
            format!("{}.content[{at}]", turn.place),
            std::slice::from_ref(block),
            read.as_slice(),
        );
        written.extend(read);
    }
    let (role, calls, result) = match turn.role {
        Role::System => ("system", Vec::new(), None),
        Role::User => ("user", Vec::new(), None),
        Role::Assistant(calls) => ("assistant", calls, None),
        Role::Tool(id, name) => ("tool", Vec::new(), Some((id, name))),
    };
    let calls: Vec<Value> = calls.iter().map(write_call).collect();
    let fields = [
        ("role", role.into()),
        ("content", text.into()),
        ("thinking", thinking.into()),
        ("images", images.into()),
        ("tool_calls", calls.into()),
        ("tool_name", json!(result.map(|(_, name)| name))),
        ("tool_call_id", json!(result.and_then(|(id, _)| id))),
    ];
    let is_there = |(name, value): &(&str, Value)| {
        *name == "content" || !matches!(value, Value::Null) && *value != json!("") && *value != json!([])
    };
    let fields = fields.into_iter().filter(is_there).map(|(name, value)| (name.to_owned(), value));
    let message: Object = fields.collect();
    if written == turn.content {
        let read = request::read_content(&message);
        omissions.compare(format!("{}.content", turn.place), turn.content, &read);
    }
    message.into()
}

fn write_call(call: &Call<'_>) -> Value {
    let function = json!({ "name": call.name, "arguments": call.arguments });
    match call.id {
        Some(id) => json!({ "id": id, "function": function }),
        None => json!({ "function": function }),
    }
}
