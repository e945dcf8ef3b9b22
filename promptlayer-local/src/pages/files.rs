//! The files that a request's page offers: the request log, the provider's request, a command, and a test fixture.

use std::fmt::Write;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use promptlayer_blueprint::{Prompt, providers};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{failed, not_found, notice};
use crate::api;
use crate::app::App;
use crate::store::{StoreError, StoredRequest};

/// The address of a provider's API, and the header with its key.
struct Endpoint {
    provider: &'static str,
    api: Option<&'static str>,
    /// The URL. `{model}` stands for the model.
    url: &'static str,
    headers: &'static [&'static str],
}

const fn bearer(provider: &'static str, url: &'static str, header: &'static [&'static str]) -> Endpoint {
    Endpoint { provider, api: None, url, headers: header }
}

/// The addresses that the providers document. The first entry that fits is used.
const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        provider: "openai",
        api: Some("responses"),
        url: "https://api.openai.com/v1/responses",
        headers: &["Authorization: Bearer $OPENAI_API_KEY"],
    },
    Endpoint {
        provider: "openai",
        api: Some("completions"),
        url: "https://api.openai.com/v1/completions",
        headers: &["Authorization: Bearer $OPENAI_API_KEY"],
    },
    bearer(
        "openai",
        "https://api.openai.com/v1/chat/completions",
        &["Authorization: Bearer $OPENAI_API_KEY"],
    ),
    bearer(
        "anthropic",
        "https://api.anthropic.com/v1/messages",
        &["x-api-key: $ANTHROPIC_API_KEY", "anthropic-version: 2023-06-01"],
    ),
    bearer(
        "google",
        "https://generativelanguage.googleapis.com/v1beta/models/{model}:generateContent",
        &["x-goog-api-key: $GEMINI_API_KEY"],
    ),
    bearer(
        "mistral",
        "https://api.mistral.ai/v1/chat/completions",
        &["Authorization: Bearer $MISTRAL_API_KEY"],
    ),
    bearer(
        "groq",
        "https://api.groq.com/openai/v1/chat/completions",
        &["Authorization: Bearer $GROQ_API_KEY"],
    ),
    bearer(
        "deepseek",
        "https://api.deepseek.com/chat/completions",
        &["Authorization: Bearer $DEEPSEEK_API_KEY"],
    ),
    bearer("cohere", "https://api.cohere.com/v2/chat", &["Authorization: Bearer $CO_API_KEY"]),
    bearer(
        "openrouter",
        "https://openrouter.ai/api/v1/chat/completions",
        &["Authorization: Bearer $OPENROUTER_API_KEY"],
    ),
    bearer("ollama", "http://localhost:11434/api/chat", &[]),
];

/// A kind of file.
#[derive(Clone, Copy)]
enum File {
    /// The request log, as the API returns it.
    Log,
    /// The request in the format of its provider.
    ProviderRequest,
    /// A command that sends the provider's request.
    Curl,
    /// The provider's request with the logged output, for a test.
    Fixture,
}

/// Handles `GET /requests/{id}/{file}`.
pub(super) async fn file(State(app): State<App>, Path((id, name)): Path<(String, String)>) -> Response {
    let file = match name.as_str() {
        "log.json" => File::Log,
        "provider.json" => File::ProviderRequest,
        "curl.sh" => File::Curl,
        "fixture.json" => File::Fixture,
        _ => return not_found("There is no such file of a request."),
    };
    let read = app.store().read(move |store| {
        let request = match id.parse() {
            Ok(id) => store.request(id)?,
            Err(_) => None,
        };
        Ok::<_, StoreError>(request.map(|request| content(file, &request)))
    });
    match read.await {
        Ok(Some(Ok(text))) => answer(file, text),
        Ok(Some(Err(reason))) => notice(StatusCode::UNPROCESSABLE_ENTITY, "Not available", &reason),
        Ok(None) => not_found("There is no such request."),
        Err(error) => failed(&error),
    }
}

fn answer(file: File, text: String) -> Response {
    let media_type = match file {
        File::Curl => "text/plain; charset=utf-8",
        _ => "application/json",
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}

fn content(file: File, request: &StoredRequest) -> Result<String, String> {
    match file {
        File::Log => Ok(pretty(&api::described(request))),
        File::ProviderRequest => provider_request(request).map(|body| pretty(&body)),
        File::Curl => provider_request(request).map(|body| curl(request, &body)),
        File::Fixture => Ok(pretty(&json!({
            "name": request.name,
            "provider": request.provider,
            "model": request.model,
            // Without a request, the fixture still has the prompt.
            "request": provider_request(request).unwrap_or_default(),
            "input": request.input,
            "output": request.output,
            "status": request.status,
            "error_type": request.error_type,
            "error_message": request.error_message,
        }))),
    }
}

fn provider_request(request: &StoredRequest) -> Result<Value, String> {
    let prompt = Prompt::deserialize(&request.input)
        .map_err(|error| format!("The input of this request is not a prompt: {error}."))?;
    providers::to_request(
        &prompt,
        &request.provider,
        request.api_type.as_deref(),
        &request.model,
        &request.parameters,
    )
    .or_else(|_| providers::to_request(&prompt, &request.provider, None, &request.model, &request.parameters))
    // Most other providers have an API like that of OpenAI.
    .or_else(|_| providers::to_request(&prompt, "openai", None, &request.model, &request.parameters))
    .map(|request| Value::Object(request.body))
    .map_err(|error| format!("This request cannot be written for its provider: {error}."))
}

fn curl(request: &StoredRequest, body: &Value) -> String {
    let api = request.api_type.as_deref();
    let endpoint = ENDPOINTS.iter().find(|endpoint| {
        endpoint.provider == request.provider && endpoint.api.is_none_or(|one| Some(one) == api)
    });
    let (url, headers) = match endpoint {
        Some(endpoint) => (endpoint.url.replace("{model}", &request.model), endpoint.headers),
        None => ("$BASE_URL/chat/completions".to_owned(), &["Authorization: Bearer $API_KEY"][..]),
    };
    let mut command = match endpoint {
        Some(_) => format!("curl {}", quoted(&url)),
        None => format!("curl \"{url}\""),
    };
    for header in headers {
        // In double quotes, so that the shell inserts the key. Writing to a `String` does not fail.
        let _ = write!(command, " \\\n  -H \"{header}\"");
    }
    command.push_str(" \\\n  -H 'Content-Type: application/json' \\\n  -d ");
    command.push_str(&quoted(&pretty(body)));
    command.push('\n');
    command
}

/// Quotes a text for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn quoted_text_is_one_word_of_a_shell() {
        assert_eq!(quoted("it's $HOME `x`"), r"'it'\''s $HOME `x`'");
    }
}
