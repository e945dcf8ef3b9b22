//! The `Debug` of the AWS SDK's types as the wire format of Bedrock's Converse API.

mod sdk;

use std::collections::BTreeMap;

use promptlayer_blueprint::providers::{self, Input, Output};
use serde_json::json;

use self::sdk::{ContentBlock, Delta, Document, Event, Message, Number, Role, StopReason};
use crate::capture::debug_value::{is_of_request, value};

const OUTPUT: &str = "aws_sdk_bedrockruntime::operation::converse::_converse_output::ConverseOutput";
const EVENT: &str = "aws_sdk_bedrockruntime::types::_converse_stream_output::ConverseStreamOutput";
const INPUT: &str = "aws_sdk_bedrockruntime::operation::converse::_converse_input::ConverseInput";

fn object(fields: impl IntoIterator<Item = (&'static str, Document)>) -> Document {
    Document::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn text(text: &str) -> Document {
    Document::String(text.to_owned())
}

/// A document with a value of each kind.
fn arguments() -> Document {
    let numbers = [Number::PosInt(3), Number::NegInt(-3), Number::Float(0.5)].map(Document::Number);
    object([
        ("city_name", text("Bern")),
        ("numbers", Document::Array(numbers.into())),
        ("isNow", Document::Bool(true)),
        ("other", Document::Null),
    ])
}

fn call() -> ContentBlock {
    ContentBlock::ToolUse(sdk::ToolUseBlock {
        tool_use_id: "t-1".to_owned(),
        name: "weather".to_owned(),
        input: arguments(),
        r#type: None,
    })
}

fn usage() -> sdk::TokenUsage {
    sdk::TokenUsage { input_tokens: 3, output_tokens: 2, total_tokens: 5, cache_read_input_tokens: Some(1) }
}

#[test]
fn reply_becomes_the_wire_format() {
    let content = vec![ContentBlock::ReasoningContent(()), ContentBlock::Text("Hi".to_owned()), call()];
    let reply = sdk::ConverseOutput {
        output: Some(sdk::Output::Message(Message { role: Role::Assistant, content })),
        stop_reason: StopReason::ToolUse,
        usage: Some(usage()),
        metrics: Some(sdk::ConverseMetrics { latency_ms: 7 }),
        trace: None,
        _request_id: Some("r".to_owned()),
    };
    let read = value(&format!("{reply:?}"), OUTPUT);
    let input = json!({"city_name": "Bern", "numbers": [3, -3, 0.5], "isNow": true, "other": null});
    assert_eq!(
        read,
        json!({
            "output": {"message": {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "*** Sensitive Data Redacted ***"}}},
                {"text": "Hi"},
                {"toolUse": {"toolUseId": "t-1", "name": "weather", "input": input}},
            ]}},
            "stopReason": "tool_use",
            "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5, "cacheReadInputTokens": 1},
            "metrics": {"latencyMs": 7},
        })
    );
    let reply = providers::response(Output::Value(read));
    assert_eq!(reply.shape.unwrap().api_type, "converse");
    assert_eq!((reply.usage.input, reply.usage.output, reply.usage.cached), (Some(3), Some(2), Some(1)));
    assert_eq!(reply.finish.unwrap().word, "tool_use");
}

#[test]
fn stop_reasons_are_those_of_the_wire() {
    let unknown = StopReason::Unknown(sdk::UnknownVariantValue("new_reason".to_owned()));
    for (reason, expected) in
        [(StopReason::EndTurn, "end_turn"), (StopReason::MaxTokens, "max_tokens"), (unknown, "new_reason")]
    {
        assert_eq!(value(&format!("{reason:?}"), EVENT), json!(expected));
    }
}

#[test]
fn streamed_events_become_the_wire_format() {
    let delta = |delta, content_block_index| {
        Event::ContentBlockDelta(sdk::ContentBlockDeltaEvent { delta: Some(delta), content_block_index })
    };
    let start = sdk::Start::ToolUse(sdk::ToolUseBlockStart {
        tool_use_id: "t-1".to_owned(),
        name: "weather".to_owned(),
    });
    let events = [
        Event::MessageStart(sdk::MessageStartEvent { role: Role::Assistant }),
        delta(Delta::ReasoningContent(()), 0),
        delta(Delta::Text("Let me ".to_owned()), 1),
        delta(Delta::Text("see.".to_owned()), 1),
        Event::ContentBlockStart(sdk::ContentBlockStartEvent { start: Some(start), content_block_index: 2 }),
        delta(Delta::ToolUse(sdk::ToolUseBlockDelta { input: "{\"city\":\"Bern\"}".to_owned() }), 2),
        Event::ContentBlockStop(sdk::ContentBlockStopEvent { content_block_index: 2 }),
        Event::MessageStop(sdk::MessageStopEvent { stop_reason: StopReason::ToolUse }),
        Event::Metadata(sdk::MetadataEvent { usage: Some(usage()), metrics: None }),
    ];
    let read: Vec<_> = events.iter().map(|event| value(&format!("{event:?}"), EVENT)).collect();
    assert_eq!(read[2], json!({"contentBlockDelta": {"delta": {"text": "Let me "}, "contentBlockIndex": 1}}));
    let reply = providers::response(Output::Chunks(read));
    assert_eq!(reply.shape.unwrap().api_type, "converse");
    assert_eq!(reply.usage.output, Some(2));
    let prompt = reply.prompt.unwrap();
    assert_eq!(prompt.text(), "Let me see.");
    let written = serde_json::to_string(&prompt).unwrap();
    assert!(written.contains("weather") && written.contains("Bern"), "{written}");
}

#[test]
fn request_becomes_the_wire_format() {
    let result = sdk::ToolResultBlock {
        tool_use_id: "t-1".to_owned(),
        content: vec![sdk::ToolResultContentBlock::Json(object([("sky", text("blue"))]))],
        status: Some(sdk::ToolResultStatus::Success),
    };
    let image = sdk::ImageBlock {
        format: sdk::ImageFormat::Png,
        source: Some(sdk::ImageSource::Bytes(sdk::Blob(&[0, 0x12, 0x34]))),
    };
    let schema = object([
        ("type", text("object")),
        ("properties", object([("api_key", object([("type", text("string"))]))])),
    ]);
    let request = sdk::ConverseInput {
        model_id: Some("amazon.nova-lite-v1:0".to_owned()),
        messages: Some(vec![
            Message { role: Role::User, content: vec![ContentBlock::Image(image)] },
            Message { role: Role::Assistant, content: vec![call()] },
            Message { role: Role::User, content: vec![ContentBlock::ToolResult(result)] },
        ]),
        system: Some(vec![
            sdk::SystemContentBlock::Text("be brief".to_owned()),
            sdk::SystemContentBlock::CachePoint(sdk::CachePointBlock {
                r#type: sdk::CachePointType::Default,
            }),
        ]),
        inference_config: Some(sdk::InferenceConfiguration {
            max_tokens: Some(16),
            temperature: Some(0.5),
            stop_sequences: None,
        }),
        tool_config: Some(sdk::ToolConfiguration {
            tools: vec![sdk::Tool::ToolSpec(sdk::ToolSpecification {
                name: "weather".to_owned(),
                description: None,
                input_schema: Some(sdk::ToolInputSchema::Json(schema)),
            })],
            tool_choice: Some(sdk::ToolChoice::Auto(sdk::AutoToolChoice {})),
        }),
        request_metadata: Some(BTreeMap::from([("user_id".to_owned(), "7".to_owned())])),
    };
    let read = value(&format!("{request:?}"), INPUT);
    assert_eq!(read["system"], json!([{"text": "be brief"}, {"cachePoint": {"type": "default"}}]));
    assert_eq!(
        read["messages"][0]["content"][0]["image"],
        json!({"format": "png", "source": {"bytes": "ABI0"}})
    );
    assert_eq!(
        read["messages"][2]["content"][0],
        json!({"toolResult": {"toolUseId": "t-1", "content": [{"json": {"sky": "blue"}}], "status": "success"}})
    );
    assert_eq!(read["inferenceConfig"], json!({"maxTokens": 16, "temperature": 0.5}));
    assert_eq!(read["toolConfig"]["toolChoice"], json!({"auto": {}}));
    assert_eq!(
        read["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]["properties"],
        json!({"api_key": {"type": "string"}})
    );
    assert_eq!(read["requestMetadata"], json!({"user_id": "7"}));
    let request = providers::request(Input::Value(read));
    assert_eq!(request.shape.unwrap().api_type, "converse");
    assert_eq!(request.model.as_deref(), Some("amazon.nova-lite-v1:0"));
    assert_eq!(request.prompt.unwrap().messages().len(), 4);
}

#[test]
fn only_parts_of_a_request_are_shown_as_arguments() {
    for name in [
        INPUT,
        "alloc::vec::Vec<aws_sdk_bedrockruntime::types::_message::Message>",
        "&[aws_sdk_bedrockruntime::types::_message::Message]",
        "&mut core::option::Option<alloc::vec::Vec<aws_sdk_bedrockruntime::types::_message::Message>>",
        "alloc::sync::Arc<llm::chat::message::ChatMessage>",
    ] {
        assert!(is_of_request(name), "{name}");
    }
    for name in [
        "aws_sdk_bedrockruntime::client::Client",
        "aws_sdk_bedrockruntime::config::Config",
        "aws_sdk_bedrockruntime::operation::converse::builders::ConverseFluentBuilder",
        "groq_api_rs::completion::client::Groq",
        "my::Wrapper<aws_sdk_bedrockruntime::types::_message::Message>",
        "my::aws_sdk_bedrockruntime::types::Message",
        "llm::builder::LLMBuilder",
        "",
        "&",
    ] {
        assert!(!is_of_request(name), "{name}");
    }
}
