//! Requests for a prompt.

use serde_json::{Map, Value, json};

use crate::blueprint::{
    AssistantMessage, ContentBlock, MediaContent, MediaFormat, Message, OutputMediaContent, Prompt,
    TextContent, ThinkingContent, Tool, ToolCall, ToolChoice, WebSearchToolResultContent,
};
use crate::providers::draft::{Draft, Omissions};
use crate::providers::json::{Fields, Object};
use crate::providers::mime;

/// Why a part is left out.
const UNKNOWN_BLOCK: &str = "the Responses API has no such content";

/// Writes a request.
pub(super) fn request(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let mut body = Object::from_iter([("model".to_owned(), draft.model.into())]);
    let mut input = Vec::new();
    match draft.prompt {
        Prompt::Completion(completion) => {
            input.push(message("user", &user_parts(&completion.content, "content", omissions)));
        }
        Prompt::Chat(chat) => {
            for (index, message) in chat.messages.iter().enumerate() {
                match instructions(message).filter(|_| index == 0) {
                    Some(text) => drop(body.insert("instructions".to_owned(), text.into())),
                    None => write_message(message, &format!("messages[{index}]"), &mut input, omissions),
                }
            }
            write_tools(&chat.tools, &mut body, omissions);
            match &chat.tool_choice {
                None => {}
                Some(ToolChoice::Mode(mode)) => {
                    drop(body.insert("tool_choice".to_owned(), mode.as_str().into()));
                }
                Some(ToolChoice::Function(choice)) => {
                    body.insert(
                        "tool_choice".to_owned(),
                        json!({"type": "function", "name": choice.function.name}),
                    );
                }
                Some(_) => omissions.add("tool_choice", "the Responses API has no such tool choice"),
            }
            if !chat.functions.is_empty() || chat.function_call.is_some() {
                omissions.add("functions", "the Responses API has tools in place of functions");
            }
        }
    }
    body.insert("input".to_owned(), input.into());
    body.extend(draft.parameters.iter().map(|(name, value)| (name.clone(), value.clone())));
    body
}

/// Returns the text of a system message that can be the request's instructions.
fn instructions(message: &Message) -> Option<&str> {
    match message {
        Message::System(system) if system.name.is_none() => match system.content.as_slice() {
            [ContentBlock::Text(text)] if !text.text.is_empty() && *text == plain(&text.text) => {
                Some(&text.text)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Returns a text without anything else.
fn plain(text: &str) -> TextContent {
    TextContent { text: text.to_owned(), ..TextContent::default() }
}

fn message(role: &str, content: &[Value]) -> Value {
    json!({"type": "message", "role": role, "content": content})
}

fn write_message(written: &Message, place: &str, input: &mut Vec<Value>, omissions: &mut Omissions) {
    let name = match written {
        Message::System(message) => &message.name,
        Message::Developer(message) => &message.name,
        Message::User(message) => &message.name,
        Message::Assistant(message) => &message.name,
        Message::Tool(message) => &message.name,
        _ => &None,
    };
    if name.is_some() {
        omissions.add(format!("{place}.name"), "messages of the Responses API have no name");
    }
    match written {
        Message::System(message) => {
            input.push(self::message("system", &user_parts(&message.content, place, omissions)));
        }
        Message::Developer(message) => {
            input.push(self::message("developer", &user_parts(&message.content, place, omissions)));
        }
        Message::User(message) => match message.content.as_slice() {
            [ContentBlock::McpApprovalResponse(_)] => {
                input.extend(message.content.iter().filter_map(same_item));
            }
            content => input.push(self::message("user", &user_parts(content, place, omissions))),
        },
        Message::Assistant(message) => write_assistant(message, place, input, omissions),
        Message::Tool(message) => match message.content.as_slice() {
            [ContentBlock::ShellCallOutput(_) | ContentBlock::ApplyPatchCallOutput(_)] => {
                input.extend(message.content.iter().filter_map(same_item));
            }
            content => {
                let output = match content {
                    [ContentBlock::Text(text)] if *text == plain(&text.text) => {
                        Value::from(text.text.as_str())
                    }
                    content => user_parts(content, place, omissions).into(),
                };
                input.push(json!({"type": "function_call_output", "call_id": message.tool_call_id, "output": output}));
            }
        },
        _ => omissions.add(place, "the Responses API has no such message"),
    }
}

/// Writes content that is not from the model.
fn user_parts(content: &[ContentBlock], place: &str, omissions: &mut Omissions) -> Vec<Value> {
    let mut parts = Vec::new();
    for (index, block) in content.iter().enumerate() {
        let place = || format!("{place}.content[{index}]");
        match user_part(block) {
            Some(part) => parts.push(part),
            None => omissions.add(place(), UNKNOWN_BLOCK),
        }
        if matches!(block, ContentBlock::Text(text) if *text != plain(&text.text)) {
            omissions.add(place(), "a text of the input has neither an id nor annotations");
        }
    }
    parts
}

fn user_part(block: &ContentBlock) -> Option<Value> {
    match block {
        ContentBlock::Text(text) => Some(json!({"type": "input_text", "text": text.text})),
        ContentBlock::ImageUrl(image) => {
            let mut part = json!({"type": "input_image", "image_url": image.image_url.url});
            if let (Some(detail), Some(fields)) = (&image.image_url.detail, part.as_object_mut()) {
                fields.insert("detail".to_owned(), detail.as_str().into());
            }
            Some(part)
        }
        ContentBlock::Media(MediaContent { media }) => {
            let url = media.url.as_deref()?;
            let mime = media.mime_type.as_deref();
            let audio = mime.and_then(|mime| mime.strip_prefix("audio/"));
            let mut part = match (media.format, audio) {
                (MediaFormat::Base64, Some(format)) if media.title.is_none() => {
                    return Some(
                        json!({"type": "input_audio", "input_audio": {"data": url, "format": format}}),
                    );
                }
                (MediaFormat::Base64, _) => {
                    json!({"type": "input_file", "file_data": format!("data:{};base64,{url}", mime.unwrap_or(mime::UNKNOWN))})
                }
                (MediaFormat::Url, _) => json!({"type": "input_file", "file_url": url}),
                // An image that was uploaded to the provider has no MIME type.
                _ if mime.is_none() => json!({"type": "input_image", "file_id": url}),
                _ => json!({"type": "input_file", "file_id": url}),
            };
            if let (Some(title), Some(fields)) = (&media.title, part.as_object_mut()) {
                fields.insert("filename".to_owned(), title.as_str().into());
            }
            Some(part)
        }
        _ => None,
    }
}

/// Writes a message of the model as items, in the order of its blocks. The calls of the application's tools follow.
fn write_assistant(
    message: &AssistantMessage,
    place: &str,
    input: &mut Vec<Value>,
    omissions: &mut Omissions,
) {
    let first = input.len();
    for (index, block) in message.content.iter().enumerate() {
        let written = input.get_mut(first..).unwrap_or_default();
        if !add_to_last(block, written) {
            match item(block) {
                Some(item) => input.push(item),
                None => omissions.add(format!("{place}.content[{index}]"), UNKNOWN_BLOCK),
            }
        }
    }
    input.get_mut(first..).unwrap_or_default().iter_mut().for_each(shorten);
    input.extend(message.tool_calls.iter().map(call));
    if message.function_call.is_some() {
        omissions.add(format!("{place}.function_call"), "the Responses API has tool calls in place of it");
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

/// Adds a block to the item that it belongs to, if that is the last one. Returns `true` if it did.
fn add_to_last(block: &ContentBlock, written: &mut [Value]) -> bool {
    let Some(item) = written.last_mut().and_then(Value::as_object_mut) else { return false };
    let (key, part) = match block {
        ContentBlock::Text(text) if item.is("type", "message") && item.text("id") == text.id.as_deref() => {
            ("content", output_text(text))
        }
        ContentBlock::CodeExecutionResult(result) if item.is("type", "code_interpreter_call") => {
            if result.outcome.is_some() {
                item.insert("status".to_owned(), "failed".into());
            }
            ("outputs", json!({"type": "logs", "logs": result.output}))
        }
        ContentBlock::OutputMedia(media)
            if item.is("type", "code_interpreter_call") && !media.url.starts_with("data:") =>
        {
            ("outputs", json!({"type": "image", "url": media.url}))
        }
        ContentBlock::WebSearchToolResult(result)
            if item.is("type", "web_search_call")
                && item.text("id").unwrap_or_default() == result.tool_use_id =>
        {
            let sources = sources(result);
            return match item.get_mut("action") {
                Some(Value::Object(action)) => {
                    action.insert("sources".to_owned(), sources);
                    true
                }
                _ => false,
            };
        }
        _ => return false,
    };
    match item.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
        Value::Array(parts) => parts.push(part),
        other => *other = Value::Array(vec![part]),
    }
    true
}

fn sources(result: &WebSearchToolResultContent) -> Value {
    let source = |page: &crate::blueprint::WebSearchResult| {
        let mut source = json!({"type": "url", "url": page.url});
        if let (false, Some(fields)) = (page.title.is_empty(), source.as_object_mut()) {
            fields.insert("title".to_owned(), page.title.as_str().into());
        }
        source
    };
    result.content.iter().map(source).collect()
}

fn output_text(text: &TextContent) -> Value {
    let annotations = serde_json::to_value(&text.annotations).unwrap_or_default();
    json!({"type": "output_text", "text": text.text, "annotations": annotations})
}

/// Writes a block of the model as an item.
fn item(block: &ContentBlock) -> Option<Value> {
    let typed = |kind: &str, fields: Vec<(&str, Option<Value>)>| {
        let fields = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Some(Value::Object([("type".to_owned(), kind.into())].into_iter().chain(fields).collect()))
    };
    let optional = |text: &Option<String>| text.as_deref().map(Value::from);
    match block {
        ContentBlock::Text(text) => typed(
            "message",
            vec![
                ("id", optional(&text.id)),
                ("status", text.id.is_some().then(|| "completed".into())),
                ("role", Some("assistant".into())),
                ("content", Some(json!([output_text(text)]))),
            ],
        ),
        ContentBlock::Thinking(ThinkingContent { thinking, signature, id }) => {
            let summary = if thinking.is_empty() {
                json!([])
            } else {
                json!([{"type": "summary_text", "text": thinking}])
            };
            typed(
                "reasoning",
                vec![
                    ("id", optional(id)),
                    ("summary", Some(summary)),
                    ("encrypted_content", optional(signature)),
                ],
            )
        }
        ContentBlock::ServerToolUse(call) => {
            let mut item = if call.name == "web_search" {
                Map::from_iter([("action".to_owned(), call.input.clone().into())])
            } else {
                call.input.clone()
            };
            if !call.id.is_empty() {
                item.insert("id".to_owned(), call.id.as_str().into());
            }
            item.insert("type".to_owned(), format!("{}_call", call.name).into());
            Some(item.into())
        }
        ContentBlock::Code(code) => typed(
            "code_interpreter_call",
            vec![
                ("id", optional(&code.id)),
                ("code", Some(code.code.as_str().into())),
                ("container_id", optional(&code.container_id)),
            ],
        ),
        ContentBlock::OutputMedia(media) => image(media),
        block => same_item(block),
    }
}

/// Writes a generated image.
fn image(media: &OutputMediaContent) -> Option<Value> {
    let (mime, data) = mime::data_url(&media.url)?;
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
    let mut item = json!({
        "type": "function_call",
        "call_id": call.id,
        "name": call.function.name,
        "arguments": call.function.arguments,
    });
    if let (Some(id), Some(fields)) = (&call.tool_id, item.as_object_mut()) {
        fields.insert("id".to_owned(), id.as_str().into());
    }
    item
}

fn write_tools(tools: &[Tool], body: &mut Object, omissions: &mut Omissions) {
    let mut written = Vec::new();
    for (index, tool) in tools.iter().enumerate() {
        match tool {
            Tool::Function(tool) => {
                let mut fields = Object::from_iter([
                    ("type".to_owned(), "function".into()),
                    ("name".to_owned(), tool.function.name.as_str().into()),
                    // Without it, the provider makes the schema a strict one.
                    ("strict".to_owned(), tool.function.strict.into()),
                ]);
                if !tool.function.description.is_empty() {
                    fields.insert("description".to_owned(), tool.function.description.as_str().into());
                }
                fields.extend(
                    tool.function.parameters.clone().map(|schema| ("parameters".to_owned(), schema.into())),
                );
                written.push(Value::Object(fields));
            }
            // The settings are the tool as the API takes it.
            Tool::BuiltIn(tool) if tool.provider == "openai" && tool.config.contains_key("type") => {
                written.push(tool.config.clone().into());
            }
            _ => omissions.add(format!("tools[{index}]"), "the tool is not one of OpenAI's"),
        }
    }
    if !written.is_empty() {
        body.insert("tools".to_owned(), written.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::ChatPrompt;
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
