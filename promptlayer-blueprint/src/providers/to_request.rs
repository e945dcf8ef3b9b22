//! Makes a provider's request from a prompt.
//!
//! The opposite direction of [`request`](super::request()): each wire format writes what it reads. A part of the
//! prompt that the format cannot express is left out and reported.

use std::fmt;

use serde_json::{Map, Value};

use super::detect;
use super::draft::{Draft, Omission, Omissions};
use crate::blueprint::{ChatPrompt, Message, Prompt, TemplateFormat};

/// A request for a provider's API.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProviderRequest {
    /// The body of the request. Formats that have the model in the URL have it in `model` here too, as the SDKs of
    /// their providers do.
    pub body: Map<String, Value>,
    /// The parts of the prompt that the API cannot express, in their order.
    pub omissions: Vec<Omission>,
}

/// The provider or its API is unknown to [`to_request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownApi {
    provider: String,
    api: Option<String>,
}

impl fmt::Display for UnknownApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.api {
            Some(api) => {
                write!(formatter, "no request can be made for the API `{api}` of `{}`", self.provider)
            }
            None => write!(formatter, "no request can be made for the provider `{}`", self.provider),
        }
    }
}

impl std::error::Error for UnknownApi {}

/// Makes the request that a provider takes for a prompt.
///
/// `provider` and `api` are PromptLayer's names, such as `openai` and `responses`. Without `api`, the API is the one
/// that the provider recommends for chats. `parameters` are added to the request as they are.
///
/// ```
/// use promptlayer_blueprint::Prompt;
/// use promptlayer_blueprint::providers::to_request;
/// use serde_json::{Map, json};
///
/// let parameters = Map::from_iter([("max_tokens".to_owned(), json!(100))]);
/// let request = to_request(&Prompt::user("Hello"), "anthropic", None, "claude-sonnet-5", &parameters)?;
/// assert_eq!(
///     serde_json::Value::Object(request.body),
///     json!({
///         "model": "claude-sonnet-5",
///         "max_tokens": 100,
///         "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
///     }),
/// );
/// # Ok::<(), promptlayer_blueprint::providers::UnknownApi>(())
/// ```
///
/// # Errors
///
/// Returns an error if the provider has no API of this name, or none that this crate can write.
pub fn to_request(
    prompt: &Prompt,
    provider: &str,
    api: Option<&str>,
    model: &str,
    parameters: &Map<String, Value>,
) -> Result<ProviderRequest, UnknownApi> {
    let unknown = || UnknownApi { provider: provider.to_owned(), api: api.map(str::to_owned) };
    let write = detect::by_name(provider, api).and_then(|shape| shape.write).ok_or_else(unknown)?;
    let mut omissions = Omissions::default();
    let as_chat;
    let chat = match prompt {
        Prompt::Chat(chat) => chat,
        Prompt::Completion(completion) => {
            as_chat = ChatPrompt::new([Message::user(completion.content.clone())]);
            &as_chat
        }
    };
    report_templates(prompt, &mut omissions);
    let body = write(&Draft { prompt, chat, provider, model, parameters }, &mut omissions);
    let mut omissions = omissions.into_list();
    if matches!(prompt, Prompt::Completion(_)) {
        // A completion has no messages: its content is not within one.
        for place in omissions.iter_mut().map(|omission| &mut omission.place) {
            if let Some(within) = place.strip_prefix("messages[0]") {
                *place =
                    if within.is_empty() { "content" } else { within.trim_start_matches('.') }.to_owned();
            }
        }
    }
    Ok(ProviderRequest { body, omissions })
}

/// Reports the variables of a template and their format, which no request has.
fn report_templates(prompt: &Prompt, omissions: &mut Omissions) {
    let mut report = |place: &str, variables: &[String], format: Option<TemplateFormat>| {
        for (field, is_set) in
            [("input_variables", !variables.is_empty()), ("template_format", format.is_some())]
        {
            if is_set {
                omissions.add(format!("{place}{field}"), "a request has no template variables");
            }
        }
    };
    match prompt {
        Prompt::Completion(prompt) => report("", &prompt.input_variables, prompt.template_format),
        Prompt::Chat(chat) => {
            report("", &chat.input_variables, None);
            for (at, message) in chat.messages.iter().enumerate() {
                let (variables, format) = message.template();
                report(&format!("messages[{at}]."), variables, format);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    //! What the tests of all formats share.

    use serde_json::json;

    use super::*;
    use crate::providers::draft::{Ids, Role, Turn, Turns};
    use crate::providers::{Input, request};

    /// Returns the request for a prompt, and the places that are left out.
    pub(in crate::providers) fn written(
        prompt: &Value,
        provider: &str,
        parameters: &Value,
    ) -> (Value, Vec<String>) {
        let prompt: Prompt = serde_json::from_value(prompt.clone()).unwrap();
        let parameters = parameters.as_object().unwrap();
        let request = to_request(&prompt, provider, None, "a-model", parameters).unwrap();
        (request.body.into(), request.omissions.into_iter().map(|omission| omission.place).collect())
    }

    /// Checks that a prompt is read back from its request. Returns the request.
    pub(in crate::providers) fn round_trip(prompt: &Value, provider: &str, parameters: &Value) -> Value {
        let (body, omissions) = written(prompt, provider, parameters);
        assert!(omissions.is_empty(), "{omissions:?}");
        let read = request(Input::Value(body.clone()));
        let expected: Prompt = serde_json::from_value(prompt.clone()).unwrap();
        assert_eq!(read.prompt, Some(expected), "{body:#}");
        assert_eq!(
            (read.model.as_deref(), Value::Object(read.parameters)),
            (Some("a-model"), parameters.clone())
        );
        body
    }

    #[test]
    fn legacy_calls_and_names_are_written_or_reported() {
        let prompt = json!({"type": "chat", "messages": [
            {"role": "user", "content": [{"type": "text", "text": "why?"}], "name": "Ada"},
            {"role": "assistant", "content": [], "function_call": {"name": "add", "arguments": "no JSON"}},
            {"role": "function", "name": "add", "content": [{"type": "text", "text": "2"}]},
            {"role": "placeholder", "name": "history"},
        ]});
        let chat: ChatPrompt = serde_json::from_value(prompt).unwrap();
        let mut omissions = Omissions::default();
        let mut messages = Turns::new(&chat, Ids::Optional);
        let turns: Vec<Turn<'_>> = std::iter::from_fn(|| messages.next(&mut omissions)).collect();
        assert_eq!(turns.len(), 3);
        assert!(
            matches!(&turns[1].role, Role::Assistant(calls) if calls[0].name == "add" && calls[0].id.is_none())
        );
        assert!(matches!(&turns[2].role, Role::Tool(None, "add")));
        let places: Vec<String> = omissions.into_list().into_iter().map(|omission| omission.place).collect();
        assert_eq!(
            places,
            ["messages[0].name", "messages[1].tool_calls[0].function.arguments", "messages[3]"]
        );
    }

    #[test]
    fn template_variables_and_formats_are_reported() {
        let text = json!([{"type": "text", "text": "Hello {name}"}]);
        let prompt = json!({"type": "chat", "input_variables": ["name"], "messages": [
            {"role": "system", "content": text, "template_format": "jinja2"},
            {"role": "user", "content": text, "input_variables": ["name"], "template_format": "f-string"},
            {"role": "user", "content": text, "input_variables": []},
        ]});
        let expected = [
            "input_variables",
            "messages[0].template_format",
            "messages[1].input_variables",
            "messages[1].template_format",
        ];
        for provider in ["openai", "mistral", "cohere", "anthropic", "amazon.bedrock", "google", "ollama"] {
            assert_eq!(written(&prompt, provider, &json!({})).1, expected, "{provider}");
        }
        let completion = json!({"type": "completion", "content": text, "input_variables": ["name"], "template_format": "jinja2"});
        assert_eq!(written(&completion, "anthropic", &json!({})).1, ["input_variables", "template_format"]);
    }

    #[test]
    fn mode_with_the_name_of_another_choice_is_reported() {
        let prompt = json!({"type": "chat", "messages": [], "tool_choice": "function"});
        for provider in ["anthropic", "amazon.bedrock", "google", "openai"] {
            let (body, omissions) = written(&prompt, provider, &json!({}));
            assert_eq!(omissions, ["tool_choice"], "{provider}: {body}");
        }
    }

    #[test]
    fn messages_api_of_bedrock_is_the_one_of_anthropic() {
        let prompt = Prompt::user("Hello");
        let request =
            to_request(&prompt, "amazon.bedrock", Some("messages"), "claude-x", &Map::new()).unwrap();
        assert_eq!(request.body["anthropic_version"], "bedrock-2023-05-31");
        assert_eq!(request.body["messages"][0]["content"][0]["text"], "Hello");
        assert!(to_request(&prompt, "amazon.bedrock", Some("chat-completions"), "m", &Map::new()).is_err());
    }
}
