//! Requests of the Chat API for a prompt.

use serde_json::{Value, json};

use super::chat::CHOICES;
use crate::blueprint::{
    Annotation, AssistantMessage, ContentBlock, Message, Prompt, TextContent, ThinkingContent, Tool,
    ToolChoice,
};
use crate::providers::draft::{Draft, Omissions};
use crate::providers::json::Object;

/// Writes a request.
pub(super) fn request(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let mut body = Object::from_iter([("model".to_owned(), draft.model.into())]);
    match draft.prompt {
        Prompt::Completion(completion) => {
            let content = parts(&completion.content, "content", omissions);
            body.insert("messages".to_owned(), json!([{"role": "user", "content": content}]));
        }
        Prompt::Chat(chat) => {
            let messages = chat.messages.iter().enumerate();
            let messages =
                messages.filter_map(|(index, one)| message(one, &format!("messages[{index}]"), omissions));
            body.insert("messages".to_owned(), messages.collect());
            let mut tools = Vec::new();
            for (index, tool) in chat.tools.iter().enumerate() {
                match (tool, serde_json::to_value(tool)) {
                    (Tool::Function(_), Ok(tool)) => tools.push(tool),
                    _ => omissions.add(format!("tools[{index}]"), "Cohere's Chat API takes functions only"),
                }
            }
            if !tools.is_empty() {
                body.insert("tools".to_owned(), tools.into());
            }
            let choice = chat.tool_choice.as_ref().map(|choice| match choice {
                ToolChoice::Mode(mode) => {
                    CHOICES.iter().find(|(_, word)| word == mode).map(|(name, _)| *name)
                }
                _ => None,
            });
            match choice {
                Some(Some(name)) => drop(body.insert("tool_choice".to_owned(), name.into())),
                Some(None) => {
                    omissions.add("tool_choice", "Cohere's Chat API knows `required` and `none` only");
                }
                None => {}
            }
            if !chat.functions.is_empty() || chat.function_call.is_some() {
                omissions.add("functions", "Cohere's Chat API has tools in place of functions");
            }
        }
    }
    body.extend(draft.parameters.iter().map(|(name, value)| (name.clone(), value.clone())));
    body
}

fn message(message: &Message, place: &str, omissions: &mut Omissions) -> Option<Value> {
    let (role, name) = match message {
        Message::System(message) => ("system", &message.name),
        Message::Developer(message) => {
            omissions.add(format!("{place}.role"), "Cohere has the role `system` in place of `developer`");
            ("system", &message.name)
        }
        Message::User(message) => ("user", &message.name),
        Message::Assistant(message) => ("assistant", &message.name),
        Message::Tool(message) => ("tool", &message.name),
        _ => {
            omissions.add(place, "Cohere's Chat API has no such message");
            return None;
        }
    };
    if name.is_some() {
        omissions.add(format!("{place}.name"), "messages of Cohere's Chat API have no name");
    }
    let mut written = match message {
        Message::Assistant(message) => assistant(message, place, omissions),
        message => {
            Object::from_iter([("content".to_owned(), parts(message.content(), place, omissions).into())])
        }
    };
    if let Message::Tool(tool) = message {
        written.insert("tool_call_id".to_owned(), tool.tool_call_id.as_str().into());
    }
    written.insert("role".to_owned(), role.into());
    Some(written.into())
}

/// Writes a message of the model. Its first thought before tool calls is its plan.
fn assistant(message: &AssistantMessage, place: &str, omissions: &mut Omissions) -> Object {
    let mut written = Object::new();
    let mut content = message.content.as_slice();
    if let ([ContentBlock::Thinking(plan), rest @ ..], false) = (content, message.tool_calls.is_empty())
        && *plan == (ThinkingContent { thinking: plan.thinking.clone(), ..ThinkingContent::default() })
    {
        written.insert("tool_plan".to_owned(), plan.thinking.as_str().into());
        content = rest;
    }
    let citations: Vec<Value> = content
        .iter()
        .enumerate()
        .filter_map(|(index, block)| match block {
            ContentBlock::Text(text) => Some((index, text)),
            _ => None,
        })
        .flat_map(|(index, text)| {
            text.annotations.iter().filter_map(move |annotation| citation(index, annotation))
        })
        .collect();
    let parts = parts(content, place, omissions);
    if !parts.is_empty() {
        written.insert("content".to_owned(), parts.into());
    }
    if !citations.is_empty() {
        written.insert("citations".to_owned(), citations.into());
    }
    if !message.tool_calls.is_empty() {
        let call = |call: &crate::blueprint::ToolCall| {
            json!({"id": call.id, "type": "function", "function": {
                "name": call.function.name, "arguments": call.function.arguments,
            }})
        };
        written.insert("tool_calls".to_owned(), message.tool_calls.iter().map(call).collect());
    }
    if message.function_call.is_some() {
        omissions.add(format!("{place}.function_call"), "Cohere's Chat API has tool calls in place of it");
    }
    written
}

fn citation(index: usize, annotation: &Annotation) -> Option<Value> {
    let (start, end, text, source) = match annotation {
        Annotation::Web(page) => (
            page.start_index,
            Some(page.end_index),
            page.cited_text.as_deref(),
            json!({"type": "document", "document": {"url": page.url, "title": page.title}}),
        ),
        Annotation::File(file) => (
            file.index,
            None,
            None,
            json!({"type": "document", "id": file.file_id, "document": {"title": file.filename}}),
        ),
        _ => return None,
    };
    let mut citation =
        json!({"content_index": index, "start": start, "sources": [source], "type": "TEXT_CONTENT"});
    if let Some(fields) = citation.as_object_mut() {
        fields.extend(end.map(|end| ("end".to_owned(), end.into())));
        fields.extend(text.map(|text| ("text".to_owned(), text.into())));
    }
    Some(citation)
}

fn parts(content: &[ContentBlock], place: &str, omissions: &mut Omissions) -> Vec<Value> {
    let mut parts = Vec::new();
    for (index, block) in content.iter().enumerate() {
        let place = || format!("{place}.content[{index}]");
        let is_complete = match block {
            ContentBlock::Text(text) => {
                *text
                    == TextContent {
                        text: text.text.clone(),
                        annotations: text.annotations.clone(),
                        ..TextContent::default()
                    }
                    && text.annotations.iter().all(|annotation| citation(0, annotation).is_some())
            }
            ContentBlock::Thinking(thought) => thought.signature.is_none() && thought.id.is_none(),
            _ => true,
        };
        if !is_complete {
            omissions.add(place(), "Cohere's Chat API has no field for all of it");
        }
        parts.push(match block {
            ContentBlock::Text(text) => json!({"type": "text", "text": text.text}),
            ContentBlock::Thinking(thought) => json!({"type": "thinking", "thinking": thought.thinking}),
            ContentBlock::ImageUrl(image) => {
                let mut url = json!({"url": image.image_url.url});
                if let (Some(detail), Some(fields)) = (&image.image_url.detail, url.as_object_mut()) {
                    fields.insert("detail".to_owned(), detail.as_str().into());
                }
                json!({"type": "image_url", "image_url": url})
            }
            _ => {
                omissions.add(place(), "Cohere's Chat API has no such content");
                continue;
            }
        });
    }
    parts
}
