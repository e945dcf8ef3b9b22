//! Classifies errors into `PromptLayer`'s error types.
//!
//! The order of the checks is the one of `PromptLayer`'s Python client: first the HTTP status that the
//! error carries, then the name of its type. The words of its message count only if the error comes from a
//! provider or from the connection to it. A status that appears in the message text is not used.
//!
//! ```
//! use promptlayer_blueprint::ErrorType;
//! use promptlayer_blueprint::providers::errors::{self, ReturnedError};
//! use serde_json::json;
//!
//! // An error that a function returned:
//! let error = ReturnedError { type_name: "my_app::Failed", status: Some(429), ..ReturnedError::default() };
//! assert_eq!(errors::kind(&error), ErrorType::ProviderRateLimit);
//!
//! // An error that a provider sent:
//! let error = json!({"code": "invalid_api_key", "message": "Incorrect API key provided"});
//! let (kind, message) = errors::of_reply(&error);
//! assert_eq!((kind, &message[..]), (ErrorType::ProviderAuthError, "Incorrect API key provided"));
//! ```

use serde_json::Value;

use super::json::{self, Fields, Object};
use super::words::{Words, words};
use crate::blueprint::ErrorType;

/// Words in the names of crates whose errors come from a provider or from the connection to it.
const PROVIDER_WORDS: Words = words!(
    "openai anthropic genai rig ollama mistral mistralai gemini cohere groq deepseek aws google openrouter \
     langchain misanthropic swiftide reqwest hyper ureq tonic"
);

/// Names of such crates that are a usual word in the names of other crates.
const PROVIDER_CRATES: &[&str] = &["llm"];

const TIMEOUT: &[&str] = &["timed out", "timeout", "time-out", "deadline"];
const QUOTA: &[&str] = &["quota"];
/// Phrases that are used instead of a status if the error carries none.
const RATE_LIMIT: &[&str] = &[
    "rate limit",
    "rate_limit",
    "ratelimit",
    "too many requests",
    // Google's.
    "resource exhausted",
    "resource_exhausted",
    "resource has been exhausted",
];
const AUTH: &[&str] =
    &["unauthorized", "invalid_api_key", "invalid api key", "incorrect api key", "authentication_error"];

/// Error codes and types of providers, normalized: lower case, without separators, and without the suffix
/// `exception` of Amazon's errors.
const CODES: &[(&str, ErrorType)] = &[
    // OpenAI and compatible APIs.
    ("ratelimitexceeded", ErrorType::ProviderRateLimit),
    ("insufficientquota", ErrorType::ProviderQuotaLimit),
    ("billinghardlimitreached", ErrorType::ProviderQuotaLimit),
    ("invalidapikey", ErrorType::ProviderAuthError),
    ("invalidauthentication", ErrorType::ProviderAuthError),
    // Anthropic.
    ("ratelimiterror", ErrorType::ProviderRateLimit),
    ("overloadederror", ErrorType::ProviderError),
    ("authenticationerror", ErrorType::ProviderAuthError),
    ("billingerror", ErrorType::ProviderQuotaLimit),
    ("timeouterror", ErrorType::ProviderTimeout),
    // Google.
    ("resourceexhausted", ErrorType::ProviderRateLimit),
    ("unauthenticated", ErrorType::ProviderAuthError),
    ("deadlineexceeded", ErrorType::ProviderTimeout),
    // Amazon.
    ("throttling", ErrorType::ProviderRateLimit),
    ("toomanyrequests", ErrorType::ProviderRateLimit),
    ("servicequotaexceeded", ErrorType::ProviderQuotaLimit),
    ("modeltimeout", ErrorType::ProviderTimeout),
    ("unrecognizedclient", ErrorType::ProviderAuthError),
    ("invalidsignature", ErrorType::ProviderAuthError),
    ("missingauthenticationtoken", ErrorType::ProviderAuthError),
    ("expiredtoken", ErrorType::ProviderAuthError),
];

/// What is known of an error that a function returned.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReturnedError<'a> {
    /// The name of the error's type, with its path.
    pub type_name: &'a str,
    /// The name of the type of a source, where the outermost type is a box or a wrapper.
    pub name: &'a str,
    /// The HTTP status that the error carries.
    pub status: Option<u16>,
    /// Whether the error says that it is a timeout.
    pub is_timeout: bool,
    /// Whether the error comes from an HTTP client.
    pub is_of_http: bool,
    /// The texts of the error and of its sources, one a line.
    pub message: &'a str,
}

/// Classifies an error that a function returned.
pub fn kind(error: &ReturnedError<'_>) -> ErrorType {
    if let Some(kind) = error.status.and_then(by_status) {
        return kind;
    }
    let names = [last_of_path(error.type_name), error.name];
    let is_named = |word: &str| names.iter().any(|name| name.contains(word));
    if error.is_timeout || is_named("TimeoutError") || names.contains(&"Elapsed") {
        return ErrorType::ProviderTimeout;
    }
    if is_named("RateLimitError") {
        return ErrorType::ProviderRateLimit;
    }
    if error.is_of_http || is_of_provider(error.type_name) {
        return by_exception(error.message)
            .unwrap_or_else(|| by_words(error.message, error.status.is_some()));
    }
    ErrorType::UnknownError
}

/// Returns the error type of an HTTP status, if the status alone determines it.
fn by_status(status: u16) -> Option<ErrorType> {
    match status {
        429 => Some(ErrorType::ProviderRateLimit),
        402 => Some(ErrorType::ProviderQuotaLimit),
        401 => Some(ErrorType::ProviderAuthError),
        _ => None,
    }
}

/// Returns the last segment of a type's path, without generic parameters.
fn last_of_path(type_name: &str) -> &str {
    let path = type_name.split('<').next().unwrap_or(type_name);
    path.rsplit("::").next().unwrap_or(path)
}

/// Returns `true` if a type, or one of its generic parameters, belongs to a crate that communicates with
/// providers.
fn is_of_provider(type_name: &str) -> bool {
    type_name
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .filter_map(|path| path.split_once("::"))
        .any(|(root, _)| {
            PROVIDER_CRATES.contains(&root) || root.split('_').any(|word| PROVIDER_WORDS.contains(word))
        })
}

/// Returns the type of one of Amazon's errors by the name of the exception in its message. The name says more than the
/// status: 403 stands for an unknown key and for a missing permission.
fn by_exception(text: &str) -> Option<ErrorType> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| word.ends_with("Exception")).find_map(by_code)
}

/// Returns the type of a provider's error by the words of its message. Phrases that stand for a status
/// count only if the error carries no status.
fn by_words(text: &str, has_status: bool) -> ErrorType {
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if !has_status && says(RATE_LIMIT) {
        ErrorType::ProviderRateLimit
    } else if !has_status && says(AUTH) {
        ErrorType::ProviderAuthError
    } else if says(QUOTA) {
        ErrorType::ProviderQuotaLimit
    } else if says(TIMEOUT) {
        ErrorType::ProviderTimeout
    } else {
        ErrorType::ProviderError
    }
}

/// Fields that may stand beside an error, or beside its message, in an error response.
const BESIDE: Words =
    words!("error type object status status_code code id param request_id raw_status_code __type");

/// Returns the error of a response that has no format of its own: an `error` with a message, an `error` without
/// unrelated fields, or a message that is marked as an error. A value of the application may have a field `error`
/// with another meaning.
pub(super) fn from_response(response: &Object) -> Option<(ErrorType, String)> {
    if let Some(error) = response.field("error") {
        let is_text = error.as_str().is_some_and(|text| !text.is_empty());
        let is_one = error.has_a("message", Value::is_string)
            || (response.keys().all(|key| BESIDE.contains(key)) && (is_text || error.is_object()));
        return is_one.then(|| of_reply(error));
    }
    // Mistral, and Amazon's JSON protocol.
    let is_marked = response.is("object", "error") || response.is("type", "error") || response.has("__type");
    (is_marked && response.text("message").is_some()).then(|| of_reply(&unmarked(response)))
}

/// Returns the error of a response body, of which no field has another meaning: also a lone `message` or `detail`.
pub(super) fn from_body(body: &Object) -> Option<(ErrorType, String)> {
    from_response(body).or_else(|| {
        let is_alone = |key: &str| body.keys().all(|other| other == key || BESIDE.contains(other));
        ["message", "Message", "detail", "msg"]
            .into_iter()
            .find(|key| body.has(key) && is_alone(key))
            .map(|_| of_reply(&Value::Object(body.clone())))
    })
}

/// Returns an error without the mark that it is one, which does not describe it.
fn unmarked(error: &Object) -> Value {
    let mut error = error.clone();
    error.retain(|key, value| !(matches!(key.as_str(), "type" | "object") && value == "error"));
    Value::Object(error)
}

/// Returns the type and the message of a provider's error value.
pub fn of_reply(error: &Value) -> (ErrorType, String) {
    let message = message(error).unwrap_or_else(|| json::readable(error));
    // Google sends the HTTP status in `code`, and its name in `status`.
    let status = ["status", "status_code", "code", "raw_status_code"]
        .into_iter()
        .find_map(|key| status(error.get(key)?));
    let word = |key| error.str(key).and_then(by_code);
    let kind = status
        .and_then(by_status)
        .or_else(|| ["code", "type", "status", "__type"].into_iter().find_map(word))
        .unwrap_or_else(|| by_words(&message, status.is_some()));
    (kind, message)
}

/// Returns the message of an error value, under any of its usual names. A list of validation errors is joined.
fn message(error: &Value) -> Option<String> {
    let found = ["message", "Message", "detail", "msg"].into_iter().find_map(|key| error.field(key))?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Array(problems) => {
            let texts: Option<Vec<&str>> = problems.iter().map(|problem| problem.text("msg")).collect();
            texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join("; "))
        }
        // Some servers wrap the error of the server behind them.
        Value::Object(_) => message(found),
        _ => None,
    }
}

/// Parses an HTTP status. Azure sends it as a string. Numbers outside 100..600 are error codes of the
/// provider.
fn status(value: &Value) -> Option<u16> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64().and_then(|number| u16::try_from(number).ok()),
    };
    number.filter(|status| (100..600).contains(status))
}

/// Returns the error type of a provider's error code or error type.
fn by_code(code: &str) -> Option<ErrorType> {
    let plain: String =
        code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let plain = plain.strip_suffix("exception").unwrap_or(&plain);
    CODES.iter().find(|(known, _)| *known == plain).map(|(_, kind)| *kind)
}

/// Returns the first error among the events of a stream. Later errors repeat it.
pub(super) fn in_events(events: &[Value]) -> Option<(ErrorType, String)> {
    events.iter().filter_map(Value::as_object).find_map(of_event)
}

/// Returns the error that an event reports: `{"error": {…}}`, `{"type": "error", …}`, or one of Amazon's
/// exceptions.
fn of_event(event: &Object) -> Option<(ErrorType, String)> {
    if let Some(error) = event.get("error").filter(|error| says(error)) {
        return Some(of_reply(error));
    }
    if event.is("type", "error") && event.contains_key("message") {
        return Some(of_reply(&unmarked(event)));
    }
    let mut fields = event.iter();
    match (fields.next(), fields.next()) {
        (Some((name, error)), None) if name.ends_with("Exception") && error.is_object() => {
            let (kind, message) = of_reply(error);
            Some((by_code(name).unwrap_or(kind), message))
        }
        _ => None,
    }
}

/// Returns `true` if a value is an error: an object with a message, or a non-empty text.
fn says(error: &Value) -> bool {
    error.has_a("message", Value::is_string) || error.as_str().is_some_and(|text| !text.is_empty())
}

/// Returns the message in the body of an error response. A body that is not JSON is the message itself, cut to
/// [`LogRequest::MAX_ERROR_CHARACTERS`](crate::LogRequest::MAX_ERROR_CHARACTERS).
pub fn message_of_body(body: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(body) else {
        let end = body.char_indices().nth(crate::blueprint::LogRequest::MAX_ERROR_CHARACTERS);
        return body.get(..end.map_or(body.len(), |(end, _)| end)).unwrap_or(body).trim().to_owned();
    };
    // Some APIs return a list that contains the error.
    let answer = value.get(0).unwrap_or(&value);
    let error = answer.get("error").unwrap_or(answer);
    let detail = || Some(json::readable(error.field("message").or_else(|| error.field("detail"))?));
    message(error).or_else(detail).unwrap_or_else(|| json::readable(error))
}

#[cfg(test)]
mod tests;
