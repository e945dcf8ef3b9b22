//! Conversion of exchanges with Cohere.

use promptlayer_blueprint::{ContentBlock, LogRequest, RequestStatus};
use serde_json::{Value, json};

use super::gemini_fixtures::{Exchange, exchanges};
use super::{assistant, calls, chat};

fn each(check: impl Fn(&str, &Exchange, &LogRequest)) {
    for exchange in exchanges("cohere-") {
        check(&exchange.name, &exchange, &exchange.log());
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Returns the response, or the last event of a stream. Both contain the usage and the finish reason.
fn end(exchange: &Exchange) -> &Value {
    let last = exchange.chunks.iter().find(|chunk| chunk["type"] == "message-end");
    last.map_or(&exchange.response, |event| &event["delta"])
}

#[test]
fn exchanges_keep_provider_api_and_model() {
    each(|name, exchange, log| {
        let model = exchange.request["model"].as_str().unwrap();
        assert_eq!((log.provider.as_str(), log.model.as_str()), ("cohere", model), "{name}");
        assert_eq!(log.api_type.as_deref(), Some("chat"), "{name}");
        assert_eq!(log.status, RequestStatus::Success, "{name}");
    });
}

#[test]
fn replies_keep_texts_plans_and_calls() {
    each(|name, exchange, log| {
        let message = assistant(&log.output, 0);
        let reply = &exchange.response["message"];
        let whole = list(&reply["content"]).iter().filter_map(|part| part["text"].as_str());
        let pieces =
            exchange.chunks.iter().filter_map(|event| event["delta"]["message"]["content"]["text"].as_str());
        assert_eq!(log.output.messages()[0].text(), whole.chain(pieces).collect::<String>(), "{name}");
        let plan = message.content.iter().find_map(|block| match block {
            ContentBlock::Thinking(block) => Some(block.thinking.as_str()),
            _ => None,
        });
        assert_eq!(plan, reply["tool_plan"].as_str(), "{name}");
        let expected: Vec<[&str; 3]> = list(&reply["tool_calls"])
            .iter()
            .map(|call| [&call["id"], &call["function"]["name"], &call["function"]["arguments"]])
            .map(|call| call.map(|value| value.as_str().unwrap()))
            .collect();
        assert_eq!(calls(message), expected, "{name}");
        let cited: Value =
            log.metadata.get("citations").map_or(json!(null), |cited| serde_json::from_str(cited).unwrap());
        assert_eq!(cited, reply["citations"], "{name}: a tool has no address to be cited by");
    });
}

#[test]
fn replies_keep_tokens_separate_from_billed_units() {
    each(|name, exchange, log| {
        let usage = &end(exchange)["usage"];
        assert_eq!(log.input_tokens, usage["tokens"]["input_tokens"].as_u64(), "{name}");
        assert_eq!(log.output_tokens, usage["tokens"]["output_tokens"].as_u64(), "{name}");
        let told = |key: &str| log.metadata.get(key).map(|count| count.parse::<u64>().unwrap());
        assert_eq!(told("billed_input_tokens"), usage["billed_units"]["input_tokens"].as_u64(), "{name}");
        assert_eq!(told("billed_output_tokens"), usage["billed_units"]["output_tokens"].as_u64(), "{name}");
        assert_eq!(told("cached_tokens"), usage["cached_tokens"].as_u64(), "{name}");
        let word = end(exchange)["finish_reason"].as_str().unwrap();
        assert_eq!(log.metadata["provider_finish_reason"], word, "{name}");
        let normalized = if word == "TOOL_CALL" { "tool_calls" } else { "stop" };
        assert_eq!(log.metadata["finish_reason"], normalized, "{name}");
        let id = exchange.chunks.first().unwrap_or(&exchange.response)["id"].as_str().unwrap();
        assert_eq!(log.metadata["response_id"], id, "{name}");
    });
}

#[test]
fn requests_keep_messages_and_tools() {
    each(|name, exchange, log| {
        let messages = list(&exchange.request["messages"]);
        assert_eq!(log.input.messages().len(), messages.len(), "{name}");
        for (at, (message, expected)) in log.input.messages().iter().zip(messages).enumerate() {
            assert_eq!(message.role(), expected["role"].as_str().unwrap(), "{name} {at}");
            let parts = list(&expected["content"]).iter().filter_map(|part| part["text"].as_str());
            let text: String = expected["content"].as_str().into_iter().chain(parts).collect();
            assert_eq!(message.text(), text, "{name} {at}");
        }
        let tools = serde_json::to_value(&chat(&log.input).tools).unwrap();
        assert_eq!(list(&tools), list(&exchange.request["tools"]), "{name}");
        let choice = serde_json::to_value(&chat(&log.input).tool_choice).unwrap();
        let asked = exchange.request["tool_choice"].as_str().map(str::to_lowercase);
        assert_eq!(choice, json!(asked), "{name}");
        let mut rest = exchange.request.as_object().unwrap().clone();
        rest.retain(|key, _| !["model", "messages", "tools", "tool_choice"].contains(&key.as_str()));
        assert_eq!(log.parameters, rest, "{name}");
    });
}

#[test]
fn embeddings_are_logged_by_count_and_dimensions() {
    for exchange in exchanges("embeddings-reply-media") {
        let log = exchange.log();
        assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("cohere", Some("embed")));
        assert_eq!(log.model, "embed-english-v3.0");
        let dimensions = list(&exchange.response["embeddings"]["float"][0]).len();
        assert_eq!(log.output.text(), format!("1 embedding of {dimensions} dimensions"));
        assert_eq!(log.metadata["billed_images"], "1");
        let image = serde_json::to_value(log.input.messages()[0].content()).unwrap();
        let url = &exchange.request["images"][0];
        assert_eq!(image, json!([{"type": "image_url", "image_url": {"url": url}}]));
        assert_eq!(
            Value::Object(log.parameters),
            json!({"embedding_types": ["float"], "input_type": "image"})
        );
    }
    for exchange in exchanges("embeddings-reply-error-media") {
        let log = exchange.log();
        let model = exchange.request["model"].as_str().unwrap();
        assert_eq!((log.provider.as_str(), log.model.as_str()), ("cohere", model));
        let texts = log.input.messages()[0].content().iter().filter_map(ContentBlock::text);
        assert_eq!(texts.collect::<Vec<_>>(), list(&exchange.request["texts"]).to_vec());
        let said: Value = serde_json::from_str(&log.output.text()).unwrap();
        assert_eq!(said, exchange.response, "nothing in it tells that it is an error");
    }
}

/// A stream is detected even if it was interrupted early.
#[test]
fn interrupted_streams_are_converted() {
    for mut exchange in exchanges("cohere-stream") {
        let said = exchange.log().output.text();
        let mut before = String::new();
        for came in 1..=exchange.chunks.len() {
            let chunks = exchange.chunks.clone();
            exchange.chunks.truncate(came);
            exchange.request = Value::Null;
            let log = exchange.log();
            let text = log.output.text();
            assert_eq!(log.provider, "cohere", "{} {came}", exchange.name);
            assert!(text.starts_with(&before) && said.starts_with(&text), "{} {came}: {text}", exchange.name);
            before = text;
            exchange.chunks = chunks;
        }
        assert_eq!(before, said, "{}", exchange.name);
    }
}

#[test]
fn logs_of_all_exchanges_round_trip() {
    each(|name, _, log| {
        let written = serde_json::to_string(log).unwrap();
        assert_eq!(&serde_json::from_str::<LogRequest>(&written).unwrap(), log, "{name}");
    });
}
