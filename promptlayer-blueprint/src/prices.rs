//! Estimates of prices, from the table of the crate `genai-prices`, which is compiled in.

use std::time::SystemTime;

use genai_prices::{PriceRequest, UsageKey};

use crate::LogRequest;

/// The metadata of a request log that holds the number of cached input tokens.
const CACHED_TOKENS: &str = "cached_tokens";

/// The provider, the model and the token counts of a request.
///
/// ```
/// use std::time::SystemTime;
///
/// use promptlayer_blueprint::prices::{Usage, estimate};
///
/// let usage = Usage {
///     provider: "openai",
///     model: "gpt-4o",
///     at: SystemTime::now(),
///     input_tokens: 1_000,
///     output_tokens: 200,
///     cached_tokens: None,
/// };
/// assert!(estimate(&usage).is_some_and(|dollars| (0.001..0.1).contains(&dollars)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage<'a> {
    /// The provider, by PromptLayer's name.
    pub provider: &'a str,
    /// The model, as the request or the response names it.
    pub model: &'a str,
    /// The time of the request. Prices change over time.
    pub at: SystemTime,
    /// The input tokens, cached ones included.
    pub input_tokens: u64,
    /// The output tokens.
    pub output_tokens: u64,
    /// The input tokens that were read from a cache, if the response tells. Ignored if there are more than input tokens.
    pub cached_tokens: Option<u64>,
}

/// PromptLayer's names of providers that the price table calls otherwise.
const PROVIDERS: &[(&str, &str)] = &[
    ("openai.azure", "azure"),
    ("amazon.bedrock", "aws"),
    ("anthropic.bedrock", "aws"),
    ("vertexai", "google"),
    ("mistral", "mistral"),
];

/// Returns the price in US dollars, or `None` if the table does not know the model. [`Usage`] has an example.
pub fn estimate(usage: &Usage<'_>) -> Option<f64> {
    if usage.input_tokens == 0 && usage.output_tokens == 0 {
        return None;
    }
    let mut tokens = genai_prices::Usage::from([
        (UsageKey::INPUT_TOKENS, as_float(usage.input_tokens)),
        (UsageKey::OUTPUT_TOKENS, as_float(usage.output_tokens)),
    ]);
    // The table counts cached tokens as a part of the input tokens. Some providers count them apart.
    if let Some(cached) = usage.cached_tokens.filter(|cached| (1..=usage.input_tokens).contains(cached)) {
        tokens.insert(UsageKey::CACHE_READ_TOKENS, as_float(cached));
    }
    let provider =
        PROVIDERS.iter().find(|(name, _)| *name == usage.provider).map_or(usage.provider, |(_, id)| id);
    let request = |provider: Option<&'_ str>| {
        let request = PriceRequest::new(usage.model, &tokens).with_timestamp(usage.at);
        let priced = match provider {
            Some(provider) => genai_prices::calculate(&request.with_provider_id(provider)),
            None => genai_prices::calculate(&request),
        };
        priced.ok().map(|price| price.total_price)
    };
    request(Some(provider)).or_else(|| request(None)).filter(|price| price.is_finite() && *price > 0.0)
}

/// Returns the price of a request log in US dollars, from its usage. Returns `None` if it has none, or if the table does
/// not know the model.
///
/// ```
/// use promptlayer_blueprint::{LogRequest, Prompt, prices};
///
/// let mut log = LogRequest::new("openai", "gpt-4o", Prompt::user("Why?"), Prompt::assistant("So."));
/// assert_eq!(prices::estimate_log(&log), None);
/// (log.input_tokens, log.output_tokens) = (Some(1_000), Some(200));
/// assert!(prices::estimate_log(&log).is_some());
/// ```
pub fn estimate_log(log: &LogRequest) -> Option<f64> {
    estimate(&Usage {
        provider: &log.provider,
        model: &log.model,
        at: log.request_start_time.unwrap_or_else(SystemTime::now),
        input_tokens: log.input_tokens.unwrap_or_default(),
        output_tokens: log.output_tokens.unwrap_or_default(),
        cached_tokens: log.metadata.get(CACHED_TOKENS).and_then(|count| count.parse().ok()),
    })
}

/// Reads the table of prices, which takes some milliseconds. Otherwise, the first estimate reads it.
///
/// ```
/// promptlayer_blueprint::prices::load();
/// ```
pub fn load() {
    let _table = genai_prices::Calculator::bundled();
}

#[expect(clippy::cast_precision_loss, reason = "a price is not exact to more than 15 digits")]
fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{Usage, estimate};

    fn usage<'a>(provider: &'a str, model: &'a str) -> Usage<'a> {
        let at = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        Usage { provider, model, at, input_tokens: 1_000_000, output_tokens: 1_000_000, cached_tokens: None }
    }

    #[test]
    fn price_of_a_known_model_is_estimated() {
        for (provider, model) in
            [("openai", "gpt-4o"), ("openai.azure", "gpt-4o"), ("anthropic", "claude-sonnet-4-5")]
        {
            let price = estimate(&usage(provider, model)).unwrap_or_default();
            assert!((5.0..50.0).contains(&price), "{provider} {model}: {price}");
        }
    }

    #[test]
    fn cached_tokens_lower_the_price() {
        let whole = estimate(&usage("openai", "gpt-4o")).unwrap();
        let cached = estimate(&Usage { cached_tokens: Some(900_000), ..usage("openai", "gpt-4o") }).unwrap();
        assert!(cached < whole, "{cached} {whole}");
    }

    #[test]
    fn unknown_models_and_empty_usage_have_no_price() {
        assert_eq!(estimate(&usage("custom", "no-such-model")), None);
        let empty = Usage { input_tokens: 0, output_tokens: 0, ..usage("openai", "gpt-4o") };
        assert_eq!(estimate(&empty), None);
    }
}
