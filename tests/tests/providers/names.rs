//! Who serves a model, where nothing but its name is there to tell.

use serde_json::json;
use tests::fixtures::{Given, replay};

fn provider(model: &str) -> String {
    let request = json!({ "model": model, "messages": [{ "role": "user", "content": "Why?" }] });
    let reply = json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "So." }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 } });
    replay(None, &request, Given::Whole(reply)).provider
}

/// Open models, and names as servers of others' models write them: any of these may be anybody's.
#[test]
fn a_model_that_others_serve_too_tells_no_vendor() {
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
        assert_eq!(provider(model), "openai", "{model}");
    }
}

/// Names that only their maker serves a model under.
#[test]
fn a_model_that_only_its_maker_serves_tells_the_vendor() {
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
