//! The types of `langchain-rust`.

use serde_json::{Value, json};

use crate::providers::json::Fields;

/// Rewrites a `GenerateResult`. If the model calls tools, its text is usually the calls once more, as JSON.
pub(super) fn response(value: &Value) -> Option<Value> {
    let result = value.as_object()?;
    let is_own = |key: &String| ["tokens", "generation", "tool_calls"].contains(&key.as_str());
    if !(result.contains_key("tokens") && result.keys().all(is_own)) {
        return None;
    }
    let (text, calls) = (result.str("generation")?, result.list("tool_calls"));
    let repeats_calls = || serde_json::from_str::<Vec<Value>>(text).is_ok_and(|repeated| repeated == calls);
    let message = if calls.is_empty() {
        json!({"role": "assistant", "content": text})
    } else {
        let content = if repeats_calls() { None } else { Some(text) };
        json!({"role": "assistant", "content": content, "tool_calls": calls})
    };
    Some(json!({
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message}],
        "usage": result.get("tokens"),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::providers::{self, Output, Reply};

    fn read(result: serde_json::Value) -> Reply {
        providers::response(Output::Value(result))
    }

    #[test]
    fn result_is_the_reply() {
        let tokens = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
        let reply = read(json!({"tokens": tokens, "generation": "4"}));
        assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(2)));
        assert_eq!(reply.prompt.unwrap().text(), "4");
    }

    #[test]
    fn calls_of_a_result_are_not_its_text() {
        let calls = json!([{"id": "c-1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
        let reply = read(json!({"tokens": null, "generation": calls.to_string(), "tool_calls": calls}));
        let prompt = reply.prompt.unwrap();
        assert_eq!(prompt.text(), "");
        assert!(serde_json::to_string(&prompt).unwrap().contains(r#""name":"f""#));
        let reply = read(json!({"tokens": null, "generation": "I look.", "tool_calls": calls}));
        assert_eq!(reply.prompt.unwrap().text(), "I look.", "any other text is kept");
    }

    #[test]
    fn value_with_other_fields_is_no_result() {
        let reply = read(json!({"tokens": null, "generation": "4", "attempts": 1}));
        assert!(reply.shape.is_none());
    }
}
