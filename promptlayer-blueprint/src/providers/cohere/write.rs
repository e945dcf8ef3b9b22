//! Requests of the Chat API for a prompt.

use serde_json::{Value, json};

use super::chat::CHOICES;
use crate::blueprint::{Annotation, AssistantMessage, ContentBlock, Message, TextContent, Tool};
use crate::providers::draft::{
    Draft, NO_DEVELOPER, NO_LEGACY, NO_NAMES, NO_SUCH_BLOCK, NO_SUCH_MESSAGE, NOT_ALL, Omissions,
};
use crate::providers::json::{Object, without_nulls};

pub(super) fn request(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let messages = draft.chat.messages.iter().enumerate();
    let messages: Value =
        messages.filter_map(|(at, one)| message(one, &format!("messages[{at}]"), omissions)).collect();
    let tools = omissions.tools(draft.chat, |tool| match tool {
        Tool::Function(_) => serde_json::to_value(tool).ok(),
        _ => None,
    });
    let mut choice = None;
    if draft.chat.tool_choice.is_some() {
        choice = omissions.tool_choice(draft, |mode, _| {
            CHOICES.iter().find(|(_, word)| *word == mode).map(|(name, _)| (*name).into())
        });
    }
    omissions.legacy_tools(draft.chat);
    let mut body = Object::from_iter([("messages".to_owned(), messages)]);
    body.extend(choice.map(|choice| ("tool_choice".to_owned(), choice)));
    if !tools.is_empty() {
        body.insert("tools".to_owned(), tools.into());
    }
    body.insert("model".to_owned(), draft.model.into());
    body.extend(draft.parameters.clone());
    body
}

fn message(message: &Message, place: &str, omissions: &mut Omissions) -> Option<Value> {
    let role = match message {
        Message::Developer(_) => {
            omissions.add(format!("{place}.role"), NO_DEVELOPER);
            "system"
        }
        Message::System(_) | Message::User(_) | Message::Assistant(_) | Message::Tool(_) => message.role(),
        _ => {
            omissions.add(place, NO_SUCH_MESSAGE);
            return None;
        }
    };
    if message.name().is_some() {
        omissions.add(format!("{place}.name"), NO_NAMES);
    }
    let mut written = match message {
        Message::Assistant(message) => assistant(message, place, omissions),
        message => json!({ "content": parts(message.content(), place, omissions) }),
    };
    if let Message::Tool(tool) = message {
        written["tool_call_id"] = tool.tool_call_id.as_str().into();
    }
    written["role"] = role.into();
    Some(written)
}

/// Writes a message of the model. Its first thought before tool calls is its plan.
fn assistant(message: &AssistantMessage, place: &str, omissions: &mut Omissions) -> Value {
    let (mut plan, mut content) = (None, message.content.as_slice());
    if let ([ContentBlock::Thinking(thought), rest @ ..], false) = (content, message.tool_calls.is_empty())
        && content.first() == Some(&ContentBlock::from_thinking(thought.thinking.as_str()))
    {
        (plan, content) = (Some(&thought.thinking), rest);
    }
    let texts = content.iter().enumerate().filter_map(|(at, block)| match block {
        ContentBlock::Text(text) => Some((at, text)),
        _ => None,
    });
    let citations = texts
        .flat_map(|(at, text)| text.annotations.iter().filter_map(move |cited| citation(at, cited)))
        .collect();
    let calls = message
        .tool_calls
        .iter()
        .map(|call| json!({"id": call.id, "type": "function", "function": call.function}));
    if message.function_call.is_some() {
        omissions.add(format!("{place}.function_call"), NO_LEGACY);
    }
    let list = |items: Vec<Value>| Some(items).filter(|items| !items.is_empty());
    without_nulls(json!({
        "tool_plan": plan,
        "content": list(parts(content, place, omissions)),
        "citations": list(citations),
        "tool_calls": list(calls.collect()),
    }))
}

fn citation(index: usize, annotation: &Annotation) -> Option<Value> {
    let (start, end, text, source) = match annotation {
        Annotation::Web(page) => {
            let source = json!({"type": "document", "document": {"url": page.url, "title": page.title}});
            (page.start_index, Some(page.end_index), page.cited_text.as_deref(), source)
        }
        Annotation::File(file) => {
            let source =
                json!({"type": "document", "id": file.file_id, "document": {"title": file.filename}});
            (file.index, None, None, source)
        }
        _ => return None,
    };
    Some(without_nulls(json!({
        "content_index": index, "start": start, "end": end, "text": text, "sources": [source], "type": "TEXT_CONTENT",
    })))
}

fn parts(content: &[ContentBlock], place: &str, omissions: &mut Omissions) -> Vec<Value> {
    let mut parts = Vec::new();
    for (at, block) in content.iter().enumerate() {
        let (part, is_all) = match block {
            ContentBlock::Text(text) => {
                let TextContent { id, annotations, thought_signature, .. } = text;
                let are_cited = annotations.iter().all(|annotation| citation(0, annotation).is_some());
                let is_all = id.is_none() && thought_signature.is_none() && are_cited;
                (json!({"type": "text", "text": text.text}), is_all)
            }
            ContentBlock::Thinking(thought) => (
                json!({"type": "thinking", "thinking": thought.thinking}),
                thought.signature.is_none() && thought.id.is_none(),
            ),
            ContentBlock::ImageUrl(image) => {
                (json!({"type": "image_url", "image_url": image.image_url}), true)
            }
            _ => {
                omissions.add(format!("{place}.content[{at}]"), NO_SUCH_BLOCK);
                continue;
            }
        };
        if !is_all {
            omissions.add(format!("{place}.content[{at}]"), NOT_ALL);
        }
        parts.push(part);
    }
    parts
}
