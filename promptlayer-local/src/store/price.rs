//! Estimates the price of a request that was logged without one, from the price table of the crate `genai-prices`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use genai_prices::{PriceRequest, UsageKey};

use crate::timestamp::Timestamp;

/// The provider, the model and the token counts of a request.
pub(super) struct Usage<'a> {
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
    /// The time of the request. Prices change over time.
    pub(super) at: Timestamp,
    pub(super) input_tokens: i64,
    pub(super) output_tokens: i64,
    pub(super) cached_tokens: Option<i64>,
}

/// PromptLayer's names of providers that the price table calls otherwise.
const PROVIDERS: &[(&str, &str)] = &[
    ("openai.azure", "azure"),
    ("amazon.bedrock", "aws"),
    ("anthropic.bedrock", "aws"),
    ("vertexai", "google"),
    ("mistral", "mistral"),
];

/// Returns the price in US dollars, or `None` if the table does not know the model.
pub(super) fn estimate(usage: &Usage<'_>) -> Option<f64> {
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
        let request = PriceRequest::new(usage.model, &tokens).with_timestamp(system_time(usage.at));
        let priced = match provider {
            Some(provider) => genai_prices::calculate(&request.with_provider_id(provider)),
            None => genai_prices::calculate(&request),
        };
        priced.ok().map(|price| price.total_price)
    };
    request(Some(provider)).or_else(|| request(None)).filter(|price| price.is_finite() && *price > 0.0)
}

fn system_time(timestamp: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(timestamp.nanoseconds()).unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "a price is not exact to more than 15 digits")]
fn as_float(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::{Usage, estimate};
    use crate::timestamp::Timestamp;

    fn usage<'a>(provider: &'a str, model: &'a str) -> Usage<'a> {
        let at = Timestamp::from_nanoseconds(1_767_225_600_000_000_000);
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
