//! Detection of the provider behind a wire format that several providers use.
//!
//! A provider is detected by a field that only this provider sends, or by a model name that only its own
//! API has.

use serde_json::Value;

use super::shape::Object;
use super::vendors::{VENDORS, Vendor};

/// Routing preferences that `OpenRouter` accepts in the `provider` object of a request.
const ROUTING: &[&str] = &[
    "order",
    "only",
    "ignore",
    "allow_fallbacks",
    "require_parameters",
    "data_collection",
    "quantizations",
    "sort",
];

/// Model families for which only Mistral's own API has a `-latest` model.
const MISTRALS: &[&str] = &[
    "mistral-",
    "ministral-",
    "magistral-",
    "codestral-",
    "devstral-",
    "pixtral-",
    "voxtral-",
    "open-codestral-",
];

/// Returns the provider of a request, or `None` if the request does not identify it.
pub(super) fn of_request(request: &Object) -> Option<&'static str> {
    let object = |key: &str| request.get(key).and_then(Value::as_object);
    if object("venice_parameters").is_some() {
        return Some("venice");
    }
    if object("provider").is_some_and(|wishes| ROUTING.iter().any(|wish| wishes.contains_key(*wish))) {
        return Some("openrouter");
    }
    // Search in the customer's own data: only Azure has this in a chat completion.
    let sources = request.get("data_sources").and_then(Value::as_array);
    let kind = sources.and_then(|sources| sources.first()?.get("type")?.as_str());
    kind.is_some_and(|kind| kind.starts_with("azure_")).then_some("openai.azure")
}

/// Returns the provider of a response, or `None` if the response does not identify it.
pub(super) fn of_reply(reply: &Object) -> Option<&'static str> {
    let is_object = |key: &str| reply.get(key).is_some_and(Value::is_object);
    let usage = |key: &str| reply.get("usage").and_then(|usage| usage.get(key));
    let is_openrouter = || {
        let is_generation = text(reply, "id").is_some_and(|id| id.starts_with("gen-"));
        let is_routed = is_generation || has_choice_with(reply, "native_finish_reason");
        text(reply, "provider").is_some() && (is_routed || usage("is_byok").is_some())
    };
    if is_object("x_groq") {
        Some("groq")
    } else if is_object("venice_parameters") {
        Some("venice")
    } else if is_object("copilot_usage") {
        Some("copilot")
    } else if is_openrouter() {
        Some("openrouter")
    } else if usage("search_context_size").is_some_and(Value::is_string) || found_pages(reply) {
        Some("perplexity")
    } else if usage("cost_in_usd_ticks").is_some() || usage("num_sources_used").is_some() {
        Some("xai")
    } else if usage("prompt_cache_miss_tokens").is_some() && names(reply, "deepseek-") {
        // Other providers pass these counts on, but use different model names.
        Some("deepseek")
    } else if is_object("time_info") {
        Some("cerebras")
    } else if is_together(reply) {
        Some("together")
    } else if is_llama_cpp(reply) {
        Some("llamacpp")
    } else if text(reply, "system_fingerprint") == Some("fp_ollama") {
        Some("ollama")
    } else if reply.get("prompt_filter_results").is_some_and(Value::is_array) && reply.contains_key("object")
    {
        // Copilot passes these results on from Azure, but its responses have no `object` field.
        Some("openai.azure")
    } else {
        None
    }
}

fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

fn names(reply: &Object, beginning: &str) -> bool {
    text(reply, "model").is_some_and(|model| model.starts_with(beginning) && !model.contains('/'))
}

fn has_choice_with(reply: &Object, key: &str) -> bool {
    let choices = reply.get("choices").and_then(Value::as_array);
    choices.into_iter().flatten().any(|choice| choice.get(key).is_some())
}

/// Returns `true` if the choices of a response contain the random seed, together with the prompt or, in a
/// stream, with the text. Only Together sends this.
fn is_together(reply: &Object) -> bool {
    let has_prompt = reply.get("prompt").is_some_and(Value::is_array);
    has_choice_with(reply, "seed") && (has_prompt || has_choice_with(reply, "text"))
}

/// Returns `true` if a response contains Perplexity's search results in addition to their URLs.
fn found_pages(reply: &Object) -> bool {
    ["search_results", "citations"].iter().all(|key| reply.get(*key).is_some_and(Value::is_array))
}

/// Returns `true` if a response contains the timings of a llama.cpp server and its build number
/// (`b10499-6d05498`).
fn is_llama_cpp(reply: &Object) -> bool {
    let timings = reply.get("timings").and_then(Value::as_object);
    let is_measured = timings
        .is_some_and(|timings| ["prompt_n", "predicted_n"].iter().all(|key| timings.contains_key(*key)));
    let build = text(reply, "system_fingerprint").and_then(|build| build.strip_prefix('b')?.split_once('-'));
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_measured
        && build.is_some_and(|(number, commit)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && is_hex(commit)
        })
}

/// Returns the provider of a model by its name, or `None` if several providers use the same name.
///
/// A name with a slash comes from a router or a model hub. A name with a colon comes from Ollama, except
/// for `OpenAI`'s fine-tuned models. A name with an at sign comes from Vertex AI, which hosts models of
/// Google and of others.
pub fn of_model(model: &str) -> Option<&'static str> {
    let is_tuned = model.starts_with("ft:");
    if model.contains('/') || (model.contains(':') && !is_tuned) {
        return None;
    }
    if model.contains('@') {
        return model.starts_with("claude-").then_some("vertexai");
    }
    let by_name = VENDORS.iter().find(|vendor| vendor.models.contains(&model));
    let has_prefix = |vendor: &&Vendor| vendor.model_prefixes.iter().any(|prefix| model.starts_with(prefix));
    if let Some(vendor) = by_name.or_else(|| VENDORS.iter().find(has_prefix)) {
        return Some(vendor.name);
    }
    if model.ends_with("-latest") && MISTRALS.iter().any(|family| model.starts_with(family)) {
        return Some("mistral");
    }
    // A digit must follow: other providers serve models named gpt-neo, gpt-j or gpt-oss.
    let numbered =
        model.strip_prefix("gpt-").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    numbered.then_some("openai")
}
