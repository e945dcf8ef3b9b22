//! Conversion of exchanges with Anthropic and Bedrock.

use promptlayer_blueprint::{ContentBlock, LogRequest, Message, RequestStatus};
use serde_json::{Map, Value, json};

use super::{arguments, assistant, calls, captured, chat, recorded, span};
use crate::process::convert::log_request;
use crate::span::finished::{FinishedSpan, Output};

/// An exchange.
struct Exchange {
    name: String,
    request: Value,
    /// The whole response. For a stream, the response that the provider's own SDK assembled.
    response: Value,
    chunks: Option<Vec<Value>>,
}

impl Exchange {
    /// Returns the log of a call with this output.
    fn log(&self, output: Output) -> LogRequest {
        let input = Some(arguments([("request", self.request.clone())]));
        log_request(&FinishedSpan { input, output: Some(output), ..span() }, None)
    }

    fn log_of_reply(&self) -> LogRequest {
        self.log(Output::Value(captured(&self.response)))
    }

    fn log_of_chunks(&self) -> Option<LogRequest> {
        let chunks = self.chunks.as_ref()?.iter().map(captured).collect();
        Some(self.log(Output::Chunks(chunks)))
    }
}

/// Returns all exchanges of an API.
fn exchanges(prefix: &str) -> Vec<Exchange> {
    recorded(&[prefix])
        .into_iter()
        .map(|(name, mut exchange)| {
            let chunks = exchange["chunks"].as_array_mut().map(std::mem::take);
            let response = match &chunks {
                Some(_) => exchange["accumulated_by_vendor_sdk"].take(),
                None => exchange["response"].take(),
            };
            Exchange { name, request: exchange["request"].take(), response, chunks }
        })
        .collect()
}

fn anthropic() -> Vec<Exchange> {
    exchanges("anthropic-")
}

fn bedrock() -> Vec<Exchange> {
    exchanges("bedrock-")
}

/// Returns the items of a list, or none if the value is not a list.
fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Returns id, name and input of the tool calls among blocks.
fn called(blocks: &Value) -> Vec<(String, String, Value)> {
    let calls = list(blocks).iter().filter(|block| block["type"] == "tool_use");
    calls
        .map(|call| {
            (
                call["id"].as_str().unwrap().into(),
                call["name"].as_str().unwrap().into(),
                call["input"].clone(),
            )
        })
        .collect()
}

/// Returns id, name and input of the tool calls of a converted message.
fn read_calls(message: &Message) -> Vec<(String, String, Value)> {
    let Message::Assistant(message) = message else { panic!("{message:?}") };
    let parse = |text: &str| serde_json::from_str(text).unwrap();
    calls(message).into_iter().map(|[id, name, input]| (id.into(), name.into(), parse(input))).collect()
}

/// Concatenates the texts among blocks.
fn texts(blocks: &Value) -> String {
    list(blocks)
        .iter()
        .filter(|block| block["type"] == "text")
        .filter_map(|block| block["text"].as_str())
        .collect()
}

#[test]
fn requests_keep_model_system_prompt_tools_and_parameters() {
    for exchange in anthropic() {
        let (name, log) = (&exchange.name, exchange.log_of_reply());
        assert_eq!(
            (log.provider.as_str(), log.api_type.as_deref()),
            ("anthropic", Some("messages")),
            "{name}"
        );
        assert_eq!(log.model, exchange.request["model"].as_str().unwrap(), "{name}");
        let system = texts(&exchange.request["system"]);
        let first = &log.input.messages()[0];
        assert_eq!(if first.role() == "system" { first.text() } else { String::new() }, system, "{name}");
        assert_eq!(chat(&log.input).tools.len(), list(&exchange.request["tools"]).len(), "{name}");
        let mut rest: Map<String, Value> = exchange.request.as_object().unwrap().clone();
        for field in ["model", "messages", "system", "tools", "tool_choice"] {
            rest.remove(field);
        }
        assert_eq!(log.parameters, rest, "{name}");
    }
}

#[test]
fn request_messages_keep_texts_calls_and_results() {
    for exchange in anthropic() {
        let (name, log) = (&exchange.name, exchange.log_of_reply());
        let mut read = log.input.messages().iter().filter(|message| message.role() != "system");
        for message in list(&exchange.request["messages"]) {
            let results = list(&message["content"]).iter().filter(|block| block["type"] == "tool_result");
            let results: Vec<&Value> = results.collect();
            for result in &results {
                let Some(Message::Tool(told)) = read.next() else { panic!("{name}") };
                assert_eq!(told.tool_call_id, result["tool_use_id"].as_str().unwrap(), "{name}");
                let text: String = told.content.iter().filter_map(ContentBlock::text).collect();
                assert_eq!(text, texts(&result["content"]), "{name}");
            }
            if results.len() < list(&message["content"]).len() {
                let told = read.next().unwrap();
                assert_eq!(told.role(), message["role"].as_str().unwrap(), "{name}");
                assert_eq!(told.text(), texts(&message["content"]), "{name}");
                if told.role() == "assistant" {
                    assert_eq!(read_calls(told), called(&message["content"]), "{name}");
                }
            }
        }
        assert_eq!(read.next(), None, "{name}");
    }
}

#[test]
fn replies_keep_texts_calls_tokens_and_finish_reason() {
    for exchange in anthropic() {
        let (name, log, reply) = (&exchange.name, exchange.log_of_reply(), &exchange.response);
        if reply["type"] == "error" {
            assert_eq!(log.error_message(), reply["error"]["message"].as_str(), "{name}");
            continue;
        }
        let [message] = log.output.messages() else { panic!("{name}") };
        assert_eq!(message.text(), texts(&reply["content"]), "{name}");
        assert_eq!(read_calls(message), called(&reply["content"]), "{name}");
        let others = list(&reply["content"]).iter().filter(|block| block["type"] != "tool_use").count();
        assert_eq!(message.content().len(), others, "{name}");
        assert_eq!(log.input_tokens, reply["usage"]["input_tokens"].as_u64(), "{name}");
        assert_eq!(log.output_tokens, reply["usage"]["output_tokens"].as_u64(), "{name}");
        let word = log.metadata.get("provider_finish_reason").or(log.metadata.get("finish_reason")).unwrap();
        assert_eq!(word, reply["stop_reason"].as_str().unwrap(), "{name}");
    }
}

#[test]
fn streams_match_message_of_provider_sdk() {
    for exchange in anthropic() {
        let Some(mut log) = exchange.log_of_chunks() else { continue };
        let whole = exchange.log_of_reply();
        // The SDK omits `null` fields, such as the stop sequence if none was matched.
        log.metadata.retain(|key, _| whole.metadata.contains_key(key));
        assert_eq!(log, whole, "{}", exchange.name);
    }
}

#[test]
fn bedrock_exchanges_keep_texts_tokens_and_finish_reason() {
    for exchange in bedrock() {
        let name = &exchange.name;
        let log = exchange.log_of_chunks().unwrap_or_else(|| exchange.log_of_reply());
        assert_eq!(
            (log.provider.as_str(), log.api_type.as_deref()),
            ("amazon.bedrock", Some("converse")),
            "{name}"
        );
        let asked: Vec<&str> = list(&exchange.request["messages"])
            .iter()
            .flat_map(|message| list(&message["content"]))
            .filter_map(|block| block["text"].as_str())
            .collect();
        let said: String = log
            .input
            .messages()
            .iter()
            .filter(|message| !["system", "tool"].contains(&message.role()))
            .map(Message::text)
            .collect();
        assert_eq!(said, asked.concat(), "{name}");
        let tools = list(&exchange.request["toolConfig"]["tools"]).len();
        assert_eq!(chat(&log.input).tools.len(), tools, "{name}");
        if exchange.response.get("message").is_some() {
            continue;
        }
        let empty = json!({});
        let events = exchange.chunks.as_deref().unwrap_or_default();
        let event = |key: &str| events.iter().find_map(|event| event.get(key)).unwrap_or(&empty);
        let (stop, usage) = match &exchange.chunks {
            Some(_) => (&event("messageStop")["stopReason"], &event("metadata")["usage"]),
            None => (&exchange.response["stopReason"], &exchange.response["usage"]),
        };
        assert_eq!(log.input_tokens, usage["inputTokens"].as_u64(), "{name}");
        assert_eq!(log.output_tokens, usage["outputTokens"].as_u64(), "{name}");
        let word = log.metadata.get("provider_finish_reason").or(log.metadata.get("finish_reason")).unwrap();
        assert_eq!(word, stop.as_str().unwrap(), "{name}");
        let message = assistant(&log.output, 0);
        if stop == "tool_use" {
            let [[id, _, arguments]] = calls(message)[..] else { panic!("{name}") };
            assert!(id.starts_with("tooluse_"), "{name}");
            assert!(serde_json::from_str::<Map<String, Value>>(arguments).is_ok(), "{name}: {arguments}");
        } else {
            assert!(!log.output.text().is_empty(), "{name}");
        }
        if !events.is_empty() {
            let texts =
                events.iter().filter_map(|event| event["contentBlockDelta"]["delta"]["text"].as_str());
            assert_eq!(log.output.text(), texts.collect::<String>(), "{name}");
        }
    }
}

#[test]
fn logs_of_all_exchanges_round_trip() {
    for exchange in anthropic().into_iter().chain(bedrock()) {
        for log in [Some(exchange.log_of_reply()), exchange.log_of_chunks()].into_iter().flatten() {
            let written = serde_json::to_string(&log).unwrap();
            assert_eq!(serde_json::from_str::<LogRequest>(&written).unwrap(), log, "{}", exchange.name);
        }
    }
}

/// Checks that the exchanges contain every kind of content that the tests above check. Without it, a test
/// would pass without checking anything.
#[test]
fn exchanges_cover_every_kind_of_content() {
    let logs: Vec<LogRequest> = anthropic().iter().map(Exchange::log_of_reply).collect();
    let holds = |what: &str, is: &dyn Fn(&ContentBlock) -> bool| {
        let mut blocks = logs.iter().flat_map(|log| log.input.messages().iter().chain(log.output.messages()));
        assert!(blocks.any(|message| message.content().iter().any(is)), "none with {what}");
    };
    holds(
        "a signed thought",
        &|block| matches!(block, ContentBlock::Thinking(thought) if thought.signature.is_some() && !thought.thinking.is_empty()),
    );
    holds(
        "a redacted thought",
        &|block| matches!(block, ContentBlock::Thinking(thought) if thought.thinking.is_empty() && thought.signature.is_some()),
    );
    holds("a citation", &|block| matches!(block, ContentBlock::Text(text) if !text.annotations.is_empty()));
    holds("a document", &|block| matches!(block, ContentBlock::Media(_)));
    holds("a server's tool", &|block| matches!(block, ContentBlock::ServerToolUse(_)));
    holds(
        "pages",
        &|block| matches!(block, ContentBlock::WebSearchToolResult(found) if !found.content.is_empty()),
    );
    assert!(logs.iter().any(|log| log.status == RequestStatus::Error), "none with an error");
}
