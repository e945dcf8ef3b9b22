//! OpenTelemetry's environment variables for exporters.

use std::borrow::Cow;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use promptlayer_client::exporter::{self, TRACES_PATH};
use promptlayer_client::{Env, Error};

/// The endpoint of PromptLayer for spans of OpenTelemetry.
pub(super) const PROMPTLAYER_ENDPOINT: &str = "PROMPTLAYER_OTLP_TRACES_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Variables with the one for traces first, which replaces the other.
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
const COMPRESSION: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"];
const TIMEOUT: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

fn first(env: &Env, names: [&'static str; 2]) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| Some((name, env.get(name)?)))
}

/// Returns the endpoint of a collector.
pub(super) fn endpoint(env: &Env) -> Option<String> {
    let below = || Some(format!("{}{TRACES_PATH}", env.get(ENDPOINT)?.trim_end_matches('/')));
    env.get(TRACES_ENDPOINT).or_else(below)
}

/// Returns the headers for a collector.
pub(super) fn headers(env: &Env) -> Result<Vec<(String, String)>, Error> {
    first(env, HEADERS).map_or(Ok(Vec::new()), |(name, list)| pairs(name, &list))
}

/// Returns whether bodies are compressed.
pub(super) fn gzip(env: &Env) -> Result<Option<bool>, Error> {
    let Some((name, value)) = first(env, COMPRESSION) else { return Ok(None) };
    match value.to_ascii_lowercase().as_str() {
        "gzip" => Ok(Some(true)),
        "none" => Ok(Some(false)),
        _ => Err(exporter::invalid_argument(name, "it is neither `gzip` nor `none`")),
    }
}

/// Returns the time-out of a request.
pub(super) fn timeout(env: &Env) -> Result<Option<Duration>, Error> {
    let Some((name, value)) = first(env, TIMEOUT) else { return Ok(None) };
    match value.parse() {
        Ok(milliseconds @ 1..) => Ok(Some(Duration::from_millis(milliseconds))),
        _ => Err(exporter::invalid_argument(name, "it is not a number of milliseconds greater than zero")),
    }
}

/// Returns the attributes of the resource.
pub(super) fn resource_attributes(env: &Env) -> Result<Vec<(String, String)>, Error> {
    env.get(RESOURCE_ATTRIBUTES).map_or(Ok(Vec::new()), |list| pairs(RESOURCE_ATTRIBUTES, &list))
}

/// Parses a list of names and percent-encoded values: `a=1,b=2`. The error has no value, which may be a secret.
fn pairs(variable: &'static str, list: &str) -> Result<Vec<(String, String)>, Error> {
    let entries = list.split(',').map(str::trim).enumerate().filter(|(_, entry)| !entry.is_empty());
    let pair = |(at, entry): (usize, &str)| {
        let refuse = |reason: &str| {
            exporter::invalid_argument(variable, format!("entry {} of the list {reason}", at + 1))
        };
        let (name, value) = entry.split_once('=').ok_or_else(|| refuse("has no `=`"))?;
        let decoded = |text: &str| {
            let decoded = percent_decode_str(text.trim()).decode_utf8().map(Cow::into_owned);
            decoded.map_err(|_| refuse("is not UTF-8 after percent-decoding"))
        };
        let name = decoded(name)?;
        if name.is_empty() { Err(refuse("has no name")) } else { Ok((name, decoded(value)?)) }
    };
    entries.map(pair).collect()
}

/// Returns a URL that is safe to show. One with an `@` may hold a password, and one with a query a key.
pub(super) fn shown_url(url: &str) -> &str {
    if url.contains(['@', '?']) { "[hidden: it holds an `@` or a `?`]" } else { url }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<const N: usize>(variables: [(&str, &str); N]) -> Env {
        Env::new(variables)
    }

    #[test]
    fn endpoint_of_traces_is_used_as_it_is_and_the_general_one_with_a_path() {
        assert_eq!(endpoint(&env([])), None);
        let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318/");
        assert_eq!(endpoint(&env([general])).as_deref(), Some("http://a:4318/v1/traces"));
        let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b/");
        assert_eq!(endpoint(&env([general, traces])).as_deref(), Some("http://b/"));
    }

    #[test]
    fn header_values_are_decoded_and_errors_do_not_show_them() {
        let general = ("OTEL_EXPORTER_OTLP_HEADERS", "a=1");
        let traces = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", " authorization=Bearer%20x%3D%2C1 , b = 2=3,");
        let read = headers(&env([general, traces])).unwrap();
        let expected = [("authorization", "Bearer x=,1"), ("b", "2=3")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(headers(&env([general])).unwrap(), [("a".to_owned(), "1".to_owned())]);
        for list in ["a=1,secret-value", "=secret-value", "a=secret-value%ff"] {
            let error = headers(&env([("OTEL_EXPORTER_OTLP_HEADERS", list)])).unwrap_err();
            assert!(error.is_invalid_input(), "{list}");
            let text = format!("{error} {error:?}");
            assert!(text.contains("OTEL_EXPORTER_OTLP_HEADERS") && !text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn compression_and_time_out_are_checked() {
        let compression = |value| gzip(&env([("OTEL_EXPORTER_OTLP_COMPRESSION", value)]));
        assert_eq!((compression("gzip").unwrap(), compression("none").unwrap()), (Some(true), Some(false)));
        assert!(compression("zstd").unwrap_err().is_invalid_input());
        let time = |value| timeout(&env([("OTEL_EXPORTER_OTLP_TIMEOUT", value)]));
        assert_eq!(time("2500").unwrap(), Some(Duration::from_millis(2500)));
        for value in ["0", "-1", "2s", "1.5"] {
            assert!(time(value).unwrap_err().is_invalid_input(), "{value}");
        }
        assert_eq!((gzip(&env([])).unwrap(), timeout(&env([])).unwrap()), (None, None));
    }
}
