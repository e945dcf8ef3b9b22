//! Conversion of exchanges with servers that implement OpenAI's Responses API.

use promptlayer_blueprint::{ContentBlock, LogRequest, Message, RequestStatus};
use serde_json::{Map, Value};

use super::responses_chunks::{log_of_stream, sum};
use super::{assistant, calls, chat, log_of, recorded};

/// An exchange.
struct Exchange {
    name: String,
    provider: String,
    request: Value,
    /// The whole response. For a stream, the response that the provider's own SDK assembles from the
    /// events.
    reply: Value,
    chunks: Vec<Value>,
}

/// Returns all exchanges.
fn exchanges() -> Vec<Exchange> {
    recorded(&["responses-"])
        .into_iter()
        .map(|(name, mut exchange)| {
            let reply = match exchange["response"].take() {
                Value::Null => exchange["accumulated_by_vendor_sdk"].take(),
                reply => reply,
            };
            let chunks = match exchange["chunks"].take() {
                Value::Array(chunks) => chunks,
                _ => Vec::new(),
            };
            let provider = exchange["provider"].as_str().unwrap().to_owned();
            Exchange { name, provider, request: exchange["request"].take(), reply, chunks }
        })
        .collect()
}

/// Returns the exchanges that are streams.
fn streams() -> impl Iterator<Item = Exchange> {
    exchanges().into_iter().filter(|exchange| !exchange.chunks.is_empty())
}

/// Returns the items of a stream, from the events that end them.
fn ended_items(chunks: &[Value]) -> Vec<&Value> {
    let mut items: Vec<(u64, &Value)> = chunks
        .iter()
        .filter(|chunk| chunk["type"] == "response.output_item.done")
        .map(|chunk| (chunk["output_index"].as_u64().unwrap(), &chunk["item"]))
        .collect();
    items.sort_by_key(|(index, _)| *index);
    items.into_iter().map(|(_, item)| item).collect()
}

/// Concatenates the texts of a list of parts.
fn texts(parts: &Value) -> String {
    let parts = parts.as_array().map(Vec::as_slice).unwrap_or_default();
    parts.iter().filter_map(|part| part["text"].as_str().or(part["refusal"].as_str())).collect()
}

fn of_kind<'a>(items: &[&'a Value], kind: &str) -> Vec<&'a Value> {
    items.iter().filter(|item| item["type"] == kind).copied().collect()
}

/// Checks the single message of a response against its items.
fn check_message(name: &str, log: &LogRequest, items: &[&Value]) {
    let message = assistant(&log.output, 0);
    assert_eq!(log.output.messages().len(), 1, "{name}");
    let said: String = of_kind(items, "message").iter().map(|item| texts(&item["content"])).collect();
    assert_eq!(log.output.text(), said, "{name}");
    let expected: Vec<[&str; 3]> = of_kind(items, "function_call")
        .iter()
        .map(|item| {
            [&item["call_id"], &item["name"], &item["arguments"]].map(|value| value.as_str().unwrap())
        })
        .collect();
    assert_eq!(calls(message), expected, "{name}");
    let thoughts: Vec<(String, Option<&str>)> = of_kind(items, "reasoning")
        .iter()
        .map(|item| (texts(&item["summary"]), item["encrypted_content"].as_str()))
        .collect();
    let told: Vec<(String, Option<&str>)> = message
        .content
        .iter()
        .filter_map(|block| match block {
            ContentBlock::Thinking(block) => Some((block.thinking.clone(), block.signature.as_deref())),
            _ => None,
        })
        .collect();
    assert_eq!(told, thoughts, "{name}");
}

#[test]
fn exchanges_keep_model_provider_and_api() {
    for exchange in exchanges() {
        let log = log_of(&exchange.request, &exchange.reply);
        assert_eq!(log.model, exchange.request["model"].as_str().unwrap(), "{}", exchange.name);
        assert_eq!(log.api_type.as_deref(), Some("responses"), "{}", exchange.name);
        if exchange.provider == "xai" {
            assert_eq!(log.provider, "xai", "{}", exchange.name);
            assert!(log.price.is_some_and(|price| price > 0.0 && price < 0.01), "{:?}", log.price);
        }
    }
}

#[test]
fn replies_become_one_message_with_thoughts_text_and_calls() {
    for exchange in exchanges() {
        let log = log_of(&exchange.request, &exchange.reply);
        match exchange.reply["output"].as_array() {
            Some(output) if !output.is_empty() => {
                check_message(&exchange.name, &log, &output.iter().collect::<Vec<_>>());
            }
            _ => assert!(log.output.messages().is_empty(), "{}", exchange.name),
        }
    }
}

#[test]
fn replies_keep_tokens_and_finish_reason() {
    for exchange in exchanges() {
        let log = log_of(&exchange.request, &exchange.reply);
        let name = &exchange.name;
        let usage = &exchange.reply["usage"];
        assert_eq!(log.input_tokens, usage["input_tokens"].as_u64(), "{name}");
        assert_eq!(log.output_tokens, usage["output_tokens"].as_u64(), "{name}");
        let told = |key: &str| log.metadata.get(key).map_or(0, |count| count.parse().unwrap());
        let count = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or_default();
        assert_eq!(told("cached_tokens"), count("/input_tokens_details/cached_tokens"), "{name}");
        assert_eq!(told("reasoning_tokens"), count("/output_tokens_details/reasoning_tokens"), "{name}");
        let output = exchange.reply["output"].as_array().map(Vec::as_slice).unwrap_or_default();
        let (status, reason) = if name.contains("error") {
            (RequestStatus::Error, None)
        } else if name.contains("refusal") {
            (RequestStatus::Warning, Some("refusal"))
        } else if output.iter().any(|item| item["type"] == "function_call") {
            (RequestStatus::Success, Some("tool_calls"))
        } else {
            (RequestStatus::Success, Some("stop"))
        };
        assert_eq!(log.status, status, "{name}");
        assert_eq!(log.metadata.get("finish_reason").map(String::as_str), reason, "{name}");
    }
}

#[test]
fn streams_match_response_of_provider_sdk() {
    for Exchange { name, reply, chunks, .. } in streams() {
        let sum = sum(&chunks);
        let items = ended_items(&chunks);
        assert_eq!(sum["output"].as_array().unwrap().iter().collect::<Vec<_>>(), items, "{name}");
        let mut expected = reply;
        // The SDK uses the last event, which has no items for one of the servers.
        expected["output"] = items.into_iter().cloned().collect();
        assert_eq!(sum, expected, "{name}");
        let log = log_of_stream(&chunks);
        check_message(&name, &log, &ended_items(&chunks));
    }
}

#[test]
fn streams_without_last_event_keep_their_items() {
    for Exchange { name, chunks, .. } in streams() {
        let (last, others) = chunks.split_last().unwrap();
        assert_eq!(last["type"], "response.completed", "{name}");
        let sum = sum(others);
        assert_eq!(
            sum["output"].as_array().unwrap().iter().collect::<Vec<_>>(),
            ended_items(&chunks),
            "{name}"
        );
    }
}

#[test]
fn streams_of_only_fragments_give_the_same_output() {
    for Exchange { name, chunks, .. } in streams() {
        let pieces: Vec<Value> = chunks
            .iter()
            .filter(|chunk| {
                let kind = chunk["type"].as_str().unwrap();
                kind.ends_with("delta") || kind.ends_with("item.added") || kind.ends_with("created")
            })
            .cloned()
            .collect();
        let log = log_of_stream(&pieces);
        let items = ended_items(&chunks);
        let said: String = of_kind(&items, "message").iter().map(|item| texts(&item["content"])).collect();
        assert_eq!(log.output.text(), said, "{name}");
        let called: Vec<&str> =
            of_kind(&items, "function_call").iter().map(|item| item["arguments"].as_str().unwrap()).collect();
        let told: Vec<&str> =
            calls(assistant(&log.output, 0)).iter().map(|[_, _, arguments]| *arguments).collect();
        assert_eq!(told, called, "{name}");
    }
}

#[test]
fn requests_keep_instructions_items_and_tools() {
    for exchange in exchanges() {
        let (name, request) = (&exchange.name, &exchange.request);
        let log = log_of(request, &exchange.reply);
        let mut expected: Vec<(String, String)> = Vec::new();
        if let Some(text) = request["instructions"].as_str() {
            expected.push(("system".to_owned(), text.to_owned()));
        }
        for item in request["input"].as_array().unwrap() {
            let text = match (&item["content"], &item["output"]) {
                (Value::String(text), _) | (_, Value::String(text)) => text.clone(),
                (parts, _) => texts(parts),
            };
            match item["type"].as_str().unwrap() {
                "message" => expected.push((item["role"].as_str().unwrap().to_owned(), text)),
                "function_call_output" => expected.push(("tool".to_owned(), text)),
                // Consecutive reasoning and calls form one message.
                _ if expected.last().is_some_and(|(role, text)| role == "assistant" && text.is_empty()) => {}
                _ => expected.push(("assistant".to_owned(), String::new())),
            }
        }
        assert_eq!(super::said(&log.input), expected, "{name}");

        let called: Vec<[&str; 3]> = log
            .input
            .messages()
            .iter()
            .flat_map(|message| match message {
                Message::Assistant(message) => calls(message),
                _ => Vec::new(),
            })
            .collect();
        let items: Vec<&Value> = request["input"].as_array().unwrap().iter().collect();
        let expected: Vec<[&str; 3]> = of_kind(&items, "function_call")
            .iter()
            .map(|item| {
                [&item["call_id"], &item["name"], &item["arguments"]].map(|value| value.as_str().unwrap())
            })
            .collect();
        assert_eq!(called, expected, "{name}");

        let tools = request["tools"].as_array().map_or(0, Vec::len);
        assert_eq!(chat(&log.input).tools.len(), tools, "{name}");
        let mut rest: Map<String, Value> = request.as_object().unwrap().clone();
        rest.retain(|key, _| {
            !["model", "input", "instructions", "tools", "tool_choice"].contains(&key.as_str())
        });
        assert_eq!(log.parameters, rest, "{name}");
    }
}

#[test]
fn file_with_url_becomes_media() {
    for exchange in exchanges().iter().filter(|exchange| exchange.name.contains("-media-")) {
        let log = log_of(&exchange.request, &exchange.reply);
        let url = exchange.request["input"][0]["content"][0]["file_url"].as_str();
        let media = log.input.messages().iter().flat_map(Message::content).find_map(|block| match block {
            ContentBlock::Media(block) => Some(&block.media),
            _ => None,
        });
        assert_eq!(media.unwrap().url.as_deref(), url);
        assert_eq!(media.unwrap().mime_type.as_deref(), Some("application/pdf"));
    }
}

#[test]
fn logs_of_all_exchanges_round_trip() {
    for exchange in exchanges() {
        for log in [log_of(&exchange.request, &exchange.reply), log_of_stream(&exchange.chunks)] {
            let written = serde_json::to_string(&log).unwrap();
            assert_eq!(serde_json::from_str::<LogRequest>(&written).unwrap(), log, "{}", exchange.name);
        }
    }
}
