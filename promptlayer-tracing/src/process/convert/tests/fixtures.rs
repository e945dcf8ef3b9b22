//! Conversion of exchanges with servers that implement OpenAI's chat completions and embeddings.

use promptlayer_blueprint::{
    Annotation, ContentBlock, ErrorType, LogRequest, Message, Prompt, RequestStatus,
};
use serde_json::{Map, Value, json};

use super::openai_stream::log_of_stream;
use super::{assistant, calls, chat, log_of, recorded, said};

/// An exchange.
struct Exchange {
    name: String,
    provider: String,
    request: Value,
    /// The response. For a stream, the response that the provider's own SDK assembled.
    response: Value,
    /// The chunks of a stream.
    chunks: Option<Vec<Value>>,
}

impl Exchange {
    fn read(name: String, mut exchange: Value) -> Self {
        let chunks = exchange.get("chunks").and_then(Value::as_array).cloned();
        let response = if chunks.is_some() { "accumulated_by_vendor_sdk" } else { "response" };
        Self {
            name,
            provider: exchange["provider"].as_str().unwrap().to_owned(),
            request: exchange["request"].take(),
            response: exchange[response].take(),
            chunks,
        }
    }

    fn log(&self) -> LogRequest {
        match &self.chunks {
            None => log_of(&self.request, &self.response),
            Some(chunks) => log_of_stream(&self.request, chunks),
        }
    }
}

/// Returns all exchanges whose names start with one of these prefixes.
fn exchanges_of(kinds: &[&str]) -> Vec<Exchange> {
    recorded(kinds).into_iter().map(|(name, exchange)| Exchange::read(name, exchange)).collect()
}

fn exchanges() -> Vec<Exchange> {
    exchanges_of(&["chat-reply-", "chat-stream-"])
}

/// Runs a check on every exchange and its log.
fn each(check: impl Fn(&str, &Exchange, &LogRequest)) {
    for exchange in exchanges() {
        check(&exchange.name, &exchange, &exchange.log());
    }
}

/// Returns the expected blocks of a content, by OpenAI's API reference.
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
        "file" => {
            let (head, data) = part["file"]["file_data"].as_str().unwrap().split_once(";base64,").unwrap();
            serde_json::from_value(json!({"type": "media", "media": {
                "title": part["file"]["filename"], "type": head.strip_prefix("data:").unwrap(),
                "url": data, "format": "base64",
            }}))
            .unwrap()
        }
        "document_url" => {
            let url = part["document_url"].as_str().unwrap();
            let (kind, data) = url.strip_prefix("data:").unwrap().split_once(";base64,").unwrap();
            serde_json::from_value(json!({"type": "media", "media": {
                "title": part["document_name"], "type": kind, "url": data, "format": "base64",
            }}))
            .unwrap()
        }
        other => panic!("no check for {other}"),
    }
}

/// Removes a block's citations, which are a separate field of the message.
fn bare(mut block: ContentBlock) -> ContentBlock {
    if let ContentBlock::Text(text) = &mut block {
        text.annotations.clear();
    }
    block
}

/// Returns id, name and arguments of a message's tool calls.
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
fn exchanges_keep_model_provider_and_api() {
    each(|name, exchange, log| {
        assert_eq!(log.model, exchange.request["model"].as_str().unwrap(), "{name}");
        // The provider of an error cannot be detected: the response contains only a message.
        let provider = if name.contains("-error") { "openai" } else { &exchange.provider };
        assert_eq!(log.provider, provider, "{name}");
        assert_eq!(log.api_type.as_deref(), Some("chat-completions"), "{name}");
        assert_eq!(log.function_name.as_deref(), Some("ask"), "{name}");
    });
}

#[test]
fn request_messages_keep_role_content_and_calls() {
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
fn tools_and_choice_move_to_prompt_and_others_are_parameters() {
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
fn choices_become_messages_with_thought_text_and_calls() {
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
            assert_eq!(message.content.iter().cloned().map(bare).collect::<Vec<_>>(), content, "{name} {at}");
            assert_eq!(calls(message), called(expected), "{name} {at}");
        }
    });
}

#[test]
fn replies_keep_tokens_and_finish_reason() {
    each(|name, exchange, log| {
        let usage = &exchange.response["usage"];
        assert_eq!(log.input_tokens, usage["prompt_tokens"].as_u64(), "{name}");
        assert_eq!(log.output_tokens, usage["completion_tokens"].as_u64(), "{name}");
        let reason = exchange.response["choices"][0]["finish_reason"].as_str();
        let refused = exchange.response["choices"][0]["message"]["refusal"].is_string();
        let one_word = if refused { Some("refusal") } else { reason };
        assert_eq!(log.metadata.get("finish_reason").map(String::as_str), one_word, "{name}");
        let own_word = reason.filter(|_| refused);
        assert_eq!(log.metadata.get("provider_finish_reason").map(String::as_str), own_word, "{name}");
        let cut = refused || reason == Some("length");
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
fn replies_keep_cost_and_token_details() {
    each(|name, exchange, log| {
        let usage = &exchange.response["usage"];
        let cost = [&usage["cost"], &usage["cost"]["total_cost"], &exchange.response["cost"]["usd"]];
        assert_eq!(log.price, cost.iter().find_map(|cost| cost.as_f64()), "{name}");
        let counted = |key: &str| log.metadata.get(key).map(|count| count.parse::<u64>().unwrap());
        let cached = usage["prompt_tokens_details"]["cached_tokens"].as_u64();
        assert_eq!(counted("cached_tokens"), cached.filter(|count| *count > 0), "{name}");
        let reasoning = usage["completion_tokens_details"]["reasoning_tokens"].as_u64();
        assert_eq!(counted("reasoning_tokens"), reasoning.filter(|count| *count > 0), "{name}");
        let id = exchange.response["id"].as_str().filter(|id| !id.is_empty());
        if let Some(id) = id {
            assert_eq!(log.metadata["response_id"], id, "{name}");
        }
    });
}

#[test]
fn marks_cite_the_source_with_their_number() {
    each(|name, exchange, log| {
        let Some(sources) = exchange.response["search_results"].as_array() else { return };
        for block in log.output.messages().iter().flat_map(Message::content) {
            let ContentBlock::Text(text) = block else { continue };
            let chars: Vec<char> = text.text.chars().collect();
            for annotation in &text.annotations {
                let Annotation::Web(page) = annotation else { panic!("{name}: {annotation:?}") };
                let place = |index: i64| usize::try_from(index).unwrap();
                let mark: String = chars[place(page.start_index)..place(page.end_index)].iter().collect();
                let number: usize = mark.trim_matches(['[', ']']).parse().unwrap();
                assert_eq!(sources[number - 1]["url"], page.url, "{name}");
                assert_eq!(sources[number - 1]["title"], page.title, "{name}");
            }
        }
    });
}

#[test]
fn embeddings_log_the_input_but_not_the_vectors() {
    for exchange in exchanges_of(&["embeddings-"]) {
        let Some(input) = exchange.request.get("input").and_then(Value::as_array) else { continue };
        let (name, log) = (&exchange.name, exchange.log());
        assert_eq!(log.api_type.as_deref(), Some("embeddings"), "{name}");
        assert_eq!(log.model, exchange.request["model"].as_str().unwrap(), "{name}");
        let text: String = input.iter().map(|text| text.as_str().unwrap()).collect();
        assert_eq!(said(&log.input), [("user".to_owned(), text)], "{name}");
        assert_eq!(log.input_tokens, exchange.response["usage"]["prompt_tokens"].as_u64(), "{name}");
        match exchange.response["data"].as_array() {
            Some(vectors) => {
                let dimensions = vectors[0]["embedding"].as_array().unwrap().len();
                assert_eq!(log.output.text(), format!("1 embedding of {dimensions} dimensions"), "{name}");
            }
            None => assert_eq!(log.error_message(), exchange.response["error"]["message"].as_str(), "{name}"),
        }
    }
}

#[test]
fn logs_of_all_exchanges_round_trip() {
    each(|name, _, log| {
        let written = serde_json::to_string(log).unwrap();
        assert_eq!(&serde_json::from_str::<LogRequest>(&written).unwrap(), log, "{name}");
    });
}

/// Checks that the exchanges contain every kind of content that the tests above check. Without it, a test
/// would pass without checking anything.
#[test]
fn exchanges_cover_every_kind_of_content() {
    let logs: Vec<LogRequest> = exchanges().iter().map(Exchange::log).collect();
    let holds =
        |what: &str, is: &dyn Fn(&LogRequest) -> bool| assert!(logs.iter().any(is), "none with {what}");
    let content = |prompt: &Prompt, is: &dyn Fn(&ContentBlock) -> bool| {
        prompt.messages().iter().flat_map(Message::content).any(is)
    };
    holds("a thought", &|log| content(&log.output, &|block| matches!(block, ContentBlock::Thinking(_))));
    holds("an image", &|log| content(&log.input, &|block| matches!(block, ContentBlock::ImageUrl(_))));
    holds("a file", &|log| content(&log.input, &|block| matches!(block, ContentBlock::Media(_))));
    holds("a citation", &|log| {
        content(
            &log.output,
            &|block| matches!(block, ContentBlock::Text(text) if !text.annotations.is_empty()),
        )
    });
    holds("a price", &|log| log.price.is_some());
    holds("tokens from a cache", &|log| log.metadata.contains_key("cached_tokens"));
    holds("tokens of thinking", &|log| log.metadata.contains_key("reasoning_tokens"));
    holds("a refusal", &|log| log.metadata.get("finish_reason").is_some_and(|it| it == "refusal"));
    holds("two choices", &|log| log.output.messages().len() == 2);
    holds("tools", &|log| !chat(&log.input).tools.is_empty());
    holds("a choice of tools", &|log| chat(&log.input).tool_choice.is_some());
    holds("a tool's result", &|log| log.input.messages().iter().any(|message| message.role() == "tool"));
    holds("an error", &|log| log.status == RequestStatus::Error);
    holds("a cut answer", &|log| log.status == RequestStatus::Warning);
    holds("parameters", &|log| log.parameters.len() > 1);
}
