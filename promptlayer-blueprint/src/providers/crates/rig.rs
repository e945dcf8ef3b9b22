//! The types of `rig`.

use std::collections::{BTreeMap, BTreeSet};

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
        for tool in tools {
            *tool = json!({"type": "function", "function": tool});
        }
    }
    Some(rewritten.into())
}

/// Rewrites the items of a stream. The usage and the finish reason are not among them.
///
/// A part grows in pieces and ends with its whole content. The end counts if there were no pieces. The arguments of a
/// call that did not end are incomplete.
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
    // The parts of which there were pieces, and the calls so far, by the number of the part.
    let (mut in_pieces, mut calls) = (BTreeSet::new(), BTreeMap::<u64, Object>::new());
    let mut deltas = Vec::new();
    for event in events {
        let part = event.count("part").unwrap_or_default();
        let said = |kind: Option<&str>, text: Option<&str>| match kind? {
            "text" => Some(json!({"content": text?})),
            "reasoning" => Some(json!({"reasoning_content": text?})),
            _ => None,
        };
        match event.text("event").unwrap_or_default() {
            "start" if event.is("kind", "tool_call") => {
                calls.insert(part, called(None, event.get("name"), Some("")));
            }
            "arguments" => {
                let call = calls.entry(part).or_insert_with(|| called(None, None, Some("")));
                if let Some(Value::String(arguments)) =
                    call.get_mut("function").map(|call| &mut call["arguments"])
                {
                    arguments.push_str(event.str("json").unwrap_or_default());
                }
            }
            "end" => {
                let content = event.get("content").unwrap_or(&Value::Null);
                if let Some(call) = tool_call(content) {
                    calls.insert(part, call);
                } else if in_pieces.insert(part) {
                    let whole = said(content.text("type"), content.str("text"));
                    deltas.push(whole.unwrap_or_else(|| json!({"content": json::readable(content)})));
                }
            }
            kind => {
                if let Some(delta) = said(Some(kind), event.str("text")) {
                    in_pieces.insert(part);
                    deltas.push(delta);
                }
            }
        }
    }
    let calls = calls.into_values().enumerate().map(|(index, mut call)| {
        call.insert("index".to_owned(), index.into());
        json!({"tool_calls": [call]})
    });
    let deltas = deltas.into_iter().chain(calls);
    Some(deltas.map(|delta| chunk(&json!({"index": 0, "delta": delta}), &Value::Null)).collect())
}

/// Rewrites a message. The result of each tool is a message, before the rest of the content.
fn message(message: &Value) -> Vec<Value> {
    let (results, parts): (Vec<&Value>, Vec<&Value>) =
        message.list("content").iter().partition(|part| part.is("type", "toolresult"));
    let has_results = !results.is_empty();
    let mut rewritten: Vec<Value> = results.into_iter().map(tool_result).collect();
    if has_results && parts.is_empty() {
        return rewritten;
    }
    let calls: Vec<Object> = parts.iter().filter_map(|part| tool_call(part)).collect();
    let thought =
        |part: &&Value| part.text("text").filter(|_| part.is("type", "reasoning")).map(str::to_owned);
    let thoughts: String = parts.iter().filter_map(thought).collect();
    let Some(object) =
        message.as_object().filter(|_| has_results || !(calls.is_empty() && thoughts.is_empty()))
    else {
        rewritten.push(message.clone());
        return rewritten;
    };
    let is_said = |part: &Value| tool_call(part).is_none() && !part.is("type", "reasoning");
    let mut rest = object.clone();
    rest.insert("content".to_owned(), parts.into_iter().filter(|part| is_said(part)).cloned().collect());
    if !calls.is_empty() {
        rest.insert("tool_calls".to_owned(), json!(calls));
    }
    if !thoughts.is_empty() {
        rest.insert("reasoning_content".to_owned(), thoughts.into());
    }
    rewritten.push(rest.into());
    rewritten
}

/// Rewrites the result of a tool.
fn tool_result(result: &Value) -> Value {
    let part = |part: &Value| match part.get("value") {
        Some(value) if part.is("type", "json") => json!({"type": "text", "text": json::compact(value)}),
        _ => part.clone(),
    };
    let content: Vec<Value> = result.list("content").iter().map(part).collect();
    json!({
        "role": "tool",
        "name": result.get("name"),
        "tool_call_id": result.field("call").and_then(call_id),
        "content": content,
    })
}

/// Rewrites a call of a tool. Returns `None` for any other content.
fn tool_call(content: &Value) -> Option<Object> {
    let function = content.field("function").filter(|_| content.is("type", "toolcall"))?;
    let arguments = function.get("arguments").map(json::compact);
    Some(called(content.field("id").and_then(call_id), function.get("name"), arguments.as_deref()))
}

fn called(id: Option<&str>, name: Option<&Value>, arguments: Option<&str>) -> Object {
    Object::from_iter([
        ("id".to_owned(), id.into()),
        ("type".to_owned(), "function".into()),
        ("function".to_owned(), json!({"name": name, "arguments": arguments})),
    ])
}

/// Returns the id in an enum: `{"provider": "call_1"}`.
fn call_id(id: &Value) -> Option<&str> {
    id.as_object()?.values().next()?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::blueprint::Message;
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
        let roles: Vec<&str> = prompt.messages().iter().map(Message::role).collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool"]);
        let written = serde_json::to_string(&prompt).unwrap();
        for part in
            ["be brief", "why?", "hm", "Bern", "sunny", r#""description":"d""#, r#""tool_call_id":"c-1""#]
        {
            assert!(written.contains(part), "{part}: {written}");
        }
    }

    #[test]
    fn parts_beside_others_are_kept() {
        let call = json!({"type": "toolcall", "id": {"provider": "c-1"}, "function": {"name": "f", "arguments": {}}});
        let request = json!({"documents": [], "tools": [], "chat_history": [
            {"role": "user", "content": [
                {"type": "toolresult", "call": {"provider": "c-1"}, "name": "f", "content": [
                    {"type": "json", "value": {"sky": "blue"}}, {"type": "image", "data": "picture"},
                ]},
                {"type": "text", "text": "and so?"},
            ]},
            {"role": "assistant", "content": [call, {"type": "opaque", "item": "an item"}]},
        ]});
        let prompt = providers::request(Input::Value(request)).prompt.unwrap();
        let roles: Vec<&str> = prompt.messages().iter().map(Message::role).collect();
        assert_eq!(roles, ["tool", "user", "assistant"]);
        let written = serde_json::to_string(&prompt).unwrap();
        for text in ["blue", "picture", "and so?", "an item", r#""name":"f""#] {
            assert!(written.contains(text), "{text}: {written}");
        }
    }

    #[test]
    fn parts_of_a_stream_without_pieces_are_kept() {
        let event = |event| json!({"item": "event", "value": event});
        let reply = providers::response(Output::Chunks(vec![
            event(json!({"event": "start", "part": 0, "kind": "tool_call", "name": "f"})),
            event(json!({"event": "arguments", "part": 0, "json": "{\"city\": \"Be"})),
            event(json!({"event": "end", "part": 1, "content": {"type": "image", "data": "picture"}})),
            event(json!({"event": "end", "part": 2, "content": {"type": "text", "text": "never in pieces"}})),
        ]));
        let written = serde_json::to_string(&reply.prompt).unwrap();
        for text in [r#""name":"f""#, "city", "picture", "never in pieces"] {
            assert!(written.contains(text), "{text}: {written}");
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
