//! Requests for a prompt.

use serde_json::{Map, Value, json};

use crate::blueprint::{
    AssistantMessage, ContentBlock, MediaContent, MediaFormat, Message, OutputMediaContent, TextContent,
    Tool, ToolCall,
};
use crate::providers::blocks;
use crate::providers::draft::{
    Draft, NO_LEGACY, NO_NAMES, NO_SUCH_BLOCK, NO_SUCH_MESSAGE, NOT_ALL, Omissions,
};
use crate::providers::json::{Fields, Object, without_nulls};

pub(super) fn request(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let mut body = Object::from_iter([("model".to_owned(), draft.model.into())]);
    let mut input = Vec::new();
    for (at, message) in draft.chat.messages.iter().enumerate() {
        match instructions(message).filter(|_| at == 0) {
            Some(text) => drop(body.insert("instructions".to_owned(), text.into())),
            None => write_message(message, &format!("messages[{at}]"), &mut input, omissions),
        }
    }
    body.insert("input".to_owned(), input.into());
    let tools = omissions.tools(draft.chat, write_tool);
    if !tools.is_empty() {
        body.insert("tools".to_owned(), tools.into());
    }
    if draft.chat.tool_choice.is_some() {
        let choice = omissions.tool_choice(draft, |mode, name| match mode {
            "" => None,
            "function" => Some(json!({"type": "function", "name": name})),
            mode => Some(mode.into()),
        });
        body.extend(choice.map(|choice| ("tool_choice".to_owned(), choice)));
    }
    omissions.legacy_tools(draft.chat);
    body.extend(draft.parameters.clone());
    body
}

/// Returns the text of a system message that can be the request's instructions.
fn instructions(message: &Message) -> Option<&str> {
    match message {
        Message::System(system) if system.name.is_none() => {
            plain_text(&system.content).filter(|text| !text.is_empty())
        }
        _ => None,
    }
}

/// Returns the text of a content that is one text, without anything else.
fn plain_text(content: &[ContentBlock]) -> Option<&str> {
    match content {
        [ContentBlock::Text(text)] if is_plain(text) => Some(&text.text),
        _ => None,
    }
}

fn is_plain(text: &TextContent) -> bool {
    text.id.is_none() && text.annotations.is_empty() && text.thought_signature.is_none()
}

fn message(role: &str, content: &[Value]) -> Value {
    json!({"type": "message", "role": role, "content": content})
}

fn write_message(written: &Message, place: &str, input: &mut Vec<Value>, omissions: &mut Omissions) {
    if written.name().is_some() {
        omissions.add(format!("{place}.name"), NO_NAMES);
    }
    match (written, written.content()) {
        (Message::Assistant(message), _) => write_assistant(message, place, input, omissions),
        (Message::User(_), [same @ ContentBlock::McpApprovalResponse(_)])
        | (
            Message::Tool(_),
            [same @ (ContentBlock::ShellCallOutput(_) | ContentBlock::ApplyPatchCallOutput(_))],
        ) => input.extend(same_item(same)),
        (Message::System(_) | Message::Developer(_) | Message::User(_), content) => {
            input.push(message(written.role(), &user_parts(content, place, omissions)));
        }
        (Message::Tool(result), content) => {
            let output = match plain_text(content) {
                Some(text) => text.into(),
                None => Value::from(user_parts(content, place, omissions)),
            };
            input.push(
                json!({"type": "function_call_output", "call_id": result.tool_call_id, "output": output}),
            );
        }
        _ => omissions.add(place, NO_SUCH_MESSAGE),
    }
}

/// Writes content that is not from the model.
fn user_parts(content: &[ContentBlock], place: &str, omissions: &mut Omissions) -> Vec<Value> {
    let mut parts = Vec::new();
    for (at, block) in content.iter().enumerate() {
        let part = user_part(block);
        if part.is_none() {
            omissions.add(format!("{place}.content[{at}]"), NO_SUCH_BLOCK);
        } else if matches!(block, ContentBlock::Text(text) if !is_plain(text)) {
            omissions.add(format!("{place}.content[{at}]"), NOT_ALL);
        }
        parts.extend(part);
    }
    parts
}

fn user_part(block: &ContentBlock) -> Option<Value> {
    let media = match block {
        ContentBlock::Text(text) => return Some(json!({"type": "input_text", "text": text.text})),
        ContentBlock::ImageUrl(image) => {
            let (url, detail) = (&image.image_url.url, &image.image_url.detail);
            return Some(without_nulls(json!({"type": "input_image", "image_url": url, "detail": detail})));
        }
        ContentBlock::Media(MediaContent { media }) => media,
        _ => return None,
    };
    let (title, url, mime) = (&media.title, media.url.as_deref()?, media.mime_type.as_deref());
    let audio = mime.and_then(|mime| mime.strip_prefix("audio/"));
    Some(without_nulls(match (media.format, audio) {
        (MediaFormat::Base64, Some(format)) if title.is_none() => {
            json!({"type": "input_audio", "input_audio": {"data": url, "format": format}})
        }
        (MediaFormat::Base64, _) => {
            let data = format!("data:{};base64,{url}", mime.unwrap_or(blocks::UNKNOWN));
            json!({"type": "input_file", "file_data": data, "filename": title})
        }
        (MediaFormat::Url, _) => json!({"type": "input_file", "file_url": url, "filename": title}),
        // An image that was uploaded to the provider has no MIME type.
        _ if mime.is_none() => json!({"type": "input_image", "file_id": url, "filename": title}),
        _ => json!({"type": "input_file", "file_id": url, "filename": title}),
    }))
}

/// Writes a message of the model as items, in the order of its blocks. The calls of the application's tools follow.
fn write_assistant(
    message: &AssistantMessage,
    place: &str,
    input: &mut Vec<Value>,
    omissions: &mut Omissions,
) {
    let first = input.len();
    for (at, block) in message.content.iter().enumerate() {
        let written = input.get_mut(first..).unwrap_or_default();
        if add_to_last(block, written).is_none() {
            match item(block) {
                Some(item) => input.push(item),
                None => omissions.add(format!("{place}.content[{at}]"), NO_SUCH_BLOCK),
            }
        }
    }
    input.get_mut(first..).unwrap_or_default().iter_mut().for_each(shorten);
    input.extend(message.tool_calls.iter().map(call));
    if message.function_call.is_some() {
        omissions.add(format!("{place}.function_call"), NO_LEGACY);
    }
    if input.len() == first {
        input.push(self::message("assistant", &[]));
    }
}

/// Writes a message that is only a text as a text: in the API, a message with a list of output has an id.
fn shorten(item: &mut Value) {
    let Some(item) =
        item.as_object_mut().filter(|item| item.is("type", "message") && !item.contains_key("id"))
    else {
        return;
    };
    if let Some(Value::Array(parts)) = item.get_mut("content")
        && let [Value::Object(part)] = parts.as_mut_slice()
        && part.get("annotations").is_none_or(|annotations| *annotations == json!([]))
        && let Some(text) = part.remove("text")
    {
        item.insert("content".to_owned(), text);
    }
}

/// Adds a block to the item that it belongs to, if that is the last one.
fn add_to_last(block: &ContentBlock, written: &mut [Value]) -> Option<()> {
    let item = written.last_mut()?.as_object_mut()?;
    let is_code = item.is("type", "code_interpreter_call");
    let (key, part) = match block {
        ContentBlock::Text(text) if item.is("type", "message") && item.text("id") == text.id.as_deref() => {
            ("content", output_text(text))
        }
        ContentBlock::CodeExecutionResult(result) if is_code => {
            if result.outcome.is_some() {
                item.insert("status".to_owned(), "failed".into());
            }
            ("outputs", json!({"type": "logs", "logs": result.output}))
        }
        ContentBlock::OutputMedia(media) if is_code && !media.url.starts_with("data:") => {
            ("outputs", json!({"type": "image", "url": media.url}))
        }
        ContentBlock::WebSearchToolResult(result)
            if item.is("type", "web_search_call") && item.string("id") == result.tool_use_id =>
        {
            let sources = result.content.iter().map(|page| {
                let title = Some(&page.title).filter(|title| !title.is_empty());
                without_nulls(json!({"type": "url", "url": page.url, "title": title}))
            });
            item.get_mut("action")?.as_object_mut()?.insert("sources".to_owned(), sources.collect());
            return Some(());
        }
        _ => return None,
    };
    match item.entry(key).or_insert(Value::Null) {
        Value::Array(parts) => parts.push(part),
        other => *other = vec![part].into(),
    }
    Some(())
}

fn output_text(text: &TextContent) -> Value {
    json!({"type": "output_text", "text": text.text, "annotations": text.annotations})
}

/// Writes a block of the model as an item.
fn item(block: &ContentBlock) -> Option<Value> {
    Some(without_nulls(match block {
        ContentBlock::Text(text) => {
            let status = text.id.is_some().then_some("completed");
            json!({"type": "message", "id": text.id, "status": status, "role": "assistant", "content": [output_text(text)]})
        }
        ContentBlock::Thinking(thought) => {
            let text = Some(&thought.thinking).filter(|text| !text.is_empty());
            let summary: Value =
                text.map(|text| json!({"type": "summary_text", "text": text})).into_iter().collect();
            json!({"type": "reasoning", "id": thought.id, "summary": summary, "encrypted_content": thought.signature})
        }
        ContentBlock::ServerToolUse(call) => {
            let mut item = match call.name.as_str() {
                "web_search" => Map::from_iter([("action".to_owned(), call.input.clone().into())]),
                _ => call.input.clone(),
            };
            if !call.id.is_empty() {
                item.insert("id".to_owned(), call.id.as_str().into());
            }
            item.insert("type".to_owned(), format!("{}_call", call.name).into());
            return Some(item.into());
        }
        ContentBlock::Code(code) => json!({
            "type": "code_interpreter_call", "id": code.id, "code": code.code, "container_id": code.container_id,
        }),
        ContentBlock::OutputMedia(media) => return image(media),
        block => return same_item(block),
    }))
}

fn image(media: &OutputMediaContent) -> Option<Value> {
    let (mime, data) = blocks::data_url(&media.url)?;
    let mut item = media.provider_metadata.clone().unwrap_or_default();
    item.insert("type".to_owned(), "image_generation_call".into());
    item.extend(media.id.as_deref().map(|id| ("id".to_owned(), id.into())));
    item.insert("result".to_owned(), data.into());
    if mime != "image/png" {
        item.entry("output_format").or_insert_with(|| mime.trim_start_matches("image/").into());
    }
    Some(item.into())
}

/// Writes a block that has the same form as an item.
fn same_item(block: &ContentBlock) -> Option<Value> {
    match block {
        ContentBlock::McpListTools(_)
        | ContentBlock::McpCall(_)
        | ContentBlock::McpApprovalRequest(_)
        | ContentBlock::McpApprovalResponse(_)
        | ContentBlock::ShellCall(_)
        | ContentBlock::ShellCallOutput(_)
        | ContentBlock::ApplyPatchCall(_)
        | ContentBlock::ApplyPatchCallOutput(_) => serde_json::to_value(block).ok(),
        _ => None,
    }
}

fn call(call: &ToolCall) -> Value {
    let function = &call.function;
    without_nulls(
        json!({"type": "function_call", "id": call.tool_id, "call_id": call.id, "name": function.name,
        "arguments": function.arguments}),
    )
}

fn write_tool(tool: &Tool) -> Option<Value> {
    match tool {
        Tool::Function(tool) => {
            let function = &tool.function;
            let description = Some(&function.description).filter(|text| !text.is_empty());
            // Without `strict`, the provider makes the schema a strict one.
            Some(without_nulls(json!({"type": "function", "name": function.name, "strict": function.strict,
                "description": description, "parameters": function.parameters})))
        }
        // The settings are the tool as the API takes it.
        Tool::BuiltIn(tool) if tool.provider == "openai" && tool.config.contains_key("type") => {
            Some(tool.config.clone().into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::{ChatPrompt, Prompt, ToolChoice};
    use crate::providers::{Input, request, to_request};

    /// Writes a request for a prompt and reads it again.
    fn round_trip(prompt: &Prompt) -> (Prompt, Vec<String>) {
        let parameters = Object::from_iter([("temperature".to_owned(), json!(0.5))]);
        let written = to_request(prompt, "openai", Some("responses"), "gpt-5", &parameters).unwrap();
        let read = request(Input::Value(written.body.into()));
        assert_eq!(read.shape.map(|shape| shape.api_type), Some("responses"));
        assert_eq!((read.model.as_deref(), read.parameters), (Some("gpt-5"), parameters));
        (read.prompt.unwrap(), written.omissions.iter().map(ToString::to_string).collect())
    }

    fn chat(messages: &Value) -> ChatPrompt {
        serde_json::from_value(json!({"type": "chat", "messages": messages})).unwrap()
    }

    #[test]
    fn conversation_with_every_kind_of_block_round_trips() {
        let mut chat = chat(&json!([
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "developer", "content": [{"type": "text", "text": "Use metric units."}]},
            {"role": "user", "content": [
                {"type": "text", "text": "Look:"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
                {"type": "media", "media": {"title": "a.pdf", "type": "application/pdf", "url": "QUJD", "format": "base64"}},
                {"type": "media", "media": {"type": "audio/wav", "url": "QUJD", "format": "base64"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "sealed", "id": "rs_1"},
                {"type": "server_tool_use", "id": "ws_1", "name": "web_search", "input": {"query": "toasters"}},
                {"type": "web_search_tool_result", "tool_use_id": "ws_1", "content": [
                    {"type": "web_search_result", "url": "https://example.org", "title": "Toasters"},
                ]},
                {"type": "code", "code": "print(1)", "id": "ci_1", "container_id": "c"},
                {"type": "code_execution_result", "output": "1", "outcome": "OUTCOME_FAILED"},
                {"type": "output_media", "id": "ig_1", "url": "data:image/png;base64,QUJD", "mime_type": "image/png", "media_type": "image"},
                {"type": "text", "text": "So.", "id": "msg_1", "annotations": [
                    {"type": "url_citation", "title": "T", "url": "https://example.org", "start_index": 0, "end_index": 2},
                ]},
            ], "tool_calls": [
                {"type": "function", "id": "call_1", "tool_id": "fc_1", "function": {"name": "add", "arguments": "{\"x\":1}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "3"}]},
            {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
        ]));
        chat.tools = serde_json::from_value(json!([
            {"type": "function", "function": {"name": "add", "description": "Adds.", "strict": true, "parameters": {"type": "object"}}},
            {"id": "web_search", "name": "web_search", "description": "", "provider": "openai", "type": "web_search", "config": {"type": "web_search"}},
        ])).unwrap();
        chat.tool_choice = Some(ToolChoice::function("add"));
        let prompt = Prompt::from(chat);
        let (read, omissions) = round_trip(&prompt);
        assert_eq!(read, prompt);
        assert_eq!(omissions, Vec::<String>::new());
    }

    #[test]
    fn message_of_the_model_is_a_text_or_has_an_id_and_a_status() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let cited = json!({"type": "text", "text": "So.", "annotations": [
            {"type": "url_citation", "title": "T", "url": "https://example.org", "start_index": 0, "end_index": 2},
        ]});
        let known = json!({"type": "text", "text": "So.", "id": "msg_1"});
        let cases = [
            (json!([text("So.")]), json!({"content": "So."})),
            (
                json!([known]),
                json!({"id": "msg_1", "status": "completed", "content": [
                    {"type": "output_text", "text": "So.", "annotations": []},
                ]}),
            ),
            (
                json!([cited]),
                json!({"content": [
                    {"type": "output_text", "text": "So.", "annotations": cited["annotations"]},
                ]}),
            ),
            (
                json!([text("So."), text("Or so.")]),
                json!({"content": [
                    {"type": "output_text", "text": "So.", "annotations": []},
                    {"type": "output_text", "text": "Or so.", "annotations": []},
                ]}),
            ),
        ];
        for (content, expected) in cases {
            let prompt = Prompt::from(chat(&json!([{"role": "assistant", "content": content}])));
            let body =
                to_request(&prompt, "openai", Some("responses"), "gpt-5", &Object::new()).unwrap().body;
            let mut message = body["input"][0].as_object().unwrap().clone();
            assert_eq!(message.remove("type"), Some("message".into()));
            assert_eq!(message.remove("role"), Some("assistant".into()));
            assert_eq!(Value::Object(message), expected);
            assert_eq!(round_trip(&prompt), (prompt, Vec::new()));
        }
    }

    #[test]
    fn what_the_api_cannot_express_is_reported() {
        let prompt = chat(&json!([
            {"role": "user", "name": "ann", "content": [{"type": "text", "text": "Hi"}, {"type": "hologram"}]},
            {"role": "placeholder", "name": "history", "content": []},
        ]));
        let (read, omissions) = round_trip(&prompt.into());
        assert_eq!(read, Prompt::user("Hi"));
        let places: Vec<&str> = omissions.iter().filter_map(|text| text.split(": ").next()).collect();
        assert_eq!(places, ["messages[0].name", "messages[0].content[1]", "messages[1]"]);
    }
}
