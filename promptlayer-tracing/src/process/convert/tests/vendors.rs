//! Detection of the provider, if several providers use the same wire format.

use promptlayer_blueprint::providers::provider_of_model as of_model;
use serde_json::{Value, json};

use super::{log_of, log_of_output};
use crate::process::convert::log_request;

/// Builds a response with these fields.
fn reply(fields: Value) -> Value {
    let mut reply = json!({"object": "chat.completion", "model": "m", "choices": [
        {"message": {"role": "assistant", "content": "So."}},
    ]});
    let Value::Object(fields) = fields else { panic!("{fields}") };
    reply.as_object_mut().unwrap().extend(fields);
    reply
}

#[test]
fn field_of_several_providers_identifies_none() {
    let copilot =
        json!({"model": "m", "prompt_filter_results": [], "choices": [{"message": {"content": "So."}}]});
    let cases = [
        copilot,
        reply(json!({"provider": "OpenAI"})),
        reply(json!({"id": "gen-1"})),
        reply(json!({"citations": ["https://example.org"]})),
        reply(json!({"model": "deepseek-ai/DeepSeek-V3", "usage": {"prompt_cache_miss_tokens": 1}})),
        reply(json!({"timings": {"prompt_n": 1, "predicted_n": 2}, "system_fingerprint": "fp_1"})),
        reply(json!({"system_fingerprint": "b10499-6d05498"})),
        reply(json!({"x_groq": null, "venice_parameters": "x", "time_info": 7, "usage": 7, "prompt": "x"})),
    ];
    for reply in cases {
        assert_eq!(log_of_output(&reply).provider, "custom", "{reply}");
    }
}

#[test]
fn request_field_of_one_provider_identifies_it() {
    let request = |fields: Value| {
        let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "why?"}]});
        let Value::Object(fields) = fields else { panic!("{fields}") };
        request.as_object_mut().unwrap().extend(fields);
        log_of(&request, &reply(json!({}))).provider
    };
    assert_eq!(request(json!({"provider": {"order": ["OpenAI"]}})), "openrouter");
    assert_eq!(request(json!({"venice_parameters": {}})), "venice");
    assert_eq!(request(json!({"data_sources": [{"type": "azure_search"}]})), "openai.azure");
    assert_eq!(request(json!({"provider": {"name": "x"}, "data_sources": [7]})), "custom");
}

#[test]
fn reply_has_priority_over_request_and_model_name() {
    let request = json!({
        "model": "grok-4", "provider": {"sort": "price"}, "messages": [{"role": "user", "content": "why?"}],
    });
    let none = log_of(&request, &json!("So."));
    assert_eq!(none.provider, "openrouter");
    assert_eq!(log_of(&request, &reply(json!({"x_groq": {}}))).provider, "groq");
    let mut bare = request.clone();
    bare.as_object_mut().unwrap().remove("provider");
    assert_eq!(log_of(&bare, &reply(json!({}))).provider, "xai");
    let named = crate::span::finished::FinishedSpan {
        provider: Some("mine".to_owned()),
        input: Some(super::arguments([("request", request)])),
        ..super::span()
    };
    assert_eq!(log_request(&named, None).provider, "mine");
}

#[test]
fn model_name_of_several_providers_identifies_none() {
    for model in [
        "",
        "m",
        "openai/gpt-4o",
        "anthropic/claude-sonnet-4",
        "command-r:35b",
        "gpt-oss",
        "gpt-oss-120b",
        "gpt-oss:20b",
        "gpt-neo",
        "gpt-j-6b",
        "gpt2",
        "o100",
        "sonarqube",
        "deepseek-r1",
        "deepseek-v3",
        "mistral",
        "mistral-small",
        "mistral-small-2503",
        "mistral-small-2503@001",
        "llama-3.3-70b",
        "text-embedding-005",
        "anthropic.claude-3",
        "grok",
        "mistral-small:latest",
    ] {
        assert_eq!(of_model(model), None, "{model}");
    }
}

#[test]
fn unshared_api_has_priority_over_model_name() {
    let messages = json!([{"role": "user", "content": "why?"}]);
    let blocks = json!([{"role": "user", "content": [{"text": "why?"}]}]);
    let requests = [
        ("ollama", json!({"model": "command-r", "messages": messages, "options": {}})),
        ("ollama", json!({"model": "command-r", "prompt": "why?", "keep_alive": 60})),
        ("ollama", json!({"model": "command-r", "input": "why?", "truncate": true})),
        ("amazon.bedrock", json!({"modelId": "claude-sonnet-4", "messages": blocks})),
    ];
    for (provider, request) in &requests {
        assert_eq!(log_of(request, &json!("So.")).provider, *provider, "{request}");
    }
    let chat = json!({"model": "command-r", "messages": messages});
    let of_ollama =
        json!({"model": "command-r", "message": {"role": "assistant", "content": "So."}, "done": true});
    assert_eq!(log_of(&chat, &of_ollama).provider, "ollama");
    let of_bedrock = json!({"output": {"message": {"role": "assistant", "content": [{"text": "So."}]}}});
    assert_eq!(log_of(&chat, &of_bedrock).provider, "amazon.bedrock");
    // The response has a shared wire format, so the server is not the one that the request's format
    // suggests.
    let asked = json!({"model": "gpt-4o", "messages": messages, "think": true});
    assert_eq!(log_of(&asked, &reply(json!({}))).provider, "openai");
}
