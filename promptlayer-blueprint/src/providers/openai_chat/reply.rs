//! Reads whole responses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{SHAPE, message};
use crate::blueprint::{ChatPrompt, ErrorType, Message};
use crate::providers::finish::Finish;
use crate::providers::json::{Fields, Object};
use crate::providers::reading::{Reply, Shape, Usage, UsagePaths};
use crate::providers::{RESPONSE_ID, errors, vendor};

/// The unit of xAI's cost: 10^10 ticks are one US dollar (<https://docs.x.ai/developers/cost-tracking>).
pub(in crate::providers) const TICKS_PER_DOLLAR: f64 = 1e10;

/// The metadata key of the service tier, and its path.
const TIER: (&str, &str) = ("service_tier", "service_tier");

/// The token counts of chat completions, and of images.
static TOKENS: UsagePaths = UsagePaths {
    input: &["prompt_tokens", "input_tokens"],
    output: &["completion_tokens", "output_tokens"],
    // Fields of OpenAI, of its images, of DeepSeek and of Moonshot.
    cached: &[
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "prompt_cache_hit_tokens",
        "cached_tokens",
    ],
    // Fields of OpenRouter, LiteLLM and Anthropic.
    cache_creation: &[
        "prompt_tokens_details.cache_write_tokens",
        "prompt_tokens_details.cache_creation_tokens",
        "cache_creation_input_tokens",
    ],
    reasoning: &["completion_tokens_details.reasoning_tokens", "reasoning_tokens"],
    other: &[
        ("prompt_tokens_details.audio_tokens", "input_audio_tokens"),
        ("prompt_tokens_details.image_tokens", "input_image_tokens"),
        ("prompt_tokens_details.video_tokens", "input_video_tokens"),
        ("input_tokens_details.image_tokens", "input_image_tokens"),
        ("completion_tokens_details.audio_tokens", "output_audio_tokens"),
        ("completion_tokens_details.image_tokens", "output_image_tokens"),
        ("output_tokens_details.image_tokens", "output_image_tokens"),
        ("completion_tokens_details.accepted_prediction_tokens", "accepted_prediction_tokens"),
        ("completion_tokens_details.rejected_prediction_tokens", "rejected_prediction_tokens"),
        // Fields of Perplexity and xAI.
        ("citation_tokens", "citation_tokens"),
        ("num_search_queries", "num_search_queries"),
        ("num_sources_used", "num_sources_used"),
    ],
};

/// Reads a response. Each choice becomes a message of the model, with any role.
pub(super) fn reply(object: &Object) -> Reply {
    let read = |choice: &Object| {
        let message = choice.object("message")?;
        Some(Message::Assistant(message::assistant(message, message::content(message.get("content")))))
    };
    let mut messages: Vec<Message> = object.objects("choices").filter_map(read).collect();
    message::cite(&mut messages, object);
    Reply { prompt: Some(ChatPrompt::new(messages).into()), ..common_reply(object, &SHAPE) }
}

/// Reads the fields that the responses of OpenAI's older APIs have in common.
pub(in crate::providers) fn common_reply(object: &Object, shape: &'static Shape) -> Reply {
    let provider = vendor::of_reply(object);
    let usage = usage(object);
    Reply {
        shape: Some(shape),
        provider: provider.map(Into::into),
        model: object.owned("model"),
        prompt: None,
        usage: usage.map_or_else(Usage::default, tokens),
        finish: finish(object),
        error: error(object),
        price: price(object, usage, provider),
        metadata: metadata(object, usage, provider),
        unplaced: Object::new(),
    }
}

/// Older Groq responses have the usage in `x_groq`. Moonshot streams it in the choice.
fn usage(reply: &Object) -> Option<&Object> {
    let in_choice = || reply.objects("choices").find_map(|choice| choice.object("usage"));
    reply.object("usage").or_else(|| reply.at("x_groq.usage")?.as_object()).or_else(in_choice)
}

/// Reads token counts. xAI does not count reasoning tokens as output tokens, which shows in `total_tokens`.
fn tokens(object: &Object) -> Usage {
    let mut usage = TOKENS.read(object);
    usage.other.retain(|_, count| *count > 0);
    let sum = |a: Option<u64>, b: Option<u64>| a?.checked_add(b?);
    let with_reasoning = sum(usage.output, usage.reasoning);
    let total = sum(usage.input, with_reasoning);
    if total.is_some() && total == object.count("total_tokens") {
        usage.output = with_reasoning;
    }
    usage
}

/// Returns the cost that the provider reports, in US dollars. The name of a field other than `cost` says its unit, so
/// that it needs no mark of the provider.
fn price(reply: &Object, usage: Option<&Object>, provider: Option<&str>) -> Option<f64> {
    let number = |path: &str| usage?.at(path)?.as_f64();
    let price = openrouter_price(usage, provider)
        .or_else(|| number("cost.total_cost"))
        .or_else(|| Some(number("cost_in_usd_ticks")? / TICKS_PER_DOLLAR))
        .or_else(|| reply.at("cost.usd")?.as_f64())?;
    (price.is_finite() && price >= 0.0).then_some(price)
}

/// Returns the cost that `OpenRouter` reports. Its credits are US dollars. With the user's own key (BYOK), the
/// upstream cost is paid to the model's provider and is reported separately.
pub(in crate::providers) fn openrouter_price(usage: Option<&Object>, provider: Option<&str>) -> Option<f64> {
    let number = |path: &str| usage?.at(path)?.as_f64();
    let is_own_key = usage?.get("is_byok") == Some(&Value::Bool(true));
    let upstream = number("cost_details.upstream_inference_cost").filter(|_| is_own_key);
    let cost = number("cost").filter(|_| provider == Some("openrouter"))?;
    Some(cost + upstream.unwrap_or_default())
}

/// Returns the most severe reason of the choices. OpenAI reports a refusal in `refusal`, not in the finish reason.
fn finish(reply: &Object) -> Option<Finish> {
    Finish::worst(reply.objects("choices").filter_map(|choice| {
        let word = choice.text("finish_reason");
        let is_refused = choice.object("message").is_some_and(|message| message.text("refusal").is_some());
        if is_refused { Some(Finish::refused(word)) } else { word.map(Finish::from_word) }
    }))
}

/// Returns the error of a response, or of a choice, as `OpenRouter` reports one after a stream has started.
fn error(reply: &Object) -> Option<(ErrorType, String)> {
    let in_choice = reply.objects("choices").find_map(|choice| choice.field("error"));
    let is_error = |error: &&Value| error.is_object() || error.as_str().is_some_and(|text| !text.is_empty());
    reply.field("error").into_iter().chain(in_choice).find(is_error).map(errors::of_reply)
}

/// Returns response data without a field in the log.
fn metadata(
    reply: &Object,
    usage: Option<&Object>,
    provider: Option<&str>,
) -> BTreeMap<&'static str, String> {
    let citations = reply.list("citations");
    let mut metadata =
        reply.texts_at(&[(RESPONSE_ID, "id"), ("system_fingerprint", "system_fingerprint"), TIER]);
    if !metadata.contains_key(TIER.0) {
        // Mistral reports it in the usage object.
        metadata.extend(usage.map(|usage| usage.texts_at(&[TIER])).unwrap_or_default());
    }
    if provider == Some("openrouter") {
        metadata.extend(reply.texts_at(&[("upstream_provider", "provider")]));
    }
    // The URLs of the search results.
    metadata.extend((!citations.is_empty()).then(|| ("citations", Value::from(citations).to_string())));
    metadata
}
