//! Mapping between OpenTelemetry's and `PromptLayer`'s names of providers.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::super::vendors::{VENDORS, Vendor};
use super::fields::text;
use crate::semconv;

/// Domain of Azure's hosts for `OpenAI` models.
const AZURE_OPENAI_HOST: &str = "openai.azure.com";

/// Returns `PromptLayer`'s name for the provider of a call.
pub(super) fn of(fields: &Map<String, Value>) -> Option<Cow<'static, str>> {
    let host = text(fields, semconv::SERVER_ADDRESS);
    if host.is_some_and(|host| is_within(&host, AZURE_OPENAI_HOST)) {
        return Some(Cow::Borrowed("openai.azure"));
    }
    let named = text(fields, semconv::PROVIDER_NAME).or_else(|| text(fields, semconv::SYSTEM))?;
    let is_known =
        |vendor: &&Vendor| vendor.opentelemetry.iter().any(|name| name.eq_ignore_ascii_case(&named));
    let known = VENDORS.iter().find(is_known).map(|vendor| vendor.name);
    Some(known.map_or_else(|| Cow::Owned(named.into_owned()), Cow::Borrowed))
}

/// Returns OpenTelemetry's name for a provider.
pub(super) fn opentelemetry(provider: &str) -> &str {
    let known = VENDORS.iter().find(|vendor| vendor.name == provider);
    known.and_then(|vendor| vendor.opentelemetry.first().copied()).unwrap_or(provider)
}

/// Returns `true` if a host is in a domain.
fn is_within(host: &str, domain: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
