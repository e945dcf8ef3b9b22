//! Token counts and cost of a response.

use serde_json::Value;

use crate::providers::json;
use crate::providers::reading::Usage;
use crate::providers::shape::Object;

/// The unit of xAI's cost: 10^10 ticks are one US dollar (<https://docs.x.ai/developers/cost-tracking>).
const TICKS_PER_DOLLAR: f64 = 1e10;

/// Counts without a field in the log: the object and the field that contain the count, and its metadata
/// key.
const OTHER: &[(&str, &str, &str)] = &[
    ("prompt_tokens_details", "audio_tokens", "input_audio_tokens"),
    ("prompt_tokens_details", "image_tokens", "input_image_tokens"),
    ("prompt_tokens_details", "video_tokens", "input_video_tokens"),
    ("completion_tokens_details", "audio_tokens", "output_audio_tokens"),
    ("completion_tokens_details", "image_tokens", "output_image_tokens"),
    ("completion_tokens_details", "accepted_prediction_tokens", "accepted_prediction_tokens"),
    ("completion_tokens_details", "rejected_prediction_tokens", "rejected_prediction_tokens"),
];

/// Counts of the same kind that Perplexity and xAI put directly into the usage object.
const OTHER_BESIDE: &[&str] = &["citation_tokens", "num_search_queries", "num_sources_used"];

/// Returns the usage object of a response. Older Groq responses have it in `x_groq`. Moonshot streams it in
/// the choice.
pub(super) fn object<'a>(reply: &'a Object, choices: &'a [Value]) -> Option<&'a Object> {
    reply
        .get("usage")
        .and_then(Value::as_object)
        .or_else(|| reply.get("x_groq")?.get("usage")?.as_object())
        .or_else(|| choices.iter().find_map(|choice| choice.get("usage")?.as_object()))
}

/// Reads token counts.
pub(super) fn tokens(usage: &Object) -> Usage {
    let count = |key: &str| usage.get(key).and_then(Value::as_u64);
    let within = |object: &str, key: &str| usage.get(object).and_then(|details| details.get(key)?.as_u64());
    let reasoning =
        within("completion_tokens_details", "reasoning_tokens").or_else(|| count("reasoning_tokens"));
    let others = OTHER.iter().filter_map(|(object, field, key)| Some((*key, within(object, field)?)));
    let beside = OTHER_BESIDE.iter().filter_map(|key| Some((*key, count(key)?)));
    Usage {
        input: count("prompt_tokens"),
        output: output(usage, reasoning),
        // Fields of OpenAI, DeepSeek and Moonshot, in this order.
        cached: within("prompt_tokens_details", "cached_tokens")
            .or_else(|| count("prompt_cache_hit_tokens"))
            .or_else(|| count("cached_tokens")),
        // Fields of OpenRouter, LiteLLM and Anthropic, in this order.
        cache_creation: within("prompt_tokens_details", "cache_write_tokens")
            .or_else(|| within("prompt_tokens_details", "cache_creation_tokens"))
            .or_else(|| count("cache_creation_input_tokens")),
        reasoning,
        other: others.chain(beside).filter(|(_, count)| *count > 0).collect(),
    }
}

/// Returns the output tokens including reasoning tokens. xAI counts them separately, which shows in
/// `total_tokens`.
fn output(usage: &Object, reasoning: Option<u64>) -> Option<u64> {
    let count = |key: &str| usage.get(key).and_then(Value::as_u64);
    let output = count("completion_tokens")?;
    let apart = || {
        let with_thinking = output.checked_add(reasoning?)?;
        let sum = count("prompt_tokens")?.checked_add(with_thinking)?;
        (count("total_tokens") == Some(sum)).then_some(with_thinking)
    };
    Some(apart().unwrap_or(output))
}

/// Returns the cost that the provider reports, in US dollars.
pub(super) fn price(reply: &Object, usage: Option<&Object>, provider: Option<&str>) -> Option<f64> {
    let number = |object: &Object, key: &str| object.get(key).and_then(Value::as_f64);
    let within = |object: &Object, outer: &str, key: &str| {
        object.get(outer).and_then(Value::as_object).and_then(|inner| number(inner, key))
    };
    let price = match provider? {
        // OpenRouter's credits are US dollars. With the user's own key (BYOK), the upstream cost is paid to
        // the model's provider and is reported separately.
        "openrouter" => {
            let usage = usage?;
            let is_own_key = usage.get("is_byok").and_then(Value::as_bool).unwrap_or_default();
            let upstream = within(usage, "cost_details", "upstream_inference_cost");
            number(usage, "cost")? + upstream.filter(|_| is_own_key).unwrap_or_default()
        }
        "perplexity" => within(usage?, "cost", "total_cost")?,
        "venice" => within(reply, "cost", "usd")?,
        "xai" => number(usage?, "cost_in_usd_ticks")? / TICKS_PER_DOLLAR,
        _ => return None,
    };
    (price.is_finite() && price >= 0.0).then_some(price)
}

/// Returns the service tier of a response. Mistral reports it in the usage object.
pub(super) fn tier<'a>(reply: &'a Object, usage: Option<&'a Object>) -> Option<&'a str> {
    json::string(reply, "service_tier").or_else(|| json::string(usage?, "service_tier"))
}
