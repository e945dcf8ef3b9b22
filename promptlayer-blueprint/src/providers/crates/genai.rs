//! The types of `genai`.

use serde_json::{Value, json};

use super::chunk;
use crate::providers::json::{self, Fields, Object};

/// The variants of a part of a message.
const PARTS: &[&str] =
    &["Text", "Binary", "ToolCall", "ToolResponse", "ThoughtSignature", "ReasoningContent", "Custom"];

/// The variants of an event of a stream.
const EVENTS: &[&str] =
    &["Start", "Chunk", "ReasoningChunk", "ThoughtSignatureChunk", "ToolCallChunk", "End", "Heartbeat"];

/// Returns `true` if the content of an event is that of this crate. Other types may have variants of these names.
fn is_event(name: &str, content: &Value) -> bool {
    match name {
        "Start" | "Heartbeat" => content.is_null(),
        "ToolCallChunk" => content.object("tool_call").is_some_and(|call| call.text("fn_name").is_some()),
        "End" => {
            content.as_object().is_some_and(|end| end.keys().all(|field| field.starts_with("captured_")))
        }
        _ => content.as_object().is_some_and(|chunk| chunk.len() == 1 && chunk.text("content").is_some()),
    }
}

/// Rewrites a `ChatRequest`.
pub(super) fn request(value: &Value) -> Option<Value> {
    let request = value.as_object()?;
    let messages = request.list("messages");
    let is_own = |message: &Value| {
        let parts = message.list("content");
        !parts.is_empty() && parts.iter().all(|part| variant(part, PARTS).is_some())
    };
    if messages.is_empty() || !messages.iter().all(is_own) {
        return None;
    }
    let system = request.text("system").map(|text| json!({"role": "system", "content": text}));
    let mut rewritten = request.clone();
    rewritten.remove("system");
    let messages: Vec<Value> = system.into_iter().chain(messages.iter().flat_map(message)).collect();
    rewritten.insert("messages".to_owned(), messages.into());
    if let Some(tools) = rewritten.get_mut("tools").and_then(Value::as_array_mut) {
        for tool in tools {
            *tool = rewritten_tool(tool);
        }
    }
    Some(rewritten.into())
}

/// Rewrites a `ChatResponse` or an `EmbedResponse`.
pub(super) fn response(value: &Value) -> Option<Value> {
    let response = value.as_object()?;
    let model = model_name(response.object("provider_model_iden")?)?;
    let usage = response.get("usage");
    if let Some(Value::Array(embeddings)) = response.get("embeddings") {
        let vectors: Vec<Value> = embeddings
            .iter()
            .map(|item| {
                json!({
                    "object": "embedding", "index": item.get("index"), "embedding": item.get("vector"),
                })
            })
            .collect();
        return Some(json!({"object": "list", "data": vectors, "model": model, "usage": usage}));
    }
    let mut message = assistant(response.list("content"));
    if let Some(thoughts) = response.text("reasoning_content") {
        message.entry("reasoning_content").or_insert_with(|| thoughts.into());
    }
    let finish = response.object("stop_reason").and_then(stop_reason);
    Some(json!({
        "object": "chat.completion",
        "id": response.get("response_id"),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage,
    }))
}

/// Rewrites the events of a stream.
///
/// An event of a tool call has all arguments so far, so that only the last one of each call counts. The event at the
/// end has what the options of the call asked for.
pub(super) fn events(items: &[Value]) -> Option<Vec<Value>> {
    let events: Vec<(&str, &Value)> =
        items.iter().map(|item| variant(item, EVENTS)).collect::<Option<_>>()?;
    let is_own = events.iter().all(|(name, content)| is_event(name, content));
    if !is_own || events.iter().all(|(_, content)| content.is_null()) {
        return None;
    }
    let mut rewritten = Vec::with_capacity(events.len());
    let mut calls: Vec<&Value> = Vec::new();
    let mut end = &Value::Null;
    for (name, content) in events {
        let delta = match name {
            "Start" => json!({"role": "assistant", "content": ""}),
            "Chunk" => json!({"content": content.get("content")}),
            "ReasoningChunk" => json!({"reasoning_content": content.get("content")}),
            "ThoughtSignatureChunk" => json!({"thinking_blocks": [signature(content.get("content"))]}),
            "ToolCallChunk" => {
                if let Some(call) = content.get("tool_call") {
                    match calls.iter_mut().find(|known| known.get("call_id") == call.get("call_id")) {
                        Some(known) => *known = call,
                        None => calls.push(call),
                    }
                }
                continue;
            }
            "End" => {
                end = content;
                continue;
            }
            _ => continue,
        };
        rewritten.push(chunk(&json!({"index": 0, "delta": delta}), &Value::Null));
    }
    let calls: Vec<Value> = calls
        .into_iter()
        .enumerate()
        .map(|(index, call)| {
            let mut call = tool_call(call);
            call.insert("index".to_owned(), index.into());
            call.into()
        })
        .collect();
    let finish = end.object("captured_stop_reason").and_then(stop_reason);
    let choice = json!({"index": 0, "delta": {"tool_calls": calls}, "finish_reason": finish});
    rewritten.push(chunk(&choice, end.get("captured_usage").unwrap_or(&Value::Null)));
    Some(rewritten)
}

/// Returns the name and the content of a variant: `"Start"`, `{"Chunk": {…}}`.
fn variant<'v>(value: &'v Value, names: &[&str]) -> Option<(&'v str, &'v Value)> {
    let (name, content) = match value {
        Value::String(name) => (name.as_str(), &Value::Null),
        Value::Object(object) if object.len() == 1 => {
            object.iter().next().map(|(name, content)| (name.as_str(), content))?
        }
        _ => return None,
    };
    names.contains(&name).then_some((name, content))
}

/// Returns the name of a model: a text, or the variant of an enum.
fn model_name(model: &Object) -> Option<&str> {
    match model.get("model_name")? {
        Value::String(name) => Some(name),
        Value::Object(name) => name.values().next()?.as_str(),
        _ => None,
    }
}

/// Returns the provider's word in a `StopReason`.
fn stop_reason(reason: &Object) -> Option<&str> {
    reason.values().next()?.as_str()
}

/// Rewrites a message. The result of each tool is a message, before the rest of the content.
fn message(message: &Value) -> Vec<Value> {
    let (mut rewritten, mut parts) = (Vec::new(), Vec::new());
    for part in message.list("content") {
        match variant(part, PARTS) {
            Some(("ToolResponse", result)) => rewritten.push(json!({
                "role": "tool",
                "name": result.get("fn_name"),
                "tool_call_id": result.get("call_id"),
                "content": result.get("content"),
            })),
            _ => parts.push(part),
        }
    }
    if rewritten.is_empty() || !parts.is_empty() {
        let mut rest = assistant(parts);
        rest.insert("role".to_owned(), message.get("role").cloned().unwrap_or_default());
        rewritten.push(rest.into());
    }
    rewritten
}

/// Rewrites the parts of a message, as one of the model. A part of an unknown type becomes readable text.
fn assistant<'v>(parts: impl IntoIterator<Item = &'v Value>) -> Object {
    let (mut content, mut calls, mut thoughts) = (Vec::new(), Vec::new(), String::new());
    for part in parts {
        match variant(part, PARTS) {
            Some(("Text", text)) => content.push(json!({"type": "text", "text": text})),
            Some(("Binary", file)) => content.push(binary(file)),
            Some(("ToolCall", call)) => {
                content.extend(call.list("thought_signatures").iter().map(|text| signature(Some(text))));
                calls.push(Value::Object(tool_call(call)));
            }
            Some(("ReasoningContent", Value::String(text))) => thoughts.push_str(text),
            Some(("ThoughtSignature", text)) => content.push(signature(Some(text))),
            Some(("Custom", other)) => content.push(json!({"type": "text", "text": json::readable(other)})),
            _ => content.push(json!({"type": "text", "text": json::readable(part)})),
        }
    }
    let mut message = Object::new();
    message.insert("role".to_owned(), "assistant".into());
    message.insert("content".to_owned(), content.into());
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    if !thoughts.is_empty() {
        message.insert("reasoning_content".to_owned(), thoughts.into());
    }
    message
}

/// Returns a block for the signature of a thought.
fn signature(text: Option<&Value>) -> Value {
    json!({"type": "thinking", "thinking": "", "signature": text})
}

/// Rewrites an image, or a file of another type.
fn binary(binary: &Value) -> Value {
    let mime = binary.text("content_type").unwrap_or_default();
    let source = binary.field("source").and_then(|source| source.as_object()?.iter().next());
    let address = match source {
        Some((kind, Value::String(data))) if kind == "Base64" => format!("data:{mime};base64,{data}"),
        Some((_, Value::String(address))) => address.clone(),
        _ => String::new(),
    };
    if mime.starts_with("image/") {
        return json!({"type": "image_url", "image_url": {"url": address}});
    }
    json!({"type": "file", "file": {"filename": binary.get("name"), "file_data": address}})
}

fn tool_call(call: &Value) -> Object {
    let arguments = call.get("fn_arguments").map(json::compact);
    Object::from_iter([
        ("id".to_owned(), call.get("call_id").cloned().unwrap_or_default()),
        ("type".to_owned(), "function".into()),
        ("function".to_owned(), json!({"name": call.get("fn_name"), "arguments": arguments})),
    ])
}

/// Rewrites a tool. A tool of the provider, and a tool with other settings, stays as it is.
fn rewritten_tool(tool: &Value) -> Value {
    const FIELDS: &[(&str, &str)] =
        &[("name", "name"), ("description", "description"), ("schema", "parameters"), ("strict", "strict")];
    let is_known = |name: &str| FIELDS.iter().any(|(own, _)| *own == name);
    let mut fields = tool.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    if tool.text("name").is_none() || !fields.all(|(name, _)| is_known(name)) {
        return tool.clone();
    }
    let field = |(own, field): &(&str, &str)| Some(((*field).to_owned(), tool.field(own)?.clone()));
    let function: Object = FIELDS.iter().filter_map(field).collect();
    json!({"type": "function", "function": function})
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::blueprint::{Message, Prompt};
    use crate::providers::{self, Input, Output};

    fn said(prompt: &Prompt) -> Vec<(String, String)> {
        prompt.messages().iter().map(|message| (message.role().to_owned(), message.text())).collect()
    }

    fn call() -> Value {
        json!({"call_id": "c-1", "fn_name": "weather", "fn_arguments": {"city": "Bern"}})
    }

    fn calls(prompt: &Prompt) -> Vec<(String, String)> {
        let of_message = |message: &Message| match message {
            Message::Assistant(message) => message.tool_calls.clone(),
            _ => Vec::new(),
        };
        let calls = prompt.messages().iter().flat_map(of_message);
        calls.map(|call| (call.function.name, call.function.arguments)).collect()
    }

    #[test]
    fn request_has_the_system_prompt_and_tools() {
        let request = json!({
            "system": "be brief",
            "messages": [
                {"role": "User", "content": [
                    {"Text": "why?"},
                    {"Binary": {"content_type": "image/png", "source": {"Base64": "AA=="}}},
                ]},
                {"role": "Assistant", "content": [{"ReasoningContent": "hm"}, {"ToolCall": call()}]},
                {"role": "Tool", "content": [{"ToolResponse": {"call_id": "c-1", "content": "sunny"}}]},
            ],
            "tools": [{"name": "weather", "description": "d", "schema": {"type": "object"}}],
        });
        let arguments = vec![("model".to_owned(), json!("gpt-4o-mini")), ("request".to_owned(), request)];
        let request = providers::request(Input::Arguments(arguments));
        assert_eq!(request.model.as_deref(), Some("gpt-4o-mini"));
        let prompt = request.prompt.unwrap();
        let said = said(&prompt);
        let roles: Vec<&str> = said.iter().map(|(role, _)| role.as_str()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool"]);
        assert_eq!((said[0].1.as_str(), said[3].1.as_str()), ("be brief", "sunny"));
        assert_eq!(calls(&prompt), [("weather".to_owned(), r#"{"city":"Bern"}"#.to_owned())]);
        let written = serde_json::to_string(&prompt).unwrap();
        for part in ["data:image/png;base64,AA==", r#""description":"d""#, "hm"] {
            assert!(written.contains(part), "{part}: {written}");
        }
    }

    #[test]
    fn response_has_text_calls_tokens_and_finish_reason() {
        let model = json!({"adapter_kind": "OpenAI", "model_name": {"Shared": "gpt-4o-mini"}});
        let reply = providers::response(Output::Value(json!({
            "content": [{"Text": "Hi"}, {"ToolCall": call()}],
            "model_iden": model, "provider_model_iden": model,
            "stop_reason": {"ToolCall": "tool_calls"},
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        })));
        assert_eq!(reply.model.as_deref(), Some("gpt-4o-mini"));
        assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(2)));
        assert_eq!(reply.finish.unwrap().word, "tool_calls");
        let prompt = reply.prompt.unwrap();
        assert_eq!(prompt.text(), "Hi");
        assert_eq!(calls(&prompt).len(), 1);
    }

    #[test]
    fn stream_is_assembled_with_the_last_state_of_each_call() {
        let part = |arguments: &str| {
            json!({"ToolCallChunk": {"tool_call": {
                "call_id": "c-1", "fn_name": "weather", "fn_arguments": arguments,
            }}})
        };
        let events = vec![
            json!("Start"),
            json!({"ReasoningChunk": {"content": "hm"}}),
            json!({"Chunk": {"content": "Hi"}}),
            json!("Heartbeat"),
            json!({"Chunk": {"content": " you"}}),
            part("{"),
            part("{}"),
            json!({"End": {
                "captured_usage": {"prompt_tokens": 3, "completion_tokens": 2},
                "captured_stop_reason": {"Completed": "stop"},
            }}),
        ];
        let reply = providers::response(Output::Chunks(events));
        assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(2)));
        assert_eq!(reply.finish.unwrap().word, "stop");
        let prompt = reply.prompt.unwrap();
        assert!(prompt.text().ends_with("Hi you"), "{prompt:?}");
        assert_eq!(calls(&prompt), [("weather".to_owned(), "{}".to_owned())]);
    }

    #[test]
    fn parts_beside_others_are_kept() {
        let mut call = call();
        call["thought_signatures"] = json!(["signature-1"]);
        let request = json!({"messages": [
            {"role": "Tool", "content": [
                {"ToolResponse": {"call_id": "c-1", "fn_name": "weather", "content": "sunny"}},
                {"Text": "and so?"},
            ]},
            {"role": "Assistant", "content": [{"ThoughtSignature": "signature-2"}, {"ToolCall": call}]},
        ], "tools": [{"name": "web", "config": {"region": "eu"}}]});
        let read = providers::request(Input::Value(request));
        let rest = (&read.parameters, &read.unplaced);
        let written = format!("{}{rest:?}", serde_json::to_string(&read.prompt).unwrap());
        for text in ["sunny", "and so?", "signature-1", "signature-2", "Bern", "eu"] {
            assert!(written.contains(text), "{text}: {written}");
        }
        let model = json!({"adapter_kind": "OpenAI", "model_name": "m"});
        let reply = providers::response(Output::Value(json!({
            "content": [{"Text": "Hi"}, {"Later": "a part of a later version"}, {"ReasoningContent": "one"}],
            "reasoning_content": "one", "provider_model_iden": model,
        })));
        let written = serde_json::to_string(&reply.prompt).unwrap();
        assert!(written.contains("a part of a later version"), "{written}");
        assert_eq!(written.matches("one").count(), 1, "{written}");
    }

    #[test]
    fn variants_of_other_types_are_no_events() {
        for events in [
            [json!({"Chunk": "Hel"}), json!({"Chunk": "lo"})],
            [json!({"Chunk": {"content": "Hello", "author": "me"}}), json!("End")],
            [json!({"Chunk": {"content": "Hel"}}), json!({"End": {"note": "Hello"}})],
        ] {
            let reply = providers::response(Output::Chunks(events.to_vec()));
            let text = reply.prompt.unwrap().text();
            assert!(text.contains("Hel") && text.contains("lo"), "{text}");
        }
    }

    #[test]
    fn embeddings_are_counted() {
        let model = json!({"adapter_kind": "OpenAI", "model_name": "text-embedding-3-small"});
        let reply = providers::response(Output::Value(json!({
            "embeddings": [{"vector": [0.5, 0.25], "index": 0, "dimensions": 2}],
            "model_iden": model, "provider_model_iden": model, "usage": {"prompt_tokens": 3},
        })));
        assert_eq!(reply.prompt.unwrap().text(), "1 embedding of 2 dimensions");
        assert_eq!(reply.usage.input, Some(3));
    }

    #[test]
    fn words_of_a_stream_of_texts_are_no_events() {
        let words = vec![json!("Start"), json!("End")];
        assert_eq!(providers::response(Output::Chunks(words)).prompt.unwrap().text(), "StartEnd");
    }
}
