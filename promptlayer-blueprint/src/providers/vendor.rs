//! Finds the provider of a request, a response or a model in the table of providers.

use serde_json::Value;

use super::json::Object;
use super::vendors::{Is, Marks, VENDORS, Vendor};

/// Returns the provider of a request, or `None` if the request does not identify it.
pub(super) fn of_request(request: &Object) -> Option<&'static str> {
    find(request, |vendor| vendor.request_marks)
}

/// Returns the provider of a response, or `None` if the response does not identify it.
pub(super) fn of_reply(reply: &Object) -> Option<&'static str> {
    find(reply, |vendor| vendor.reply_marks)
}

/// Returns the first provider of which an object has all marks of a set.
fn find(object: &Object, sets: fn(&Vendor) -> &'static [Marks]) -> Option<&'static str> {
    let has_all = |marks: &Marks| {
        marks.iter().all(|(path, is)| {
            let mut names = path.split('.');
            let first = names.next().and_then(|name| object.get(name));
            first.is_some_and(|value| has(value, names, *is))
        })
    };
    VENDORS.iter().find(|vendor| sets(vendor).iter().any(has_all)).map(|vendor| vendor.name)
}

/// Returns `true` if the value at the rest of a path passes a test. The step `*` stands for any item of a list.
fn has<'a>(value: &Value, mut rest: impl Iterator<Item = &'a str> + Clone, is: Is) -> bool {
    match rest.next() {
        None => is.met_by(value),
        Some("*") => {
            value.as_array().is_some_and(|items| items.iter().any(|item| has(item, rest.clone(), is)))
        }
        Some(name) => value.get(name).is_some_and(|value| has(value, rest, is)),
    }
}

impl Is {
    fn met_by(self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Present => true,
            Self::Text => text.is_some(),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Equal(expected) => text == Some(expected),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::OwnModel(prefix) => {
                text.is_some_and(|text| text.starts_with(prefix) && !text.contains('/'))
            }
            Self::Build => text.is_some_and(is_build),
        }
    }
}

/// Returns `true` for the build number of a llama.cpp server (`b10499-6d05498`).
fn is_build(text: &str) -> bool {
    let is_all = |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|byte| is(&byte));
    text.strip_prefix('b').and_then(|build| build.split_once('-')).is_some_and(|(number, commit)| {
        is_all(number, u8::is_ascii_digit) && is_all(commit, u8::is_ascii_hexdigit)
    })
}

/// Returns the provider of a model by its name, or `None` if several providers use the same name.
///
/// A name with a slash comes from a router or a model hub. A name with a colon comes from Ollama, except
/// for `OpenAI`'s fine-tuned models. A name with an at sign comes from Vertex AI, which hosts models of
/// Google and of others.
pub fn of_model(model: &str) -> Option<&'static str> {
    let is_tuned = model.starts_with("ft:");
    if model.contains('/') || (model.contains(':') && !is_tuned) {
        return None;
    }
    if model.contains('@') {
        return model.starts_with("claude-").then_some("vertexai");
    }
    let is_named = |vendor: &&Vendor| vendor.models.contains(&model);
    let is_alike = |vendor: &&Vendor| {
        let matches = |(prefix, suffix): &(&str, &str)| model.starts_with(prefix) && model.ends_with(suffix);
        vendor.model_prefixes.iter().any(|prefix| model.starts_with(prefix))
            || vendor.model_patterns.iter().any(matches)
    };
    VENDORS.iter().find(is_named).or_else(|| VENDORS.iter().find(is_alike)).map(|vendor| vendor.name)
}

/// Returns the provider of an API by its host in lower case, and its port if known. Returns `None` for a host that
/// the table does not have.
///
/// ```
/// use promptlayer_blueprint::providers::provider_of_host;
///
/// assert_eq!(provider_of_host("api.groq.com", Some(443)), Some("groq"));
/// assert_eq!(provider_of_host("localhost", Some(11434)), Some("ollama"));
/// assert_eq!(provider_of_host("example.org", None), None);
/// ```
pub fn of_host(host: &str, port: Option<u16>) -> Option<&'static str> {
    let is_host = |known: &&str| {
        let rest = known.strip_prefix(host);
        rest.is_some_and(|rest| match rest.strip_prefix(':') {
            Some(known) => port.is_some_and(|port| known.parse() == Ok(port)),
            None => rest.is_empty(),
        })
    };
    let has_pattern = |(start, end): &(&str, &str)| host.starts_with(start) && host.ends_with(end);
    VENDORS
        .iter()
        .find(|vendor| vendor.hosts.iter().any(is_host))
        .or_else(|| VENDORS.iter().find(|vendor| vendor.host_patterns.iter().any(has_pattern)))
        .map(|vendor| vendor.name)
}
