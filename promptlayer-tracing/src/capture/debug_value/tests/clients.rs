//! The `Debug` of other clients' types as the wire format of their provider.

use std::collections::BTreeMap;

use promptlayer_blueprint::providers::{self, Output};
use serde_json::{Value, json};

use crate::capture::debug_value::{self, is_of_request, is_reply, part_of_request, value};

/// Types with the `Debug` of those in the crates.
#[allow(
    dead_code,
    non_camel_case_types,
    clippy::enum_variant_names,
    clippy::struct_field_names,
    reason = "their `Debug` is what is looked at"
)]
mod types {
    use super::{BTreeMap, Value};

    #[derive(Debug)]
    pub(super) struct CallResponse<T> {
        pub(super) headers: BTreeMap<&'static str, &'static str>,
        pub(super) inner: T,
    }

    #[derive(Debug)]
    pub(super) struct ChatCompletionResponse {
        pub(super) id: Option<String>,
        pub(super) object: Option<String>,
        pub(super) created: i64,
        pub(super) model: String,
        pub(super) choices: Vec<ChatCompletionChoice>,
        pub(super) usage: Usage,
        pub(super) system_fingerprint: Option<String>,
    }

    #[derive(Debug)]
    pub(super) struct ChatCompletionChoice {
        pub(super) index: i64,
        pub(super) message: ChatCompletionMessageForResponse,
        pub(super) finish_reason: Option<FinishReason>,
    }

    #[derive(Debug)]
    pub(super) struct ChatCompletionMessageForResponse {
        pub(super) role: MessageRole,
        pub(super) content: Option<String>,
        pub(super) tool_calls: Option<Vec<ToolCall>>,
    }

    #[derive(Debug)]
    pub(super) enum MessageRole {
        assistant,
    }

    #[derive(Debug)]
    pub(super) enum FinishReason {
        tool_calls,
    }

    #[derive(Debug)]
    pub(super) struct ToolCall {
        pub(super) id: String,
        pub(super) r#type: String,
        pub(super) function: ToolCallFunction,
    }

    #[derive(Debug)]
    pub(super) struct ToolCallFunction {
        pub(super) name: Option<String>,
        pub(super) arguments: Option<String>,
    }

    #[derive(Debug)]
    pub(super) struct Usage {
        pub(super) prompt_tokens: i32,
        pub(super) completion_tokens: i32,
        pub(super) total_tokens: i32,
    }

    #[derive(Debug)]
    pub(super) struct EmbeddingResponse {
        pub(super) object: String,
        pub(super) data: Vec<EmbeddingData>,
        pub(super) model: String,
        pub(super) usage: EmbeddingUsage,
    }

    #[derive(Debug)]
    pub(super) struct EmbeddingData {
        pub(super) object: String,
        pub(super) embedding: Vec<f32>,
        pub(super) index: i32,
    }

    #[derive(Debug)]
    pub(super) struct EmbeddingUsage {
        pub(super) prompt_tokens: i32,
        pub(super) total_tokens: i32,
    }

    #[derive(Debug)]
    pub(super) enum ChatCompletionStreamResponse {
        Content(String),
        Reasoning(String),
        ToolCall(Vec<ToolCall>),
        Done,
    }

    #[derive(Debug)]
    pub(super) enum ResponseStreamResponse {
        Event(ResponseStreamEvent),
        Done,
    }

    #[derive(Debug)]
    pub(super) struct ResponseStreamEvent {
        pub(super) event: Option<String>,
        pub(super) data: Value,
    }

    #[derive(Debug)]
    pub(super) enum PostResult {
        Rest(GeminiResponse),
    }

    #[derive(Debug)]
    pub(super) struct GeminiResponse {
        pub(super) candidates: Vec<Candidate>,
        pub(super) prompt_feedback: Option<()>,
        pub(super) usage_metadata: Option<UsageMetadata>,
    }

    #[derive(Debug)]
    pub(super) struct Candidate {
        pub(super) content: Content,
        pub(super) finish_reason: Option<String>,
    }

    #[derive(Debug)]
    pub(super) struct Content {
        pub(super) role: Role,
        pub(super) parts: Vec<Part>,
    }

    #[derive(Debug)]
    pub(super) enum Role {
        User,
        Model,
    }

    #[derive(Debug)]
    pub(super) struct Part {
        pub(super) text: Option<String>,
        pub(super) inline_data: Option<()>,
    }

    #[derive(Debug)]
    pub(super) struct UsageMetadata {
        pub(super) prompt_token_count: u64,
        pub(super) candidates_token_count: u64,
    }

    #[derive(Debug)]
    pub(super) enum ChatStreamResponse {
        ChatStreamStart { generation_id: String, is_finished: bool },
        ChatTextGeneration { is_finished: bool, text: String },
        ChatStreamEnd { finish_reason: String, is_finished: bool, response: ChatResponse },
    }

    #[derive(Debug)]
    pub(super) struct ChatResponse {
        pub(super) generation_id: String,
        pub(super) response_id: String,
        pub(super) text: String,
    }

    #[derive(Debug)]
    pub(super) struct ChatMessage {
        pub(super) role: ChatRole,
        pub(super) message_type: MessageType,
        pub(super) content: String,
    }

    #[derive(Debug)]
    pub(super) enum ChatRole {
        User,
        Assistant,
    }

    #[derive(Debug)]
    pub(super) enum MessageType {
        Text,
        ImageURL(String),
        ToolUse(Vec<LlmToolCall>),
        ToolResult(Vec<LlmToolCall>),
    }

    #[derive(Debug)]
    pub(super) struct FunctionCall {
        pub(super) name: String,
        pub(super) arguments: String,
    }

    pub(super) struct LlmToolCall(pub(super) &'static str, pub(super) FunctionCall);

    impl std::fmt::Debug for LlmToolCall {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("ToolCall")
                .field("id", &self.0)
                .field("call_type", &"function")
                .field("function", &self.1)
                .finish()
        }
    }
}

use types::*;

fn call() -> ToolCall {
    ToolCall {
        id: "c-1".to_owned(),
        r#type: "function".to_owned(),
        function: ToolCallFunction {
            name: Some("weather".to_owned()),
            arguments: Some("{\"city\":\"Bern\"}".to_owned()),
        },
    }
}

fn headers() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([("set-cookie", "s3cret"), ("x-request-id", "r-1")])
}

const OPENAI_API_RS: &str = "openai_api_rs::v1::responses::responses::CallResponse<openai_api_rs::v1::chat_completion::chat_completion::ChatCompletionResponse>";

#[test]
fn reply_of_openai_api_rs_loses_its_headers() {
    let reply = CallResponse {
        headers: headers(),
        inner: ChatCompletionResponse {
            id: Some("i".to_owned()),
            object: Some("chat.completion".to_owned()),
            created: 1_700_000_000,
            model: "gpt-4o".to_owned(),
            choices: vec![ChatCompletionChoice {
                index: 0,
                message: ChatCompletionMessageForResponse {
                    role: MessageRole::assistant,
                    content: Some("4".to_owned()),
                    tool_calls: Some(vec![call()]),
                },
                finish_reason: Some(FinishReason::tool_calls),
            }],
            usage: Usage { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
            system_fingerprint: None,
        },
    };
    let read = value(&format!("{reply:?}"), OPENAI_API_RS);
    let function = json!({"name": "weather", "arguments": "{\"city\":\"Bern\"}"});
    assert_eq!(
        read,
        json!({
            "id": "i", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4o",
            "choices": [{
                "index": 0, "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant", "content": "4",
                    "tool_calls": [{"id": "c-1", "type": "function", "function": function}],
                },
            }],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
            "system_fingerprint": null,
        })
    );
    let reply = providers::response(Output::Value(read));
    assert_eq!(reply.model.as_deref(), Some("gpt-4o"));
    assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(2)));
}

#[test]
fn embeddings_of_openai_api_rs_are_counted() {
    let data = |index| EmbeddingData { object: "embedding".to_owned(), embedding: vec![0.25; 8], index };
    let reply = CallResponse {
        headers: headers(),
        inner: EmbeddingResponse {
            object: "list".to_owned(),
            data: vec![data(0), data(1)],
            model: "text-embedding-3-small".to_owned(),
            usage: EmbeddingUsage { prompt_tokens: 4, total_tokens: 4 },
        },
    };
    let reply = providers::response(Output::Value(value(&format!("{reply:?}"), OPENAI_API_RS)));
    assert_eq!(reply.prompt.unwrap().text(), "2 embeddings of 8 dimensions");
    assert_eq!(reply.usage.input, Some(4));
}

#[test]
fn stream_of_openai_api_rs_is_assembled() {
    use ChatCompletionStreamResponse::{Content, Done, Reasoning};
    let name = "openai_api_rs::v1::chat_completion::chat_completion_stream::ChatCompletionStreamResponse";
    let items = [
        Content(String::new()),
        Reasoning("hm".to_owned()),
        Content("4".to_owned()),
        Content("2".to_owned()),
        ChatCompletionStreamResponse::ToolCall(vec![call()]),
        Done,
    ];
    let read = items.iter().map(|item| value(&format!("{item:?}"), name)).collect();
    let reply = providers::response(Output::Chunks(read));
    assert_eq!(reply.shape.unwrap().api_type, "chat-completions");
    let prompt = reply.prompt.unwrap();
    assert_eq!(prompt.text(), "42");
    let written = serde_json::to_string(&prompt).unwrap();
    assert!(written.contains("\"hm\"") && written.contains("weather"), "{written}");
}

#[test]
fn events_of_openai_api_rs_are_their_data() {
    let name = "openai_api_rs::v1::responses::responses_stream::ResponseStreamResponse";
    let data = json!({"type": "response.output_text.delta", "delta": "Hi", "output_index": 0});
    let event = ResponseStreamResponse::Event(ResponseStreamEvent {
        event: Some("response.output_text.delta".to_owned()),
        data: data.clone(),
    });
    assert_eq!(value(&format!("{event:?}"), name), data);
    assert_eq!(value(&format!("{:?}", ResponseStreamResponse::Done), name), Value::Null);
}

#[test]
fn reply_of_groq_api_rs_is_detected() {
    let reply = "NonStream(Response { id: \"i\", object: \"chat.completion\", created: 2024-06-19T15:22:45Z, \
                 model: \"llama3-8b-8192\", system_fingerprint: Some(\"fp\"), choices: [Choice { index: 0, message: \
                 ChoiceMessage { role: \"assistant\", content: \"4\" }, finish_reason: \"stop\", logprobs: None }], \
                 usage: UsageInfo { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, prompt_time: 0.001, \
                 completion_time: 0.5, total_time: 0.6 } })";
    let name = "groq_api_rs::completion::client::CompletionOption";
    let reply = providers::response(Output::Value(value(reply, name)));
    assert_eq!(reply.model.as_deref(), Some("llama3-8b-8192"));
    assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(2)));
    assert_eq!(reply.prompt.unwrap().text(), "4");
}

#[test]
fn stream_of_groq_api_rs_is_a_list_of_events() {
    let chunks = "Stream([StreamResponse { id: \"i\", object: \"chat.completion.chunk\", created: \
                  2024-06-19T15:22:45Z, model: \"m\", system_fingerprint: None, choices: [StreamChoice { index: 0, \
                  delta: ChoiceDelta { role: Some(\"assistant\"), content: Some(\"4\") }, logprobs: None, \
                  finish_reason: None }], x_groq: None }])";
    let read = value(chunks, "groq_api_rs::completion::client::CompletionOption");
    let chunks = read.as_array().unwrap().clone();
    assert_eq!(providers::response(Output::Chunks(chunks)).prompt.unwrap().text(), "4");
}

#[test]
fn reply_of_google_generative_ai_rs_is_detected() {
    let reply = PostResult::Rest(GeminiResponse {
        candidates: vec![Candidate {
            content: Content {
                role: Role::Model,
                parts: vec![Part { text: Some("4".to_owned()), inline_data: None }],
            },
            finish_reason: Some("STOP".to_owned()),
        }],
        prompt_feedback: None,
        usage_metadata: Some(UsageMetadata { prompt_token_count: 3, candidates_token_count: 2 }),
    });
    let read = value(&format!("{reply:?}"), "google_generative_ai_rs::v1::api::PostResult");
    assert_eq!(read["candidates"][0]["content"]["role"], "model");
    let reply = providers::response(Output::Value(read));
    assert_eq!(reply.shape.unwrap().family, "google");
    assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(2)));
    assert_eq!(reply.prompt.unwrap().text(), "4");
}

#[test]
fn events_of_cohere_rust_are_assembled() {
    let name = "cohere_rust::api::chat::ChatStreamResponse";
    let text =
        |text: &str| ChatStreamResponse::ChatTextGeneration { is_finished: false, text: text.to_owned() };
    let response = ChatResponse {
        generation_id: "g".to_owned(),
        response_id: "r".to_owned(),
        text: "Hi you".to_owned(),
    };
    let items = [
        ChatStreamResponse::ChatStreamStart { generation_id: "g".to_owned(), is_finished: false },
        text("Hi "),
        text("you"),
        ChatStreamResponse::ChatStreamEnd {
            finish_reason: "COMPLETE".to_owned(),
            is_finished: true,
            response,
        },
    ];
    let read: Vec<Value> = items.iter().map(|item| value(&format!("{item:?}"), name)).collect();
    assert_eq!(read[1], json!({"event_type": "text-generation", "is_finished": false, "text": "Hi "}));
    let reply = providers::response(Output::Chunks(read));
    assert_eq!(reply.shape.unwrap().family, "cohere");
    assert_eq!(reply.prompt.unwrap().text(), "Hi you");
}

#[test]
fn messages_of_llm_are_those_of_openai() {
    let function =
        |arguments: &str| FunctionCall { name: "weather".to_owned(), arguments: arguments.to_owned() };
    let message =
        |role, message_type, content: &str| ChatMessage { role, message_type, content: content.to_owned() };
    let messages = [
        message(ChatRole::User, MessageType::Text, "why?"),
        message(ChatRole::User, MessageType::ImageURL("http://a/b.png".to_owned()), "look"),
        message(ChatRole::Assistant, MessageType::ToolUse(vec![LlmToolCall("c-1", function("{}"))]), ""),
        message(
            ChatRole::User,
            MessageType::ToolResult(vec![
                LlmToolCall("c-1", function("sunny")),
                LlmToolCall("c-2", function("windy")),
            ]),
            "",
        ),
    ];
    assert_eq!(
        value(&format!("{messages:?}"), "alloc::vec::Vec<llm::chat::message::ChatMessage>"),
        json!([
            {"role": "user", "content": "why?"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "http://a/b.png"}},
            ]},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "c-1", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "c-1", "content": "sunny"},
            {"role": "tool", "tool_call_id": "c-2", "content": "windy"},
        ])
    );
}

#[test]
fn events_of_gemini_rust_are_assembled() {
    const EVENT: &str = "gemini_rust::interactions::stream::InteractionEvent";
    let interaction = "StreamInteraction { id: Some(\"v1\"), model: Some(\"gemini-2.5-flash\"), status: STATUS, \
                       usage: Some(InteractionUsage { total_input_tokens: Some(3), total_output_tokens: Some(2), \
                       input_tokens_by_modality: [] }), steps: [] }";
    let event = |name: &str, status: &str| {
        format!("{name} {{ interaction: {}, event_id: None }}", interaction.replace("STATUS", status))
    };
    let events = [
        event("InteractionCreated", "InProgress"),
        "StepStart { index: 0, step: ModelOutput { content: [], error: None }, event_id: None }".to_owned(),
        "StepDelta { index: 0, delta: Text { text: \"Let me \" }, event_id: None }".to_owned(),
        "StepDelta { index: 0, delta: Text { text: \"see.\" }, event_id: None }".to_owned(),
        "StepStop { index: 0, usage: None, event_id: None }".to_owned(),
        "StepStart { index: 1, step: FunctionCall { name: \"weather\", arguments: Object {}, id: \"c-1\" } }"
            .to_owned(),
        "StepDelta { index: 1, delta: ArgumentsDelta { arguments: Some(\"{\\\"city\\\":\\\"Bern\\\"}\") } }"
            .to_owned(),
        event("InteractionCompleted", "RequiresAction"),
    ];
    let read: Vec<Value> = events.iter().map(|event| value(event, EVENT)).collect();
    assert_eq!(
        read[2],
        json!({
            "event_type": "step.delta",
            "index": 0,
            "delta": {"type": "text", "text": "Let me "},
            "event_id": null,
        })
    );
    let reply = providers::response(Output::Chunks(read));
    assert_eq!(reply.shape.unwrap().api_type, "interactions");
    assert_eq!(reply.usage.output, Some(2));
    assert_eq!(reply.finish.unwrap().word, "requires_action");
    let prompt = reply.prompt.unwrap();
    assert_eq!(prompt.text(), "Let me see.");
    let written = serde_json::to_string(&prompt).unwrap();
    assert!(written.contains("weather") && written.contains("Bern"), "{written}");
}

#[test]
fn parameters_of_mistralai_client_are_fields_of_the_request() {
    const PARAMETERS: &str = "core::option::Option<mistralai_client::v1::chat::ChatParams>";
    let parameters = "Some(ChatParams { max_tokens: Some(9), random_seed: None, response_format: None, safe_prompt: \
                      false, temperature: 0.5, tool_choice: Some(Auto), tools: Some([Tool { type: Function, function: \
                      ToolFunction { name: \"weather\", description: \"d\", parameters: ToolFunctionParameters { type: \
                      Object, properties: {\"city\": ToolFunctionParameterProperty { type: String, description: \
                      \"String\" }}, required: [\"city\"] } } }]), top_p: 1.0 })";
    assert!(is_of_request(PARAMETERS));
    assert!(matches!(part_of_request(PARAMETERS).unwrap().part, debug_value::Part::Fields));
    let read = value(parameters, PARAMETERS);
    let schema = json!({
        "type": "object", "properties": {"city": {"type": "string", "description": "String"}}, "required": ["city"],
    });
    assert_eq!(
        read["tools"],
        json!([{
            "type": "function", "function": {"name": "weather", "description": "d", "parameters": schema},
        }])
    );
    assert_eq!((&read["tool_choice"], &read["temperature"]), (&json!("auto"), &json!(0.5)));
}

#[test]
fn events_of_langchain_rust_are_assembled() {
    const EVENT: &str = "langchain_rust::language_models::LLMEvent";
    let events = [
        "Text(\"Let me \")",
        "Text(\"see.\")",
        "Done(GenerateResult { tokens: Some(TokenUsage { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }), \
         generation: \"[]\", tool_calls: [ToolCall { id: \"c-1\", name: \"weather\", arguments: \"{}\" }] })",
    ];
    let read: Vec<Value> = events.iter().map(|event| value(event, EVENT)).collect();
    let call = json!({
        "index": 0, "id": "c-1", "type": "function", "function": {"name": "weather", "arguments": "{}"},
    });
    assert_eq!(read[2]["choices"][0]["delta"]["tool_calls"], json!([call]));
    let reply = providers::response(Output::Chunks(read));
    assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(2)));
    assert_eq!(reply.prompt.unwrap().text(), "Let me see.");
}

#[test]
fn replies_of_llm_are_those_of_its_backends() {
    const REPLY: &str = "alloc::boxed::Box<dyn llm::chat::traits::ChatResponse>";
    let usage = "usage: Some(Usage { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, \
                 completion_tokens_details: None, prompt_tokens_details: None })";
    let function = "FunctionCall { name: \"weather\", arguments: \"{}\" }";
    let cases = [
        (
            "responses",
            format!(
                "OpenAIResponsesChatResponse {{ output: [Message {{ content: [OutputText {{ text: \"4\" }}] }}, \
                 FunctionCall {{ id: None, call_id: Some(\"c-1\"), name: \"weather\", arguments: \"{{}}\" }}], \
                 {usage} }}"
            ),
        ),
        (
            "chat-completions",
            format!(
                "OpenAIChatResponse {{ choices: [OpenAIChatChoice {{ message: OpenAIChatMsg {{ role: \"assistant\", \
                 content: Some(\"4\"), tool_calls: Some([ToolCall {{ id: \"c-1\", call_type: \"function\", \
                 function: {function} }}]) }} }}], {usage} }}"
            ),
        ),
        (
            "messages",
            "AnthropicCompleteResponse { content: [AnthropicContent { text: Some(\"4\"), content_type: Some(\"text\"), \
             thinking: None, name: None, input: None, id: None }, AnthropicContent { text: None, content_type: \
             Some(\"tool_use\"), thinking: None, name: Some(\"weather\"), input: Some(Object {}), id: Some(\"c-1\") \
             }], usage: Some(AnthropicUsage { input_tokens: 3, output_tokens: 2, cache_creation_input_tokens: None, \
             cache_read_input_tokens: None }) }"
                .to_owned(),
        ),
    ];
    for (api, debugged) in cases {
        assert!(is_reply(REPLY, &debugged), "{api}");
        let reply = providers::response(Output::Value(value(&debugged, REPLY)));
        assert_eq!(reply.shape.unwrap().api_type, api);
        assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(2)), "{api}");
        let prompt = reply.prompt.unwrap();
        assert_eq!(prompt.text(), "4", "{api}");
        assert!(serde_json::to_string(&prompt).unwrap().contains("weather"), "{api}");
    }
    assert!(!is_reply(REPLY, "PhindResponse { content: \"4\" }"));
    assert!(!is_reply("my::Reply", "OpenAIChatResponse { choices: [] }"));
}

#[test]
fn items_of_a_stream_of_llm_are_assembled() {
    const ITEM: &str = "llm::chat::stream::StreamChunk";
    let items = [
        "Text(\"Let me \")",
        "Text(\"see.\")",
        "ToolUseStart { index: 1, id: \"c-1\", name: \"weather\" }",
        "ToolUseInputDelta { index: 1, partial_json: \"{}\" }",
        "ToolUseComplete { index: 1, tool_call: ToolCall { id: \"c-1\", call_type: \"function\", function: \
         FunctionCall { name: \"weather\", arguments: \"{}\" } } }",
        "Done { stop_reason: \"tool_use\" }",
    ];
    let reply = providers::response(Output::Chunks(items.iter().map(|item| value(item, ITEM)).collect()));
    assert_eq!(reply.finish.unwrap().normalized(), "tool_calls");
    let prompt = reply.prompt.unwrap();
    assert_eq!(prompt.text(), "Let me see.");
    let written = serde_json::to_string(&prompt).unwrap();
    assert_eq!(written.matches("weather").count(), 1, "{written}");
}
