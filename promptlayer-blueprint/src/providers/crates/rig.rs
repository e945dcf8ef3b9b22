//! The types of `rig`.

use serde_json::{Value, json};

use super::chunk;
use crate::providers::json::{self, Fields, Object};

/// Rewrites a `CompletionRequest`.
pub(super) fn request(value: &Value) -> Option<Value> {
    let request = value.as_object()?;
    let is_own = ["chat_history", "documents", "tools"].iter().all(|name| request.contains_key(*name));
    let history = request.get("chat_history")?.as_array().filter(|_| is_own)?;
    let mut rewritten = request.clone();
    rewritten.remove("chat_history");
    rewritten.retain(|_, value| !(value.is_null() || value.as_array().is_some_and(Vec::is_empty)));
    let messages: Vec<Value> = history.iter().flat_map(message).collect();
    rewritten.insert("messages".to_owned(), messages.into());
    if let Some(tools) = rewritten.get_mut("tools").and_then(Value::as_array_mut) {
        tools.iter_mut().for_each(|tool| *tool = json!({"type": "function", "function": tool}));
    }
    Some(rewritten.into())
}

/// Rewrites the items of a stream. The usage and the finish reason are not among them.
pub(super) fn events(items: &[Value]) -> Option<Vec<Value>> {
    let events: Vec<&Value> = items
        .iter()
        .map(|item| {
            let value = item.get("value")?;
            match item.get("item")?.as_str()? {
                "event" => value.get("event").map(|_| value),
                "unknown" => Some(&Value::Null),
                _ => None,
            }
        })
        .collect::<Option<_>>()?;
    if events.is_empty() {
        return None;
    }
    let mut calls = 0;
    let delta = |event: &Value| {
        Some(match event.text("event")? {
            "text" => json!({"content": event.get("text")}),
            "reasoning" => json!({"reasoning_content": event.get("text")}),
            "end" => {
                let mut call = tool_call(event.field("content")?)?;
                call.insert("index".to_owned(), calls.into());
                calls += 1;
                json!({"tool_calls": [call]})
            }
            _ => return None,
        })
    };
    let deltas = events.into_iter().filter_map(delta);
    Some(deltas.map(|delta| chunk(&json!({"index": 0, "delta": delta}), &Value::Null)).collect())
}

/// Rewrites a message. The results of several tools are a message each.
fn message(message: &Value) -> Vec<Value> {
    let parts = message.list("content");
    let result = |part: &Value| {
        let texts: Vec<&str> = part.list("content").iter().filter_map(|item| item.text("text")).collect();
        part.is("type", "toolresult").then(|| {
            json!({
                "role": "tool",
                "tool_call_id": part.field("call").and_then(call_id),
                "content": texts.join("\n"),
            })
        })
    };
    let results: Vec<Value> = parts.iter().filter_map(result).collect();
    if !results.is_empty() {
        return results;
    }
    let calls: Vec<Object> = parts.iter().filter_map(tool_call).collect();
    let thoughts: String = parts
        .iter()
        .filter(|part| part.is("type", "reasoning"))
        .filter_map(|part| part.text("text"))
        .collect();
    let Some(object) = message.as_object().filter(|_| !(calls.is_empty() && thoughts.is_empty())) else {
        return vec![message.clone()];
    };
    let is_said = |part: &&Value| !(part.is("type", "toolcall") || part.is("type", "reasoning"));
    let mut rewritten = object.clone();
    rewritten.insert("content".to_owned(), parts.iter().filter(is_said).cloned().collect());
    rewritten.insert("tool_calls".to_owned(), json!(calls));
    rewritten.insert("reasoning_content".to_owned(), thoughts.into());
    vec![rewritten.into()]
}

/// Rewrites a call of a tool. Returns `None` for any other content.
fn tool_call(content: &Value) -> Option<Object> {
    let function = content.field("function").filter(|_| content.is("type", "toolcall"))?;
    let arguments = function.get("arguments").map(json::compact);
    Some(Object::from_iter([
        ("id".to_owned(), content.field("id").and_then(call_id).into()),
        ("type".to_owned(), "function".into()),
        ("function".to_owned(), json!({"name": function.get("name"), "arguments": arguments})),
    ]))
}

/// Returns the id in an enum: `{"provider": "call_1"}`.
fn call_id(id: &Value) -> Option<&str> {
    id.as_object()?.values().next()?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::providers::{self, Input, Output};

    #[test]
    fn request_has_its_tools_and_the_calls_in_its_history() {
        let call = json!({
            "type": "toolcall", "id": {"provider": "c-1"},
            "function": {"name": "weather", "arguments": {"city": "Bern"}},
        });
        let request = json!({
            "model": null,
            "chat_history": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": [{"type": "text", "text": "why?"}]},
                {"role": "assistant", "content": [{"type": "reasoning", "text": "hm"}, call]},
                {"role": "user", "content": [{
                    "type": "toolresult", "call": {"provider": "c-1"}, "name": "weather",
                    "content": [{"type": "text", "text": "sunny"}],
                }]},
            ],
            "documents": [],
            "tools": [{"name": "weather", "description": "d", "parameters": {"type": "object"}}],
            "temperature": 0.5,
        });
        let request = providers::request(Input::Arguments(vec![
            ("model".to_owned(), json!("gpt-4o-mini")),
            ("request".to_owned(), request),
        ]));
        assert_eq!(request.parameters["temperature"], 0.5);
        let prompt = request.prompt.unwrap();
        let roles: Vec<&str> = prompt.messages().iter().map(|message| message.role()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool"]);
        let written = serde_json::to_string(&prompt).unwrap();
        for part in
            ["be brief", "why?", "hm", "Bern", "sunny", r#""description":"d""#, r#""tool_call_id":"c-1""#]
        {
            assert!(written.contains(part), "{part}: {written}");
        }
    }

    #[test]
    fn stream_is_assembled() {
        let event = |event| json!({"item": "event", "value": event});
        let call = json!({"type": "toolcall", "id": {"provider": "c-1"}, "function": {"name": "f", "arguments": {}}});
        let reply = providers::response(Output::Chunks(vec![
            event(json!({"event": "start", "part": 0, "kind": "text"})),
            event(json!({"event": "text", "part": 0, "text": "Hi"})),
            json!({"item": "unknown", "value": {"type": "ping"}}),
            event(json!({"event": "text", "part": 0, "text": " you"})),
            event(json!({"event": "end", "part": 0, "content": {"type": "text", "text": "Hi you"}})),
            event(json!({"event": "end", "part": 1, "content": call})),
        ]));
        let prompt = reply.prompt.unwrap();
        assert_eq!(prompt.text(), "Hi you");
        let written = serde_json::to_string(&prompt).unwrap();
        assert!(written.contains(r#""name":"f""#), "{written}");
    }
}
