//! Mapping between OpenTelemetry's and `PromptLayer`'s names of providers.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::fields::text;
use crate::semconv;

/// Domain of Azure's hosts for `OpenAI` models.
const AZURE_OPENAI_HOST: &str = "openai.azure.com";

/// OpenTelemetry's names with `PromptLayer`'s names. If a provider has several, the current OpenTelemetry
/// name is first.
const NAMES: &[(&str, &str)] = &[
    ("gcp.gemini", "google"),
    ("gemini", "google"),
    ("gcp.gen_ai", "google"),
    ("google_genai", "google"),
    ("gcp.vertex_ai", "vertexai"),
    ("vertex_ai", "vertexai"),
    ("vertex", "vertexai"),
    ("aws.bedrock", "amazon.bedrock"),
    ("aws_bedrock", "amazon.bedrock"),
    ("bedrock", "amazon.bedrock"),
    ("azure.ai.openai", "openai.azure"),
    ("az.ai.openai", "openai.azure"),
    ("azure.openai", "openai.azure"),
    ("azure_openai", "openai.azure"),
    ("azure", "openai.azure"),
    ("mistral_ai", "mistral"),
    ("x_ai", "xai"),
    ("moonshot_ai", "moonshot"),
];

/// Returns `PromptLayer`'s name for the provider of a call.
pub(super) fn of(fields: &Map<String, Value>) -> Option<Cow<'static, str>> {
    let host = text(fields, semconv::SERVER_ADDRESS);
    if host.is_some_and(|host| is_within(&host, AZURE_OPENAI_HOST)) {
        return Some(Cow::Borrowed("openai.azure"));
    }
    let named = text(fields, semconv::PROVIDER_NAME).or_else(|| text(fields, semconv::SYSTEM))?;
    let known = NAMES.iter().find(|(of_opentelemetry, _)| of_opentelemetry.eq_ignore_ascii_case(&named));
    Some(known.map_or_else(|| Cow::Owned(named.into_owned()), |(_, ours)| Cow::Borrowed(*ours)))
}

/// Returns OpenTelemetry's name for a provider.
pub(super) fn opentelemetry(provider: &str) -> &str {
    NAMES.iter().find(|(_, ours)| *ours == provider).map_or(provider, |(theirs, _)| theirs)
}

/// Returns `true` if a host is in a domain.
fn is_within(host: &str, domain: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
