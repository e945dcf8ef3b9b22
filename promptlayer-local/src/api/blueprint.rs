//! The prompt blueprint of a request log: what went in and what came out as one conversation that can be replayed.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// The model a request went to.
#[derive(Serialize)]
pub(super) struct Model<'a> {
    pub(super) provider: &'a str,
    pub(super) name: &'a str,
    pub(super) parameters: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api_type: Option<&'a str>,
}

/// The blueprint of a request that had this input and this output.
pub(super) fn of_request(input: &Value, output: &Value, model: &Model<'_>) -> Value {
    json!({
        "prompt_template": joined(input, output),
        "commit_message": null,
        "metadata": { "model": model },
        "provider_base_url_name": null,
        "report_id": null,
        "inference_client_name": null,
    })
}

/// The input with the output behind it: messages after messages, blocks after blocks.
fn joined(input: &Value, output: &Value) -> Value {
    let mut whole = input.clone();
    if let Some(messages) = whole.get_mut("messages").and_then(Value::as_array_mut) {
        messages.extend(messages_of(output));
    } else if let Some(content) = whole.get_mut("content").and_then(Value::as_array_mut) {
        content.extend(blocks_of(output));
    }
    whole
}

/// The messages of a prompt; a completed text is what the assistant said.
fn messages_of(prompt: &Value) -> Vec<Value> {
    match prompt.get("messages").and_then(Value::as_array) {
        Some(messages) => messages.clone(),
        None => vec![json!({ "role": "assistant", "content": blocks_of(prompt) })],
    }
}

/// The blocks of a prompt, of all of its messages if it is a chat.
fn blocks_of(prompt: &Value) -> Vec<Value> {
    if let Some(content) = prompt.get("content").and_then(Value::as_array) {
        return content.clone();
    }
    let messages = prompt.get("messages").and_then(Value::as_array).into_iter().flatten();
    messages.filter_map(|message| message.get("content")?.as_array()).flatten().cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::joined;

    #[test]
    fn a_chat_ends_with_what_the_model_said() {
        let input = json!({ "type": "chat", "messages": [{ "role": "user", "content": [] }], "tools": [] });
        let output = json!({ "type": "chat", "messages": [{ "role": "assistant", "content": [] }] });
        assert_eq!(
            joined(&input, &output),
            json!({
                "type": "chat",
                "messages": [{ "role": "user", "content": [] }, { "role": "assistant", "content": [] }],
                "tools": [],
            })
        );
    }

    #[test]
    fn a_completion_is_followed_by_its_text_and_kinds_may_mix() {
        let text = |text: &str| json!({ "type": "text", "text": text });
        let completion = |content: serde_json::Value| json!({ "type": "completion", "content": content });
        let chat = |text: serde_json::Value| json!({ "type": "chat", "messages": [{ "role": "assistant", "content": [text] }] });
        assert_eq!(
            joined(&completion(json!([text("Once")])), &completion(json!([text("upon")]))),
            completion(json!([text("Once"), text("upon")]))
        );
        assert_eq!(
            joined(&completion(json!([text("Once")])), &chat(text("upon"))),
            completion(json!([text("Once"), text("upon")]))
        );
        let both = joined(&chat(text("Once")), &completion(json!([text("upon")])));
        assert_eq!(both["messages"][1], json!({ "role": "assistant", "content": [text("upon")] }));
    }
}
