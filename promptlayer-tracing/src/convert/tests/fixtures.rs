//! Exchanges that were really had with servers that speak OpenAI's chat completions.

use std::io::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

use serde_json::{Map, Value, json};

use super::{assistant, calls, chat, log_of};
use crate::blueprint::{ContentBlock, ErrorType, LogRequest, Message, Prompt, RequestStatus};

/// The variable that names the folder of reference documents.
const VARIABLE: &str = "PROMPTLAYER_SHARED";

/// One exchange.
struct Exchange {
    name: String,
    request: Value,
    response: Value,
}

/// All exchanges that came whole. Where there are none, says so and gives none.
fn exchanges() -> Vec<Exchange> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = env::var_os(VARIABLE).filter(|folder| !folder.is_empty()).map_or_else(beside, PathBuf::from);
    let folder = folder.join("fixtures");
    let Ok(entries) = fs::read_dir(&folder) else {
        // Not by `eprintln!`: what that prints, the harness hides when the test passes.
        let folder = folder.display();
        drop(writeln!(
            io::stderr(),
            "skipped: {folder} cannot be read; set {VARIABLE} to the folder it is in"
        ));
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("chat-reply-"))
        .collect();
    names.sort();
    assert!(names.len() > 15, "the folder is there and has no more than {names:?}");
    names
        .into_iter()
        .map(|name| {
            let text = fs::read_to_string(folder.join(&name)).unwrap();
            let mut exchange: Value = serde_json::from_str(&text).unwrap();
            Exchange { name, request: exchange["request"].take(), response: exchange["response"].take() }
        })
        .collect()
}

/// Runs a check on every exchange and its log.
fn each(check: impl Fn(&str, &Exchange, &LogRequest)) {
    for exchange in exchanges() {
        let log = log_of(&exchange.request, &exchange.response);
        check(&exchange.name, &exchange, &log);
    }
}

/// The blocks of a content, as OpenAI's document says what it may be.
fn blocks(content: &Value) -> Vec<ContentBlock> {
    match content {
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![ContentBlock::from_text(text.as_str())],
        Value::Array(parts) => parts.iter().map(block).collect(),
        other => panic!("no content: {other}"),
    }
}

fn block(part: &Value) -> ContentBlock {
    match part["type"].as_str().unwrap() {
        "text" => ContentBlock::from_text(part["text"].as_str().unwrap()),
        "image_url" => serde_json::from_value(json!({
            "type": "image_url",
            "image_url": {"url": part["image_url"]["url"], "detail": part["image_url"]["detail"]},
        }))
        .unwrap(),
        _ => ContentBlock::from_text(serde_json::to_string_pretty(part).unwrap()),
    }
}

/// Id, name and arguments of the calls in a message.
fn called(message: &Value) -> Vec<[&str; 3]> {
    message["tool_calls"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(|call| {
            [&call["id"], &call["function"]["name"], &call["function"]["arguments"]]
                .map(|value| value.as_str().unwrap())
        })
        .collect()
}

#[test]
fn every_exchange_tells_its_model_its_provider_and_its_interface() {
    each(|name, exchange, log| {
        assert_eq!(log.model, exchange.request["model"].as_str().unwrap(), "{name}");
        assert_eq!(log.provider, "openai", "{name}");
        assert_eq!(log.api_type.as_deref(), Some("chat-completions"), "{name}");
        assert_eq!(log.function_name.as_deref(), Some("ask"), "{name}");
    });
}

#[test]
fn every_message_of_every_request_keeps_its_role_its_content_and_its_calls() {
    each(|name, exchange, log| {
        let messages = exchange.request["messages"].as_array().unwrap();
        assert_eq!(log.input.messages().len(), messages.len(), "{name}");
        for (at, (message, expected)) in log.input.messages().iter().zip(messages).enumerate() {
            assert_eq!(message.role(), expected["role"].as_str().unwrap(), "{name} {at}");
            assert_eq!(message.content(), blocks(&expected["content"]), "{name} {at}");
            match message {
                Message::Assistant(_) => {
                    assert_eq!(calls(assistant(&log.input, at)), called(expected), "{name} {at}");
                }
                Message::Tool(message) => {
                    assert_eq!(
                        message.tool_call_id,
                        expected["tool_call_id"].as_str().unwrap(),
                        "{name} {at}"
                    );
                }
                _ => {}
            }
        }
    });
}

#[test]
fn tools_and_their_choice_go_with_the_prompt_and_all_else_is_a_parameter() {
    each(|name, exchange, log| {
        let mut rest: Map<String, Value> = exchange.request.as_object().unwrap().clone();
        let mut take = |key: &str| rest.remove(key).unwrap_or_default();
        take("model");
        take("messages");
        let (tools, choice) = (take("tools"), take("tool_choice"));
        let prompt = chat(&log.input);
        let empty = json!([]);
        let expected = if tools.is_null() { &empty } else { &tools };
        assert_eq!(&serde_json::to_value(&prompt.tools).unwrap(), expected, "{name}");
        assert_eq!(serde_json::to_value(&prompt.tool_choice).unwrap(), choice, "{name}");
        assert_eq!(log.parameters, rest, "{name}");
    });
}

#[test]
fn every_choice_of_every_reply_is_a_message_with_its_thought_its_text_and_its_calls() {
    each(|name, exchange, log| {
        let choices = exchange.response["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(log.output.messages().len(), choices.len(), "{name}");
        for (at, choice) in choices.iter().enumerate() {
            let expected = &choice["message"];
            let message = assistant(&log.output, at);
            let said = |key: &str| expected[key].as_str().filter(|text| !text.is_empty());
            let mut content: Vec<ContentBlock> = Vec::new();
            content.extend(said("reasoning_content").or(said("reasoning")).map(ContentBlock::from_thinking));
            content.extend(said("content").map(ContentBlock::from_text));
            content.extend(said("refusal").map(ContentBlock::from_text));
            assert_eq!(message.content, content, "{name} {at}");
            assert_eq!(calls(message), called(expected), "{name} {at}");
        }
    });
}

#[test]
fn every_reply_tells_its_tokens_and_why_it_ended() {
    each(|name, exchange, log| {
        let usage = &exchange.response["usage"];
        assert_eq!(log.input_tokens, usage["prompt_tokens"].as_u64(), "{name}");
        assert_eq!(log.output_tokens, usage["completion_tokens"].as_u64(), "{name}");
        let reason = exchange.response["choices"][0]["finish_reason"].as_str();
        assert_eq!(log.metadata.get("finish_reason").map(String::as_str), reason, "{name}");
        let cut = reason == Some("length");
        let failed = exchange.response.get("error").is_some();
        let (status, kind) = match (failed, cut) {
            (true, _) => (RequestStatus::Error, Some(ErrorType::ProviderError)),
            (_, true) => (RequestStatus::Warning, Some(ErrorType::ProviderPartialResponse)),
            _ => (RequestStatus::Success, None),
        };
        assert_eq!((log.status, log.error_type), (status, kind), "{name}");
        if failed {
            assert_eq!(log.error_message(), exchange.response["error"]["message"].as_str(), "{name}");
        }
    });
}

#[test]
fn a_log_of_every_exchange_reads_back_as_it_was_written() {
    each(|name, _, log| {
        let written = serde_json::to_string(log).unwrap();
        assert_eq!(&serde_json::from_str::<LogRequest>(&written).unwrap(), log, "{name}");
    });
}

/// The exchanges hold what the checks above are there for; were one kind to go, its check would be idle.
#[test]
fn the_exchanges_hold_every_kind_of_thing() {
    let logs: Vec<LogRequest> =
        exchanges().iter().map(|exchange| log_of(&exchange.request, &exchange.response)).collect();
    if logs.is_empty() {
        return;
    }
    let holds =
        |what: &str, is: &dyn Fn(&LogRequest) -> bool| assert!(logs.iter().any(is), "none with {what}");
    let content = |prompt: &Prompt, is: &dyn Fn(&ContentBlock) -> bool| {
        prompt.messages().iter().flat_map(Message::content).any(is)
    };
    holds("a thought", &|log| content(&log.output, &|block| matches!(block, ContentBlock::Thinking(_))));
    holds("an image", &|log| content(&log.input, &|block| matches!(block, ContentBlock::ImageUrl(_))));
    holds("a file", &|log| log.input.text().contains("\"filename\""));
    holds("a refusal", &|log| log.output.text().contains("I can't assist"));
    holds("tools", &|log| !chat(&log.input).tools.is_empty());
    holds("a choice of tools", &|log| chat(&log.input).tool_choice.is_some());
    holds("a tool's result", &|log| log.input.messages().iter().any(|message| message.role() == "tool"));
    holds("an error", &|log| log.status == RequestStatus::Error);
    holds("a cut answer", &|log| log.status == RequestStatus::Warning);
    holds("parameters", &|log| log.parameters.len() > 1);
}
