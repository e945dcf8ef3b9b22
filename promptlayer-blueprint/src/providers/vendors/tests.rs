//! Each provider is found by each kind of evidence in its row.

use serde_json::{Value, from_str};

use self::Found::{ByHost, ByModel, ByReply, ByRequest, ByType};
use super::super::{Evidence, Reply, Request, provider_of_host, provider_of_model};
use super::{VENDORS, Vendor};
use crate::providers::vendor;

/// What identifies a provider.
#[derive(Debug)]
enum Found {
    /// The host of its API.
    ByHost(&'static [&'static str]),
    /// The name of a model.
    ByModel(&'static [&'static str]),
    /// The name of a Rust type.
    ByType(&'static str),
    /// Fields of a request, as JSON.
    ByRequest(&'static str),
    /// Fields of a response, as JSON.
    ByReply(&'static str),
}

const CASES: &[(&str, Found)] = &[
    ("openai", ByHost(&["api.openai.com"])),
    (
        "openai",
        ByModel(&["gpt-4o", "gpt-5.2", "gpt-3.5-turbo", "o1", "o3-mini", "o4-mini", "chatgpt-4o-latest"]),
    ),
    (
        "openai",
        ByModel(&[
            "text-embedding-3-small",
            "dall-e-3",
            "gpt-image-1",
            "ft:gpt-4o-mini:acme::1",
            "whisper-1",
        ]),
    ),
    ("openai", ByType("async_openai::client::Client<async_openai::config::OpenAIConfig>")),
    ("anthropic", ByHost(&["api.anthropic.com"])),
    ("anthropic", ByModel(&["claude-sonnet-4-20250514", "claude-3-5-haiku-latest"])),
    ("anthropic", ByType("&anthropic_ai_sdk::client::AnthropicClient")),
    ("google", ByHost(&["generativelanguage.googleapis.com"])),
    ("google", ByModel(&["gemini-2.5-flash", "gemini-embedding-001"])),
    ("google", ByType("gemini_rust::client::Gemini")),
    ("cohere", ByHost(&["api.cohere.com"])),
    ("cohere", ByModel(&["command-r-plus-08-2024", "command-a-03-2025", "embed-v4.0", "embed-english-v3.0"])),
    ("cohere", ByType("cohere_rust::Cohere")),
    ("mistral", ByHost(&["api.mistral.ai"])),
    ("mistral", ByModel(&["mistral-large-latest", "codestral-latest", "open-mistral-nemo", "mistral-embed"])),
    ("mistral", ByType("mistralai_client::v1::client::Client")),
    ("groq", ByHost(&["api.groq.com"])),
    ("groq", ByType("groq_api_rs::completion::client::Groq")),
    ("groq", ByReply(r#"{"x_groq": {"id": "req_1"}}"#)),
    ("venice", ByHost(&["api.venice.ai"])),
    ("venice", ByRequest(r#"{"venice_parameters": {}}"#)),
    ("venice", ByReply(r#"{"venice_parameters": {}}"#)),
    ("copilot", ByReply(r#"{"copilot_usage": {}, "prompt_filter_results": []}"#)),
    ("openrouter", ByHost(&["openrouter.ai"])),
    ("openrouter", ByType("openrouter_rs::client::OpenRouterClient")),
    ("openrouter", ByRequest(r#"{"provider": {"order": ["OpenAI"]}}"#)),
    ("openrouter", ByReply(r#"{"provider": "OpenAI", "id": "gen-1"}"#)),
    ("openrouter", ByReply(r#"{"provider": "OpenAI", "choices": [{"native_finish_reason": "x"}]}"#)),
    ("openrouter", ByReply(r#"{"provider": "OpenAI", "usage": {"is_byok": false}}"#)),
    ("perplexity", ByHost(&["api.perplexity.ai"])),
    ("perplexity", ByModel(&["sonar", "sonar-pro", "sonar-deep-research"])),
    ("perplexity", ByReply(r#"{"usage": {"search_context_size": "low"}}"#)),
    ("perplexity", ByReply(r#"{"citations": [], "search_results": []}"#)),
    ("deepseek", ByHost(&["api.deepseek.com"])),
    ("deepseek", ByModel(&["deepseek-chat", "deepseek-reasoner"])),
    ("deepseek", ByReply(r#"{"model": "deepseek-v4", "usage": {"prompt_cache_miss_tokens": 1}}"#)),
    ("xai", ByHost(&["api.x.ai"])),
    ("xai", ByModel(&["grok-4", "grok-code-fast-1"])),
    ("xai", ByReply(r#"{"usage": {"num_sources_used": 0}}"#)),
    ("together", ByHost(&["api.together.xyz"])),
    ("together", ByReply(r#"{"prompt": [], "choices": [{"seed": 7}]}"#)),
    ("sambanova", ByHost(&["api.sambanova.ai"])),
    ("fireworks", ByHost(&["api.fireworks.ai"])),
    ("cerebras", ByHost(&["api.cerebras.ai"])),
    ("cerebras", ByReply(r#"{"time_info": {"total_time": 1}}"#)),
    (
        "llamacpp",
        ByReply(r#"{"timings": {"prompt_n": 1, "predicted_n": 2}, "system_fingerprint": "b10499-6d05498"}"#),
    ),
    ("mistralrs", ByReply(r#"{"usage": {"avg_compl_tok_per_sec": 7.5}}"#)),
    ("ollama", ByHost(&["localhost:11434", "[::1]:11434"])),
    ("ollama", ByType("&ollama_rs::Ollama")),
    ("ollama", ByReply(r#"{"system_fingerprint": "fp_ollama"}"#)),
    ("openai.azure", ByHost(&["mine.openai.azure.com"])),
    ("openai.azure", ByType("async_openai::client::Client<async_openai::config::AzureConfig>")),
    ("openai.azure", ByRequest(r#"{"data_sources": [{"type": "azure_search"}]}"#)),
    ("openai.azure", ByReply(r#"{"object": "chat.completion", "prompt_filter_results": []}"#)),
    ("amazon.bedrock", ByHost(&["bedrock-runtime.eu-west-1.amazonaws.com"])),
    ("amazon.bedrock", ByType("alloc::sync::Arc<aws_sdk_bedrockruntime::client::Client>")),
    ("amazon.bedrock", ByRequest(r#"{"anthropic_version": "bedrock-2023-05-31"}"#)),
    ("amazon.bedrock", ByReply(r#"{"id": "msg_bdrk_1"}"#)),
    ("vertexai", ByHost(&["europe-west1-aiplatform.googleapis.com", "aiplatform.googleapis.com"])),
    ("vertexai", ByModel(&["claude-sonnet-4@20250514"])),
    ("vertexai", ByType("google_cloud_aiplatform_v1::client::PredictionService")),
    ("vertexai", ByRequest(r#"{"anthropic_version": "vertex-2023-10-16"}"#)),
    ("vertexai", ByReply(r#"{"id": "msg_vrtx_1"}"#)),
    ("moonshot", ByHost(&["api.moonshot.ai"])),
];

impl Found {
    /// Returns the providers that this identifies.
    fn providers(&self) -> Vec<Option<&'static str>> {
        let object = |json: &str| match from_str(json) {
            Ok(Value::Object(object)) => object,
            other => panic!("{other:?}"),
        };
        match self {
            ByHost(hosts) => hosts.iter().map(|host| of_address(host)).collect(),
            ByModel(models) => models.iter().map(|model| provider_of_model(model)).collect(),
            ByType(name) => vec![of_type(name)],
            ByRequest(json) => vec![vendor::of_request(&object(json))],
            ByReply(json) => vec![vendor::of_reply(&object(json))],
        }
    }

    /// Returns `true` if the row has evidence of the kind that this is.
    fn is_in(&self, vendor: &Vendor) -> bool {
        !match self {
            ByHost(_) => vendor.hosts.is_empty() && vendor.host_patterns.is_empty(),
            ByModel(_) => {
                vendor.models.is_empty()
                    && vendor.model_prefixes.is_empty()
                    && vendor.model_patterns.is_empty()
            }
            ByType(_) => vendor.types.is_empty() && vendor.shared_types.is_empty(),
            ByRequest(_) => vendor.request_marks.is_empty(),
            ByReply(_) => vendor.reply_marks.is_empty(),
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
    let kinds = [ByHost(&[]), ByModel(&[]), ByType(""), ByRequest(""), ByReply("")];
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
