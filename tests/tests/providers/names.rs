//! Determines the provider from the model name, when nothing else identifies it.

use serde_json::json;
use tests::fixtures::{Given, replay};

fn provider(model: &str) -> String {
    let request = json!({ "model": model, "messages": [{ "role": "user", "content": "Why?" }] });
    let reply = json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "So." }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 } });
    replay(None, &request, Given::Whole(reply)).provider
}

/// Open models, and names in the form that servers of third-party models use. Many providers serve these.
#[test]
fn model_of_many_providers_identifies_none() {
    let models = [
        "llama3.2",
        "mistral-small:latest",
        "mistral:7b",
        "mistralai/Mistral-7B-Instruct-v0.3",
        "command-r:35b",
        "deepseek-r1:8b",
        "deepseek-ai/DeepSeek-V3",
        "openai/gpt-oss-20b",
        "Qwen/Qwen3-8B",
        "gemma3:4b",
        "google/gemma-3-27b-it",
        "my-fine-tune",
        "anthropic/claude-sonnet-4.5",
        "x-ai/grok-4",
        "bedrock/anthropic.claude-3-haiku-20240307-v1:0",
        "azure/gpt-4o",
        "",
    ];
    for model in models {
        assert_eq!(provider(model), "custom", "{model}");
    }
}

/// Model names that only the maker of the model uses.
#[test]
fn model_of_one_provider_identifies_it() {
    let models = [
        ("gpt-4o", "openai"),
        ("o3", "openai"),
        ("mistral-small-latest", "mistral"),
        ("magistral-medium-latest", "mistral"),
        ("grok-3-mini", "xai"),
        ("sonar", "perplexity"),
        ("deepseek-chat", "deepseek"),
    ];
    for (model, vendor) in models {
        assert_eq!(provider(model), vendor, "{model}");
    }
}
