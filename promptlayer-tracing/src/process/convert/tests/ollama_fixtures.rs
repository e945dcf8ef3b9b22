//! Conversion of exchanges with Ollama.

use promptlayer_blueprint::{ContentBlock, LogRequest, Message, Prompt, RequestStatus};
use serde_json::Value;

use super::gemini_fixtures::{Exchange, exchanges};
use super::{assistant, chat};

/// Runs a check on every exchange with Ollama itself and its log.
fn each(check: impl Fn(&str, &Exchange, &LogRequest)) {
    for exchange in exchanges("ollama-").iter().filter(|exchange| is_chat(exchange)) {
        check(&exchange.name, exchange, &exchange.log());
    }
}

/// Returns `false` for the two recorded exchanges of Ollama's client with other servers.
fn is_chat(exchange: &Exchange) -> bool {
    exchange.request["messages"].is_array()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Returns the response, or the lines of a streamed one.
fn replies(exchange: &Exchange) -> &[Value] {
    if exchange.chunks.is_empty() { std::slice::from_ref(&exchange.response) } else { &exchange.chunks }
}

#[test]
fn exchanges_keep_provider_api_and_model() {
    each(|name, exchange, log| {
        let model = exchange.request["model"].as_str().unwrap();
        assert_eq!((log.provider.as_str(), log.model.as_str()), ("ollama", model), "{name}");
        assert_eq!(log.api_type.as_deref(), Some("chat"), "{name}");
        assert!(exchange.request["options"].is_object(), "{name}");
    });
}

#[test]
fn replies_keep_texts_thoughts_and_calls() {
    each(|name, exchange, log| {
        let message = assistant(&log.output, 0);
        let text = |key: &str| -> String {
            replies(exchange).iter().filter_map(|reply| reply["message"][key].as_str()).collect()
        };
        let mut content = Vec::new();
        let (thinking, said) = (text("thinking"), text("content"));
        content.extend((!thinking.is_empty()).then(|| ContentBlock::from_thinking(thinking)));
        content.extend((!said.is_empty()).then(|| ContentBlock::from_text(said)));
        assert_eq!(message.content, content, "{name}");
        let calls: Vec<&Value> =
            replies(exchange).iter().flat_map(|reply| list(&reply["message"]["tool_calls"])).collect();
        assert_eq!(message.tool_calls.len(), calls.len(), "{name}");
        for (call, expected) in message.tool_calls.iter().zip(calls) {
            assert_eq!(call.id, expected["id"].as_str().unwrap(), "{name}");
            assert_eq!(call.function.name, expected["function"]["name"].as_str().unwrap(), "{name}");
            let arguments: Value = serde_json::from_str(&call.function.arguments).unwrap();
            assert_eq!(arguments, expected["function"]["arguments"], "{name}");
        }
    });
}

#[test]
fn replies_keep_tokens_durations_and_finish_reason() {
    each(|name, exchange, log| {
        let last = replies(exchange).last().unwrap();
        assert_eq!(log.input_tokens, last["prompt_eval_count"].as_u64(), "{name}");
        assert_eq!(log.output_tokens, last["eval_count"].as_u64(), "{name}");
        assert_eq!(last["done_reason"], "stop", "{name}");
        let calls = &assistant(&log.output, 0).tool_calls;
        assert_eq!(
            log.metadata["finish_reason"],
            if calls.is_empty() { "stop" } else { "tool_calls" },
            "{name}"
        );
        for name in ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"] {
            let told: f64 = log.metadata[&format!("{name}_ms")].parse().unwrap();
            let nanoseconds = last[name].as_f64().unwrap();
            assert!((told * 1e6 - nanoseconds).abs() < 1_000.0, "{name}: {told} ms of {nanoseconds} ns");
        }
        assert_eq!(log.status, RequestStatus::Success, "{name}");
    });
}

#[test]
fn requests_keep_messages_and_tools() {
    each(|name, exchange, log| {
        let messages = list(&exchange.request["messages"]);
        assert_eq!(log.input.messages().len(), messages.len(), "{name}");
        let mut waiting: Vec<(String, String)> = Vec::new();
        for (at, (message, expected)) in log.input.messages().iter().zip(messages).enumerate() {
            assert_eq!(message.role(), expected["role"].as_str().unwrap(), "{name} {at}");
            assert_eq!(message.text(), expected["content"].as_str().unwrap(), "{name} {at}");
            if let Message::Assistant(message) = message {
                let calls = message.tool_calls.iter();
                waiting.extend(calls.map(|call| (call.function.name.clone(), call.id.clone())));
            }
            if let Message::Tool(result) = message {
                let name = expected["tool_name"].as_str().unwrap();
                assert_eq!(result.name.as_deref(), Some(name), "{name} {at}");
                let call = waiting.iter().position(|(function, _)| function == name).unwrap();
                assert_eq!(result.tool_call_id, waiting.remove(call).1, "{name} {at}");
            }
        }
        let tools = serde_json::to_value(&chat(&log.input).tools).unwrap();
        assert_eq!(list(&tools), list(&exchange.request["tools"]), "{name}");
        let mut rest = exchange.request.as_object().unwrap().clone();
        rest.retain(|key, _| !["model", "messages", "tools"].contains(&key.as_str()));
        assert_eq!(log.parameters, rest, "{name}");
    });
}

#[test]
fn replies_of_other_servers_are_not_ollama() {
    let of_its_client = exchanges("ollama-").into_iter().filter(|exchange| !is_chat(exchange));
    for exchange in exchanges("other-").into_iter().chain(of_its_client) {
        let log = exchange.log();
        assert_ne!(log.provider, "ollama", "{}", exchange.name);
        if exchange.response.get("error").is_some() {
            assert_eq!(log.status, RequestStatus::Error, "{}", exchange.name);
            assert_eq!(log.error_message(), exchange.response["error"]["message"].as_str());
        } else {
            let whole: Value = serde_json::from_str(&log.output.text()).unwrap();
            assert_eq!(whole, exchange.response, "{}", exchange.name);
            assert!(matches!(&log.output, Prompt::Chat(_)));
        }
    }
}

/// A stream is detected even if it was interrupted early.
#[test]
fn interrupted_streams_are_converted() {
    for mut exchange in exchanges("ollama-stream") {
        let said = exchange.log().output.text();
        let mut before = String::new();
        for came in 1..=exchange.chunks.len() {
            let chunks = exchange.chunks.clone();
            exchange.chunks.truncate(came);
            exchange.request = Value::Null;
            let log = exchange.log();
            let text = log.output.text();
            assert_eq!(log.provider, "ollama", "{} {came}", exchange.name);
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
