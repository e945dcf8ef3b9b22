//! Which of PromptLayer's kinds an error is.
//!
//! Errors of Rust have no common status to ask, so their own words decide: an error of the standard
//! library says nothing of a provider, any other is asked for the words that providers and HTTP
//! clients use.

use serde_json::Value;

use super::json;
use crate::blueprint::ErrorType;
use crate::capture::Failure;

/// Crates whose errors come from a provider or from the way to it.
const PROVIDER_CRATES: &[&str] = &[
    "async_openai",
    "openai",
    "anthropic",
    "genai",
    "rig",
    "ollama",
    "mistral",
    "gemini",
    "aws_sdk",
    "aws_smithy",
    "reqwest",
    "hyper",
    "ureq",
    "tonic",
];

const TIMEOUT: &[&str] = &["timed out", "timeout", "time-out", "deadline"];
const RATE_LIMIT: &[&str] = &["rate limit", "rate_limit", "ratelimit", "too many requests", "429"];
const QUOTA: &[&str] = &["quota", "payment required", "402"];
const AUTH: &[&str] =
    &["unauthorized", "invalid_api_key", "invalid api key", "incorrect api key", "authentication", "401"];

/// The kind of an error that a function returned.
pub(super) fn kind(failure: &Failure) -> ErrorType {
    let type_name = failure.type_name.to_lowercase();
    let of_std = ["std::", "core::", "alloc::"].iter().any(|of| type_name.starts_with(of));
    // A boxed error is of the standard library only in its box.
    let is_boxed = type_name.contains("boxed::box");
    if type_name.contains("elapsed") || type_name.contains("timeout") {
        return ErrorType::ProviderTimeout;
    }
    if of_std && !is_boxed && !type_name.contains("io::error") {
        return ErrorType::UnknownError;
    }
    by_words(&failure.chain.join("\n")).unwrap_or_else(|| {
        let of_provider = type_name
            .split("::")
            .next()
            .is_some_and(|root| PROVIDER_CRATES.iter().any(|of| root.starts_with(of)));
        if of_provider { ErrorType::ProviderError } else { ErrorType::UnknownError }
    })
}

/// The kind and the message of an error that a provider answered with.
pub(super) fn of_reply(error: &Value) -> (ErrorType, String) {
    let message =
        error.get("message").and_then(Value::as_str).map_or_else(|| json::readable(error), str::to_owned);
    let kind = by_words(&error.to_string()).unwrap_or(ErrorType::ProviderError);
    (kind, message)
}

fn by_words(text: &str) -> Option<ErrorType> {
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| holds(&text, word));
    if says(TIMEOUT) {
        Some(ErrorType::ProviderTimeout)
    } else if says(RATE_LIMIT) {
        Some(ErrorType::ProviderRateLimit)
    } else if says(QUOTA) {
        Some(ErrorType::ProviderQuotaLimit)
    } else if says(AUTH) {
        Some(ErrorType::ProviderAuthError)
    } else {
        None
    }
}

/// Whether a text holds a word; a number only where no digit stands beside it.
fn holds(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        !word.starts_with(|c: char| c.is_ascii_digit())
            || !(digit(text[..at].chars().next_back()) || digit(text[at + word.len()..].chars().next()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(type_name: &'static str, message: &str) -> ErrorType {
        kind(&Failure { type_name, chain: vec![message.to_owned()] })
    }

    #[test]
    fn an_errors_own_words_tell_its_kind() {
        let openai = "async_openai::error::OpenAIError";
        assert_eq!(kind_of(openai, "rate_limit_exceeded: slow down"), ErrorType::ProviderRateLimit);
        assert_eq!(
            kind_of(openai, "invalid_request_error: Incorrect API key provided"),
            ErrorType::ProviderAuthError
        );
        assert_eq!(kind_of(openai, "insufficient_quota: see billing"), ErrorType::ProviderQuotaLimit);
        assert_eq!(kind_of(openai, "model_not_found"), ErrorType::ProviderError);
        assert_eq!(kind_of("reqwest::error::Error", "operation timed out"), ErrorType::ProviderTimeout);
        assert_eq!(
            kind_of("tokio::time::error::Elapsed", "deadline has elapsed"),
            ErrorType::ProviderTimeout
        );
        assert_eq!(kind_of("anyhow::Error", "status client error (401)"), ErrorType::ProviderAuthError);
        assert_eq!(kind_of("my::Error", "no such customer"), ErrorType::UnknownError);
    }

    #[test]
    fn an_error_of_the_standard_library_says_nothing_of_a_provider() {
        assert_eq!(kind_of("core::num::error::ParseIntError", "quota"), ErrorType::UnknownError);
    }

    #[test]
    fn a_status_within_a_longer_number_is_none() {
        assert_eq!(kind_of("my::Error", "request 14290 failed"), ErrorType::UnknownError);
        assert_eq!(kind_of("my::Error", "status 429"), ErrorType::ProviderRateLimit);
    }
}
