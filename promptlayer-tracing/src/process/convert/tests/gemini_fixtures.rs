//! Conversion of exchanges with Gemini.

use std::collections::BTreeMap;

use promptlayer_blueprint::{ContentBlock, LogRequest, Message, RequestStatus};
use serde_json::{Value, json};

use super::{assistant, calls, captured, chat, recorded, span};
use crate::span::finished::{FinishedSpan, Output};
use crate::span::input_output::Input;

/// An exchange.
pub(super) struct Exchange {
    pub(super) name: String,
    pub(super) request: Value,
    /// The whole response, or `null` for a stream.
    pub(super) response: Value,
    /// The chunks of a streamed response.
    pub(super) chunks: Vec<Value>,
}

impl Exchange {
    /// Returns the log of a call with this exchange.
    pub(super) fn log(&self) -> LogRequest {
        let output = if self.chunks.is_empty() {
            Output::Value(captured(&self.response))
        } else {
            Output::Chunks(self.chunks.iter().map(captured).collect())
        };
        let input = Some(Input::Arguments(vec![("request", captured(&self.request))]));
        crate::process::convert::log_request(&FinishedSpan { input, output: Some(output), ..span() }, None)
    }
}

/// Returns all exchanges in files with this name prefix.
pub(super) fn exchanges(beginning: &str) -> Vec<Exchange> {
    recorded(&[beginning])
        .into_iter()
        .map(|(name, mut exchange)| {
            let chunks = match exchange["chunks"].take() {
                Value::Array(chunks) => chunks,
                _ => Vec::new(),
            };
            Exchange {
                name,
                request: exchange["request"].take(),
                response: exchange["response"].take(),
                chunks,
            }
        })
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Returns all parts of the first candidate, in order, of a whole or a streamed response.
fn parts(exchange: &Exchange) -> Vec<&Value> {
    let replies =
        if exchange.chunks.is_empty() { std::slice::from_ref(&exchange.response) } else { &exchange.chunks };
    replies.iter().flat_map(|reply| list(&reply["candidates"][0]["content"]["parts"])).collect()
}

/// Returns the latest value of each count.
fn usage(exchange: &Exchange) -> BTreeMap<String, u64> {
    let replies =
        if exchange.chunks.is_empty() { std::slice::from_ref(&exchange.response) } else { &exchange.chunks };
    let counts = replies.iter().filter_map(|reply| reply["usageMetadata"].as_object()).flatten();
    counts.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect()
}

fn each(check: impl Fn(&str, &Exchange, &LogRequest)) {
    for exchange in exchanges("gemini-") {
        check(&exchange.name, &exchange, &exchange.log());
    }
}

#[test]
fn exchanges_keep_provider_api_and_model() {
    each(|name, exchange, log| {
        assert_eq!(log.provider, "google", "{name}");
        assert_eq!(log.api_type.as_deref(), Some("generate-content"), "{name}");
        let told = exchange.chunks.first().unwrap_or(&exchange.response)["modelVersion"].as_str();
        assert_eq!(log.model, told.unwrap_or("unknown"), "{name}");
    });
}

#[test]
fn replies_keep_texts_thoughts_and_calls() {
    each(|name, exchange, log| {
        let parts = parts(exchange);
        if parts.is_empty() {
            return;
        }
        assert_eq!(log.output.messages().len(), 1, "{name}");
        let message = assistant(&log.output, 0);
        let text = |is_thought: bool| -> String {
            let is = |part: &&&Value| part["thought"].as_bool().unwrap_or_default() == is_thought;
            parts.iter().filter(is).filter_map(|part| part["text"].as_str()).collect()
        };
        assert_eq!(log.output.messages()[0].text(), text(false), "{name}");
        let thoughts = message.content.iter().filter_map(|block| match block {
            ContentBlock::Thinking(block) => Some(block.thinking.as_str()),
            _ => None,
        });
        assert_eq!(thoughts.collect::<String>(), text(true), "{name}");
        let codes = message.content.iter().filter_map(|block| match block {
            ContentBlock::Code(code) => Some(code.code.as_str()),
            ContentBlock::CodeExecutionResult(result) => Some(result.output.as_str()),
            _ => None,
        });
        let ran = parts.iter().filter_map(|part| {
            part["executableCode"]["code"].as_str().or(part["codeExecutionResult"]["output"].as_str())
        });
        assert_eq!(codes.collect::<Vec<_>>(), ran.collect::<Vec<_>>(), "{name}");

        let functions: Vec<&Value> =
            parts.iter().map(|part| &part["functionCall"]).filter(|call| !call.is_null()).collect();
        assert_eq!(message.tool_calls.len(), functions.len(), "{name}");
        for (call, expected) in message.tool_calls.iter().zip(functions) {
            assert_eq!(call.function.name, expected["name"].as_str().unwrap(), "{name}");
            let arguments: Value = serde_json::from_str(&call.function.arguments).unwrap();
            assert_eq!(arguments, expected["args"], "{name}");
        }
    });
}

#[test]
fn every_signature_is_kept() {
    let signatures = |log: &LogRequest| -> Vec<String> {
        let blocks = log.input.messages().iter().chain(log.output.messages()).flat_map(Message::content);
        blocks
            .filter_map(|block| match block {
                ContentBlock::Text(block) => block.thought_signature.clone(),
                ContentBlock::Thinking(block) => block.signature.clone(),
                _ => None,
            })
            .collect()
    };
    each(|name, exchange, log| {
        let of_request =
            list(&exchange.request["contents"]).iter().flat_map(|content| list(&content["parts"]));
        let expected = of_request
            .chain(parts(exchange))
            .filter_map(|part| Some(part["thoughtSignature"].as_str()?.to_owned()));
        assert_eq!(signatures(log), expected.collect::<Vec<_>>(), "{name}");
    });
}

#[test]
fn replies_keep_tokens_and_finish_reason() {
    each(|name, exchange, log| {
        let usage = usage(exchange);
        let count = |name: &str| usage.get(name).copied();
        assert_eq!(log.input_tokens, count("promptTokenCount"), "{name}");
        let thought = count("thoughtsTokenCount");
        let output = count("candidatesTokenCount").map(|said| said + thought.unwrap_or_default());
        assert_eq!(log.output_tokens, output, "{name}");
        let metadata = |key: &str| log.metadata.get(key).map(|count| count.parse::<u64>().unwrap());
        assert_eq!(metadata("reasoning_tokens"), thought, "{name}");
        assert_eq!(metadata("tool_use_prompt_tokens"), count("toolUsePromptTokenCount"), "{name}");

        // No count is lost: their sum is Gemini's total.
        let sum = log.input_tokens.zip(log.output_tokens).map(|(input, output)| input + output);
        let sum = sum.map(|sum| sum + metadata("tool_use_prompt_tokens").unwrap_or_default());
        assert_eq!(sum, count("totalTokenCount"), "{name}");

        if exchange.response.get("error").is_some() {
            assert_eq!(log.status, RequestStatus::Error, "{name}");
            assert_eq!(log.error_message(), exchange.response["error"]["message"].as_str(), "{name}");
        } else {
            assert_eq!(log.status, RequestStatus::Success, "{name}");
            assert_eq!(log.metadata["finish_reason"], "stop", "{name}");
            assert_eq!(log.metadata["provider_finish_reason"], "STOP", "{name}");
            let id = exchange.chunks.last().unwrap_or(&exchange.response)["responseId"].as_str().unwrap();
            assert_eq!(log.metadata["response_id"], id, "{name}");
        }
    });
}

#[test]
fn requests_keep_turns_instruction_and_tools() {
    each(|name, exchange, log| {
        let mut expected: Vec<(&str, Option<&Value>)> = Vec::new();
        expected.extend((!exchange.request["systemInstruction"].is_null()).then_some(("system", None)));
        for content in list(&exchange.request["contents"]) {
            for part in list(&content["parts"]) {
                let role = match content["role"].as_str().unwrap() {
                    _ if part.get("functionResponse").is_some() => "tool",
                    "model" => "assistant",
                    role => role,
                };
                let more_of_turn = role == "assistant" && expected.last().is_some_and(|last| last.0 == role);
                if !more_of_turn {
                    expected.push((role, Some(part)));
                }
            }
        }
        let roles: Vec<&str> = log.input.messages().iter().map(Message::role).collect();
        assert_eq!(roles, expected.iter().map(|(role, _)| *role).collect::<Vec<_>>(), "{name}");

        let tools: Vec<&Value> = list(&exchange.request["tools"])
            .iter()
            .flat_map(|tool| list(&tool["functionDeclarations"]))
            .collect();
        let declared = chat(&log.input).tools.iter().filter_map(|tool| {
            let tool = serde_json::to_value(tool).unwrap();
            (tool["type"] == "function").then(|| tool["function"].clone())
        });
        assert_eq!(declared.collect::<Vec<_>>(), tools.into_iter().cloned().collect::<Vec<_>>(), "{name}");
        let mut rest = exchange.request.as_object().unwrap().clone();
        rest.retain(|key, value| {
            !["contents", "systemInstruction", "tools"].contains(&key.as_str()) && !value.is_null()
        });
        assert_eq!(log.parameters, rest, "{name}");
    });
}

#[test]
fn function_results_refer_to_their_calls() {
    each(|name, _, log| {
        let mut called: Vec<(String, String)> = Vec::new();
        for (at, message) in log.input.messages().iter().enumerate() {
            match message {
                Message::Assistant(_) => {
                    let calls = calls(assistant(&log.input, at));
                    called.extend(calls.iter().map(|[id, name, _]| ((*id).to_owned(), (*name).to_owned())));
                }
                Message::Tool(result) => {
                    let call = (result.tool_call_id.clone(), result.name.clone().unwrap());
                    assert!(called.contains(&call), "{name}: {call:?} is none of {called:?}");
                    called.retain(|made| *made != call);
                }
                _ => {}
            }
        }
        assert!(called.is_empty(), "{name}: {called:?} have no result");
    });
}

#[test]
fn audio_becomes_media_with_type_and_content() {
    let mut heard = 0;
    for exchange in exchanges("gemini-reply-media") {
        let part = &exchange.request["contents"][0]["parts"][0]["inlineData"];
        if part["mimeType"] != "audio/mpeg" {
            continue;
        }
        let log = exchange.log();
        let media = serde_json::to_value(log.input.messages()[1].content()).unwrap();
        let expected = json!([
            {"type": "media", "media": {"type": "audio/mpeg", "url": part["data"], "format": "base64"}},
        ]);
        assert_eq!(media, expected);
        let tokens = list(&exchange.response["usageMetadata"]["promptTokensDetails"]);
        let audio = tokens.iter().find(|tokens| tokens["modality"] == "AUDIO").unwrap();
        assert_eq!(log.metadata["input_audio_tokens"], audio["tokenCount"].to_string());
        heard += 1;
    }
    assert!(heard > 0);
}

/// A stream is detected even if it was interrupted early.
#[test]
fn interrupted_streams_are_converted() {
    for mut exchange in exchanges("gemini-stream") {
        let said = exchange.log().output.text();
        let mut before = String::new();
        for came in 1..=exchange.chunks.len() {
            let chunks = exchange.chunks.clone();
            exchange.chunks.truncate(came);
            exchange.request = Value::Null;
            let log = exchange.log();
            let text = log.output.text();
            assert_eq!(log.provider, "google", "{} {came}", exchange.name);
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
