//! Requests of `chat` for a prompt.

use serde_json::{Value, json};

use super::read;
use crate::blueprint::{ContentBlock, Function, Tool};
use crate::providers::draft::{Call, Draft, Ids, Omissions, Role, Turn, Turns};
use crate::providers::json::{Object, without_nulls};
use crate::providers::messages::is_empty;

pub(super) fn write(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let (mut turns, mut messages) = (Turns::new(draft.chat, Ids::Optional), Vec::new());
    while let Some(turn) = turns.next(omissions) {
        messages.push(write_message(turn, omissions));
    }
    let function = |function: &Function| json!({ "type": "function", "function": function });
    let mut tools = omissions.tools(draft.chat, |tool| match tool {
        Tool::Function(tool) => Some(function(&tool.function)),
        _ => None,
    });
    tools.extend(draft.chat.functions.iter().map(function));
    omissions.tool_choice(draft, |_, _| None);
    let mut body = draft.body();
    body.insert("messages".to_owned(), messages.into());
    if !tools.is_empty() {
        body.insert("tools".to_owned(), tools.into());
    }
    body
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
                    ContentBlock::from_image_url(read::image_url(data))
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
    let role = turn.role.name();
    let (calls, result) = match turn.role {
        Role::Assistant(calls) => (calls, None),
        Role::Tool(id, name) => (Vec::new(), Some((id, name))),
        Role::System | Role::User => (Vec::new(), None),
    };
    let calls: Vec<Value> = calls.iter().map(write_call).collect();
    let (id, name) = result.unzip();
    let mut message =
        Object::from_iter([("role".to_owned(), role.into()), ("content".to_owned(), text.into())]);
    let others = [
        ("thinking", thinking.into()),
        ("images", images.into()),
        ("tool_calls", calls.into()),
        ("tool_name", json!(name)),
        ("tool_call_id", json!(id.flatten())),
    ];
    let others = others.into_iter().filter(|(_, value)| !is_empty(value));
    message.extend(others.map(|(name, value)| (name.to_owned(), value)));
    if written == turn.content {
        let read = read::read_content(&message);
        omissions.compare(format!("{}.content", turn.place), turn.content, &read);
    }
    message.into()
}

fn write_call(call: &Call<'_>) -> Value {
    without_nulls(json!({"id": call.id, "function": { "name": call.name, "arguments": call.arguments }}))
}
