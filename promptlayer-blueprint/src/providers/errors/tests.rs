use serde_json::json;

use super::*;

const OPENAI: &str = "async_openai::error::OpenAIError";

fn kind_of(type_name: &str, message: &str) -> ErrorType {
    kind(&ReturnedError { type_name, message: &format!("failed\n{message}"), ..ReturnedError::default() })
}

fn kind_with(type_name: &str, status: u16, message: &str) -> ErrorType {
    kind(&ReturnedError { type_name, message, status: Some(status), ..ReturnedError::default() })
}

#[test]
fn status_has_priority() {
    for type_name in [OPENAI, "my::Error"] {
        assert_eq!(kind_with(type_name, 429, "exceeded your current quota"), ErrorType::ProviderRateLimit);
        assert_eq!(kind_with(type_name, 402, "rate limit"), ErrorType::ProviderQuotaLimit);
        assert_eq!(kind_with(type_name, 401, "timeout"), ErrorType::ProviderAuthError);
    }
    assert_eq!(kind_with("my::TimeoutError", 429, ""), ErrorType::ProviderRateLimit);
    assert_eq!(kind_with("my::Error", 500, "timeout"), ErrorType::UnknownError);
    assert_eq!(kind_with(OPENAI, 500, "oops"), ErrorType::ProviderError);
    assert_eq!(kind_with(OPENAI, 400, "timeout"), ErrorType::ProviderTimeout);
    assert_eq!(kind_with(OPENAI, 403, "rate limit, invalid api key"), ErrorType::ProviderError);
}

#[test]
fn type_name_determines_kind() {
    for name in ["my::TimeoutError", "my::CallTimeoutError<x::Y>", "tokio::time::error::Elapsed"] {
        assert_eq!(kind_of(name, ""), ErrorType::ProviderTimeout, "{name}");
    }
    assert_eq!(kind_of("my::RateLimitError", ""), ErrorType::ProviderRateLimit);
    for name in
        ["httpx::ReadTimeout", "my::Error<x::TimeoutError>", "my::TimeoutError::Error", "my::Elapsedness"]
    {
        assert_eq!(kind_of(name, "timed out"), ErrorType::UnknownError, "{name}");
    }
    let boxed = |name| ReturnedError {
        type_name: "alloc::boxed::Box<dyn core::error::Error>",
        name,
        ..ReturnedError::default()
    };
    assert_eq!(kind(&boxed("RateLimitError")), ErrorType::ProviderRateLimit);
    assert_eq!(kind(&boxed("Fault")), ErrorType::UnknownError);
}

#[test]
fn words_count_only_for_provider_errors() {
    assert_eq!(kind_of(OPENAI, "insufficient_quota: see billing"), ErrorType::ProviderQuotaLimit);
    assert_eq!(kind_of(OPENAI, "rate_limit_exceeded: slow down"), ErrorType::ProviderRateLimit);
    assert_eq!(kind_of(OPENAI, "Incorrect API key provided"), ErrorType::ProviderAuthError);
    assert_eq!(kind_of(OPENAI, "model_not_found"), ErrorType::ProviderError);
    assert_eq!(kind_of("reqwest::error::Error", "operation timed out"), ErrorType::ProviderTimeout);
    for name in ["my::Error", "core::num::error::ParseIntError", "anyhow::Error", "rigid::Error", "openai"] {
        assert_eq!(kind_of(name, "quota, rate limit, timed out, 429"), ErrorType::UnknownError, "{name}");
    }
    for name in [
        "alloc::boxed::Box<async_openai::error::OpenAIError>",
        "rig_core::Error",
        "aws_sdk_bedrockruntime::Error",
        "my::Because<reqwest_middleware::Error>",
    ] {
        assert_eq!(kind_of(name, "oops"), ErrorType::ProviderError, "{name}");
    }
}

#[test]
fn exception_of_amazon_determines_kind() {
    const SDK: &str = "aws_smithy_runtime_api::client::result::SdkError<ConverseError, Response>";
    let cases = [
        (403, "unhandled error (UnrecognizedClientException)", ErrorType::ProviderAuthError),
        (403, "unhandled error (InvalidSignatureException)", ErrorType::ProviderAuthError),
        (403, "AccessDeniedException: You don't have access to the model", ErrorType::ProviderError),
        (400, "ThrottlingException: Too many requests", ErrorType::ProviderRateLimit),
        (400, "ServiceQuotaExceededException: You reached a limit", ErrorType::ProviderQuotaLimit),
        (408, "ModelTimeoutException: The model took too long", ErrorType::ProviderTimeout),
        (403, "the UnrecognizedClient is you", ErrorType::ProviderError),
    ];
    for (status, message, kind) in cases {
        assert_eq!(kind_with(SDK, status, message), kind, "{message}");
        assert_eq!(kind_with("my::Error", status, message), ErrorType::UnknownError, "{message}");
    }
}

#[test]
fn errors_of_client_crates_come_from_a_provider() {
    for krate in [
        "llm",
        "langchain_rust",
        "misanthropic",
        "swiftide_core",
        "async_anthropic",
        "anthropic_ai_sdk",
        "openrouter_rs",
        "openai_dive",
        "openai_api_rs",
        "gemini_rust",
        "google_cloud_aiplatform_v1",
        "google_generative_ai_rs",
        "ollama_rs",
        "mistralai_client",
        "groq_api_rs",
        "cohere_rust",
        "deepseek_rs",
        "openai",
    ] {
        let name = format!("{krate}::Error");
        assert_eq!(kind_of(&name, "oops"), ErrorType::ProviderError, "{krate}");
        assert_eq!(kind_of(&name, "Resource exhausted"), ErrorType::ProviderRateLimit, "{krate}");
    }
    for krate in ["my_llm_app", "llms", "googler", "exchange"] {
        assert_eq!(kind_of(&format!("{krate}::Error"), "quota"), ErrorType::UnknownError, "{krate}");
    }
}

#[test]
fn exhausted_resource_is_a_rate_limit() {
    for message in [
        "Resource exhausted. Please try again later.",
        "Resource has been exhausted (e.g. check quota).",
        "status: RESOURCE_EXHAUSTED",
    ] {
        assert_eq!(kind_of("gemini_rust::client::Error", message), ErrorType::ProviderRateLimit, "{message}");
        assert_eq!(kind_with("gemini_rust::client::Error", 429, message), ErrorType::ProviderRateLimit);
        assert_eq!(kind_of("my::Error", message), ErrorType::UnknownError);
    }
}

#[test]
fn status_in_message_text_is_ignored() {
    assert_eq!(kind_of(OPENAI, "status 429"), ErrorType::ProviderError);
    assert_eq!(kind_of("my::Error", "status: 401"), ErrorType::UnknownError);
}

#[test]
fn error_value_is_classified_by_status_code_type_then_words() {
    let cases = [
        (json!({"status": 429, "code": "insufficient_quota"}), ErrorType::ProviderRateLimit),
        (json!({"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m"}), ErrorType::ProviderRateLimit),
        (json!({"status": "RESOURCE_EXHAUSTED"}), ErrorType::ProviderRateLimit),
        (json!({"code": 401, "message": "m"}), ErrorType::ProviderAuthError),
        (json!({"code": 402, "message": "m"}), ErrorType::ProviderQuotaLimit),
        (json!({"code": 504, "status": "DEADLINE_EXCEEDED"}), ErrorType::ProviderTimeout),
        (json!({"code": 404, "status": "NOT_FOUND", "message": "rate limit"}), ErrorType::ProviderError),
        (json!({"code": "rate_limit_exceeded", "type": "insufficient_quota"}), ErrorType::ProviderRateLimit),
        (json!({"code": null, "type": "insufficient_quota"}), ErrorType::ProviderQuotaLimit),
        (json!({"type": "overloaded_error", "message": "rate limit"}), ErrorType::ProviderError),
        (json!({"type": "rate_limit_error"}), ErrorType::ProviderRateLimit),
        (json!({"type": "authentication_error"}), ErrorType::ProviderAuthError),
        (json!({"type": "billing_error"}), ErrorType::ProviderQuotaLimit),
        (json!({"type": "timeout_error"}), ErrorType::ProviderTimeout),
        (json!({"type": "api_error", "message": "Internal server error"}), ErrorType::ProviderError),
        (json!({"__type": "ThrottlingException", "message": "m"}), ErrorType::ProviderRateLimit),
        (json!({"message": "You exceeded your quota"}), ErrorType::ProviderQuotaLimit),
        (json!("upstream timed out"), ErrorType::ProviderTimeout),
        (json!({"code": 1e300, "status": -1, "message": ["m"]}), ErrorType::ProviderError),
        (json!(null), ErrorType::ProviderError),
    ];
    for (error, kind) in cases {
        assert_eq!(of_reply(&error).0, kind, "{error}");
    }
}

#[test]
fn first_error_event_of_stream_is_found() {
    let found =
        |event| in_events(&[json!("[DONE]"), json!({"choices": []}), event, json!({"error": "later"})]);
    let said = |kind, message: &str| Some((kind, message.to_owned()));
    assert_eq!(
        found(json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})),
        said(ErrorType::ProviderError, "Overloaded")
    );
    assert_eq!(
        found(
            json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow", "sequence_number": 3})
        ),
        said(ErrorType::ProviderRateLimit, "slow")
    );
    assert_eq!(
        found(json!({"throttlingException": {"message": "too fast"}})),
        said(ErrorType::ProviderRateLimit, "too fast")
    );
    assert_eq!(found(json!({"error": "gone"})), said(ErrorType::ProviderError, "gone"));
    assert_eq!(found(json!({"error": null})), said(ErrorType::ProviderError, "later"));
    assert_eq!(in_events(&[json!({"a": 1}), json!({"error": null}), json!({"type": "error"})]), None);
}

#[test]
fn message_of_body_is_the_providers() {
    assert_eq!(message_of_body(""), "");
    assert_eq!(message_of_body(r#"{"error": {"message": "no such model"}}"#), "no such model");
    assert_eq!(message_of_body(r#"[{"error": {"message": "m"}}]"#), "m");
    assert_eq!(message_of_body(r#"{"message": "m"}"#), "m");
    assert_eq!(message_of_body(r#"{"detail": "m"}"#), "m");
    assert_eq!(message_of_body(r#"{"error": "m"}"#), "m");
    assert_eq!(message_of_body(" <html>bad gateway</html>\n"), "<html>bad gateway</html>");
}

#[test]
fn status_as_string_is_parsed() {
    let cases = [
        (
            json!({"code": "401", "message": "Access denied due to invalid subscription key"}),
            ErrorType::ProviderAuthError,
        ),
        (json!({"code": "429", "message": "m"}), ErrorType::ProviderRateLimit),
        (json!({"status": "402"}), ErrorType::ProviderQuotaLimit),
        (json!({"code": "400", "message": "rate limit"}), ErrorType::ProviderError),
        // A number outside the range of statuses is not a status.
        (json!({"code": "1302", "message": "rate limit"}), ErrorType::ProviderRateLimit),
        (json!({"code": "429 Too Many", "message": "m"}), ErrorType::ProviderError),
    ];
    for (error, kind) in cases {
        assert_eq!(of_reply(&error).0, kind, "{error}");
    }
}
