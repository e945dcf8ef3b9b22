//! Each provider is found by each kind of evidence in its row.

use serde_json::{Value, from_str};

use self::Found::{Host, Model, Response, RustType, Sent};
use super::super::{Evidence, Reply, Request, provider_of_host, provider_of_model};
use super::{VENDORS, Vendor};
use crate::providers::vendor;

/// What a provider is found by.
#[derive(Debug)]
enum Found {
    /// The host of its API.
    Host(&'static [&'static str]),
    /// The name of a model.
    Model(&'static [&'static str]),
    /// The name of a Rust type.
    RustType(&'static str),
    /// Fields of a request, as JSON.
    Sent(&'static str),
    /// Fields of a response, as JSON.
    Response(&'static str),
}

const CASES: &[(&str, Found)] = &[
    ("openai", Host(&["api.openai.com"])),
    (
        "openai",
        Model(&["gpt-4o", "gpt-5.2", "gpt-3.5-turbo", "o1", "o3-mini", "o4-mini", "chatgpt-4o-latest"]),
    ),
    (
        "openai",
        Model(&["text-embedding-3-small", "dall-e-3", "gpt-image-1", "ft:gpt-4o-mini:acme::1", "whisper-1"]),
    ),
    ("openai", RustType("async_openai::client::Client<async_openai::config::OpenAIConfig>")),
    ("anthropic", Host(&["api.anthropic.com"])),
    ("anthropic", Model(&["claude-sonnet-4-20250514", "claude-3-5-haiku-latest"])),
    ("anthropic", RustType("&anthropic_ai_sdk::client::AnthropicClient")),
    ("google", Host(&["generativelanguage.googleapis.com"])),
    ("google", Model(&["gemini-2.5-flash", "gemini-embedding-001"])),
    ("google", RustType("gemini_rust::client::Gemini")),
    ("cohere", Host(&["api.cohere.com"])),
    ("cohere", Model(&["command-r-plus-08-2024", "command-a-03-2025", "embed-v4.0", "embed-english-v3.0"])),
    ("cohere", RustType("cohere_rust::Cohere")),
    ("mistral", Host(&["api.mistral.ai"])),
    ("mistral", Model(&["mistral-large-latest", "codestral-latest", "open-mistral-nemo", "mistral-embed"])),
    ("mistral", RustType("mistralai_client::v1::client::Client")),
    ("groq", Host(&["api.groq.com"])),
    ("groq", RustType("groq_api_rs::completion::client::Groq")),
    ("groq", Response(r#"{"x_groq": {"id": "req_1"}}"#)),
    ("venice", Host(&["api.venice.ai"])),
    ("venice", Sent(r#"{"venice_parameters": {}}"#)),
    ("venice", Response(r#"{"venice_parameters": {}}"#)),
    ("copilot", Response(r#"{"copilot_usage": {}, "prompt_filter_results": []}"#)),
    ("openrouter", Host(&["openrouter.ai"])),
    ("openrouter", RustType("openrouter_rs::client::OpenRouterClient")),
    ("openrouter", Sent(r#"{"provider": {"order": ["OpenAI"]}}"#)),
    ("openrouter", Response(r#"{"provider": "OpenAI", "id": "gen-1"}"#)),
    ("openrouter", Response(r#"{"provider": "OpenAI", "choices": [{"native_finish_reason": "x"}]}"#)),
    ("openrouter", Response(r#"{"provider": "OpenAI", "usage": {"is_byok": false}}"#)),
    ("perplexity", Host(&["api.perplexity.ai"])),
    ("perplexity", Model(&["sonar", "sonar-pro", "sonar-deep-research"])),
    ("perplexity", Response(r#"{"usage": {"search_context_size": "low"}}"#)),
    ("perplexity", Response(r#"{"citations": [], "search_results": []}"#)),
    ("deepseek", RustType("deepseek_rs::client::client::DeepSeekClient")),
    ("deepseek", Host(&["api.deepseek.com"])),
    ("deepseek", Model(&["deepseek-chat", "deepseek-reasoner"])),
    ("deepseek", Response(r#"{"model": "deepseek-v4", "usage": {"prompt_cache_miss_tokens": 1}}"#)),
    ("xai", Host(&["api.x.ai"])),
    ("xai", Model(&["grok-4", "grok-code-fast-1"])),
    ("xai", Response(r#"{"usage": {"num_sources_used": 0}}"#)),
    ("together", Host(&["api.together.xyz"])),
    ("together", Response(r#"{"prompt": [], "choices": [{"seed": 7}]}"#)),
    ("sambanova", Host(&["api.sambanova.ai"])),
    ("fireworks", Host(&["api.fireworks.ai"])),
    ("cerebras", Host(&["api.cerebras.ai"])),
    ("cerebras", Response(r#"{"time_info": {"total_time": 1}}"#)),
    (
        "llamacpp",
        Response(r#"{"timings": {"prompt_n": 1, "predicted_n": 2}, "system_fingerprint": "b10499-6d05498"}"#),
    ),
    ("mistralrs", Response(r#"{"usage": {"avg_compl_tok_per_sec": 7.5}}"#)),
    ("ollama", Host(&["localhost:11434", "[::1]:11434"])),
    ("ollama", RustType("&ollama_rs::Ollama")),
    ("ollama", Response(r#"{"system_fingerprint": "fp_ollama"}"#)),
    ("openai.azure", Host(&["mine.openai.azure.com"])),
    ("openai.azure", RustType("async_openai::client::Client<async_openai::config::AzureConfig>")),
    ("openai.azure", Sent(r#"{"data_sources": [{"type": "azure_search"}]}"#)),
    ("openai.azure", Response(r#"{"object": "chat.completion", "prompt_filter_results": []}"#)),
    ("amazon.bedrock", Host(&["bedrock-runtime.eu-west-1.amazonaws.com"])),
    ("amazon.bedrock", RustType("alloc::sync::Arc<aws_sdk_bedrockruntime::client::Client>")),
    ("amazon.bedrock", Sent(r#"{"anthropic_version": "bedrock-2023-05-31"}"#)),
    ("amazon.bedrock", Response(r#"{"id": "msg_bdrk_1"}"#)),
    ("vertexai", Host(&["europe-west1-aiplatform.googleapis.com", "aiplatform.googleapis.com"])),
    ("vertexai", Model(&["claude-sonnet-4@20250514"])),
    ("vertexai", RustType("google_cloud_aiplatform_v1::client::PredictionService")),
    ("vertexai", Sent(r#"{"anthropic_version": "vertex-2023-10-16"}"#)),
    ("vertexai", Response(r#"{"id": "msg_vrtx_1"}"#)),
    ("moonshot", Host(&["api.moonshot.ai"])),
];

impl Found {
    /// Returns the providers that this identifies.
    fn providers(&self) -> Vec<Option<&'static str>> {
        let object = |json: &str| match from_str(json) {
            Ok(Value::Object(object)) => object,
            other => panic!("{other:?}"),
        };
        match self {
            Host(hosts) => hosts.iter().map(|host| of_address(host)).collect(),
            Model(models) => models.iter().map(|model| provider_of_model(model)).collect(),
            RustType(name) => vec![of_type(name)],
            Sent(json) => vec![vendor::of_request(&object(json))],
            Response(json) => vec![vendor::of_reply(&object(json))],
        }
    }

    /// Returns `true` if the row has evidence of the kind that this is.
    fn is_in(&self, vendor: &Vendor) -> bool {
        !match self {
            Host(_) => vendor.hosts.is_empty() && vendor.host_patterns.is_empty(),
            Model(_) => {
                vendor.models.is_empty()
                    && vendor.model_prefixes.is_empty()
                    && vendor.model_patterns.is_empty()
            }
            RustType(_) => vendor.types.is_empty() && vendor.shared_types.is_empty(),
            Sent(_) => vendor.request_marks.is_empty(),
            Response(_) => vendor.reply_marks.is_empty(),
        }
    }
}

fn of_address(address: &str) -> Option<&'static str> {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().unwrap())),
        None => (address, Some(443)),
    };
    provider_of_host(host, port)
}

fn of_type(name: &str) -> Option<&'static str> {
    let (request, reply) = (Request::default(), Reply::default());
    let evidence = Evidence { request: &request, reply: &reply, model: "m", types: &[name] };
    evidence.provider().and_then(Vendor::by_name).map(|vendor| vendor.name)
}

#[test]
fn each_case_identifies_its_provider() {
    for (provider, found) in CASES {
        for given in found.providers() {
            assert_eq!(given, Some(*provider), "{found:?}");
        }
    }
}

#[test]
fn every_kind_of_evidence_in_a_row_has_a_case() {
    let kinds = [Host(&[]), Model(&[]), RustType(""), Sent(""), Response("")];
    for vendor in VENDORS {
        for kind in kinds.iter().filter(|kind| kind.is_in(vendor)) {
            let is_same = |found: &Found| std::mem::discriminant(found) == std::mem::discriminant(kind);
            let has_case = CASES.iter().any(|(name, found)| *name == vendor.name && is_same(found));
            assert!(has_case, "no case for {} {kind:?}", vendor.name);
        }
    }
}

#[test]
fn host_of_another_port_or_domain_identifies_none() {
    for address in [
        "example.com",
        "api.openai.com.evil.org",
        "evil-api.openai.com",
        "localhost:8080",
        "localhost",
        "api.openai",
        "",
    ] {
        assert_eq!(of_address(address), None, "{address}");
    }
}

#[test]
fn name_of_each_row_is_its_own() {
    for (position, vendor) in VENDORS.iter().enumerate() {
        let has = |other: &Vendor, name: &str| other.name == name || other.opentelemetry.contains(&name);
        let mut names = std::iter::once(&vendor.name).chain(vendor.opentelemetry);
        let is_shared = |name: &&&str| VENDORS[position + 1..].iter().any(|other| has(other, name));
        assert_eq!(names.find(is_shared), None);
    }
}
