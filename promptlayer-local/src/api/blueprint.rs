//! The prompt blueprint of a request log: its input and output as one conversation that can be replayed.

use promptlayer_blueprint::{Metadata, Model};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The parts of a request that can be replayed: a [`PromptBlueprint`](promptlayer_blueprint::PromptBlueprint) whose
/// prompt is raw JSON, so that its unknown fields stay as they were logged.
#[derive(Serialize)]
pub(super) struct Blueprint {
    prompt_template: Value,
    commit_message: Option<String>,
    metadata: Metadata,
    provider_base_url_name: Option<String>,
    report_id: Option<i64>,
    inference_client_name: Option<String>,
}

/// Returns the blueprint of a request with this input and this output.
pub(super) fn of_request(input: Value, output: Value, model: Model) -> Blueprint {
    let mut metadata = Metadata::default();
    metadata.model = Some(model);
    Blueprint {
        prompt_template: joined(input, output),
        commit_message: None,
        metadata,
        provider_base_url_name: None,
        report_id: None,
        inference_client_name: None,
    }
}

/// Appends the output to the input: messages to messages, blocks to blocks. Nothing is copied.
fn joined(mut input: Value, output: Value) -> Value {
    if let Some(messages) = input.get_mut("messages").and_then(Value::as_array_mut) {
        messages.extend(messages_of(output));
    } else if let Some(content) = input.get_mut("content").and_then(Value::as_array_mut) {
        content.extend(blocks_of(output));
    }
    input
}

/// Returns the messages of a prompt. The text of a completion becomes a message of the assistant.
fn messages_of(mut prompt: Value) -> Vec<Value> {
    match take_list(&mut prompt, "messages") {
        Some(messages) => messages,
        None => {
            let mut message = Map::new();
            message.insert("role".to_owned(), json!("assistant"));
            message.insert("content".to_owned(), Value::Array(blocks_of(prompt)));
            vec![Value::Object(message)]
        }
    }
}

/// Returns the content blocks of a prompt. For a chat, these are the blocks of all messages.
fn blocks_of(mut prompt: Value) -> Vec<Value> {
    if let Some(content) = take_list(&mut prompt, "content") {
        return content;
    }
    let messages = take_list(&mut prompt, "messages").into_iter().flatten();
    messages.filter_map(|mut message| take_list(&mut message, "content")).flatten().collect()
}

fn take_list(holder: &mut Value, name: &str) -> Option<Vec<Value>> {
    holder.get_mut(name).and_then(Value::as_array_mut).map(std::mem::take)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::joined;

    #[test]
    fn chat_blueprint_ends_with_the_model_output() {
        let input = json!({ "type": "chat", "messages": [{ "role": "user", "content": [] }], "tools": [] });
        let output = json!({ "type": "chat", "messages": [{ "role": "assistant", "content": [] }] });
        assert_eq!(
            joined(input, output),
            json!({
                "type": "chat",
                "messages": [{ "role": "user", "content": [] }, { "role": "assistant", "content": [] }],
                "tools": [],
            })
        );
    }

    #[test]
    fn output_is_appended_to_completions_and_mixed_kinds() {
        let text = |text: &str| json!({ "type": "text", "text": text });
        let completion = |content: serde_json::Value| json!({ "type": "completion", "content": content });
        let chat = |text: serde_json::Value| json!({ "type": "chat", "messages": [{ "role": "assistant", "content": [text] }] });
        assert_eq!(
            joined(completion(json!([text("Once")])), completion(json!([text("upon")]))),
            completion(json!([text("Once"), text("upon")]))
        );
        assert_eq!(
            joined(completion(json!([text("Once")])), chat(text("upon"))),
            completion(json!([text("Once"), text("upon")]))
        );
        let both = joined(chat(text("Once")), completion(json!([text("upon")])));
        assert_eq!(both["messages"][1], json!({ "role": "assistant", "content": [text("upon")] }));
    }
}
