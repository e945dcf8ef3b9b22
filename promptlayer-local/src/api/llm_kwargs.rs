//! `llm_kwargs`: the arguments with which a client library of a provider makes the request of a template.
//!
//! `promptlayer-blueprint` writes the provider's request. This file chooses the model and its parameters, and adapts
//! the request where PromptLayer's clients expect the arguments of a library and not the body of a request.

use promptlayer_blueprint::Prompt;
use promptlayer_blueprint::providers::{provider_of_model, to_request};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What the caller asks for instead of the model of the template.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default, rename = "model_parameter_overrides")]
    parameters: Option<Map<String, Value>>,
}

/// The arguments, and the model that they are for.
pub(super) struct Arguments {
    pub(super) arguments: Value,
    /// The field `metadata.model` of a template.
    pub(super) model: Value,
}

/// The parameters that differ by the provider's API in nothing but their name, and the API's names. The first names
/// are those of OpenAI's chats.
struct Renamed {
    /// All names of the parameter.
    names: &'static [&'static str],
    /// The name for each API.
    by_api: &'static [(Api, &'static str)],
    /// The name for all other APIs.
    other: &'static str,
}

/// The provider's APIs whose arguments differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Api {
    OpenAiChat,
    OpenAiResponses,
    Anthropic,
    Google,
    Bedrock,
    Other,
}

const RENAMED: &[Renamed] = &[
    Renamed {
        names: &[
            "max_completion_tokens",
            "max_output_tokens",
            "maxOutputTokens",
            "maxTokens",
            "max_tokens_to_sample",
            "num_predict",
            "max_tokens",
        ],
        by_api: &[
            (Api::OpenAiChat, "max_completion_tokens"),
            (Api::OpenAiResponses, "max_output_tokens"),
            (Api::Google, "maxOutputTokens"),
            (Api::Bedrock, "maxTokens"),
        ],
        other: "max_tokens",
    },
    Renamed {
        names: &["top_p", "topP"],
        by_api: &[(Api::Google, "topP"), (Api::Bedrock, "topP")],
        other: "top_p",
    },
    Renamed {
        names: &["stop", "stop_sequences", "stopSequences"],
        by_api: &[
            (Api::Anthropic, "stop_sequences"),
            (Api::Google, "stopSequences"),
            (Api::Bedrock, "stopSequences"),
        ],
        other: "stop",
    },
    Renamed { names: &["temperature"], by_api: &[], other: "temperature" },
];

/// Parameters that an API accepts under another name of the same row too.
const ALSO_ACCEPTED: &[(Api, &str)] = &[(Api::OpenAiChat, "max_tokens")];

/// Parameters that an API requires, and their values if neither the template nor the caller has them.
const REQUIRED: &[(Api, &str, i64)] = &[(Api::Anthropic, "max_tokens", 4096)];

/// Parameters that the current library of an API does not take. The parameters of a template for another provider are
/// passed on without them.
const REFUSED: &[(Api, &str)] = &[(Api::Anthropic, "temperature"), (Api::Anthropic, "top_p")];

/// Bedrock's parameters that belong into `inferenceConfig`.
const INFERENCE: &[&str] = &["maxTokens", "temperature", "topP", "stopSequences"];

/// Returns the arguments for a template. `None` if neither the template nor the caller names a provider, or if nothing
/// can be written for it.
pub(super) fn of_template(prompt: &Value, metadata: Option<&Value>, choice: &Choice) -> Option<Arguments> {
    let own = metadata.and_then(|metadata| metadata.get("model")).unwrap_or(&Value::Null);
    let own_provider = own["provider"].as_str();
    let asked_model = choice.model.as_deref();
    let provider =
        choice.provider.as_deref().or_else(|| own_provider.or_else(|| provider_of_model(asked_model?)))?;
    let keeps_provider = own_provider == Some(provider);
    let model = asked_model.or_else(|| own["name"].as_str().filter(|_| keeps_provider));
    let api_type = own["api_type"].as_str().filter(|_| keeps_provider);
    let prompt = Prompt::deserialize(prompt).ok()?;
    let api = Api::of(provider, api_type, model);

    let parameters = own["parameters"].as_object().cloned().unwrap_or_default();
    let parameters = carried(parameters, api, keeps_provider);
    let overrides = renamed(choice.parameters.clone().unwrap_or_default(), api);
    let mut parameters: Map<String, Value> = parameters
        .into_iter()
        .filter(|(name, _)| !overrides.keys().any(|other| is_same(name, other)))
        .collect();
    parameters.extend(overrides);
    add_required(&mut parameters, api);

    let written_api = match (&prompt, api, api_type) {
        (Prompt::Completion(_), Api::OpenAiChat, _) => Some("completions"),
        (_, Api::OpenAiChat | Api::OpenAiResponses, api_type) => api_type.or(Some("chat-completions")),
        // The library for images takes a text like the one for completions.
        (_, _, Some("images")) => Some("completions"),
        (_, Api::Anthropic, _) => Some("messages"),
        (_, _, api_type) => api_type,
    };
    // Anthropic's libraries for other platforms take the same arguments as the one for its own.
    let written_for = if api == Api::Anthropic { "anthropic" } else { provider };
    let request = |api| to_request(&prompt, written_for, api, model.unwrap_or_default(), &parameters);
    let mut body = request(written_api).or_else(|_| request(None)).ok()?.body;
    if model.is_none() {
        body.remove("model");
        body.remove("modelId");
    }
    match api {
        Api::Google => body = for_google(body, &prompt),
        Api::Bedrock => gather(&mut body, "inferenceConfig", |name| INFERENCE.contains(&name)),
        _ => {}
    }
    // JavaScript clients of OpenAI need the field, and others ignore it.
    let api_type = match api {
        Api::OpenAiChat | Api::OpenAiResponses => api_type.or(Some("chat-completions")),
        _ => api_type,
    };
    let mut described = own.as_object().filter(|_| keeps_provider).cloned().unwrap_or_default();
    described.extend([
        ("provider".to_owned(), json!(provider)),
        ("name".to_owned(), json!(model.unwrap_or_default())),
        ("parameters".to_owned(), Value::Object(parameters)),
    ]);
    if let Some(api_type) = api_type {
        described.insert("api_type".to_owned(), json!(api_type));
    }
    Some(Arguments { arguments: Value::Object(body), model: Value::Object(described) })
}

impl Api {
    fn of(provider: &str, api_type: Option<&str>, model: Option<&str>) -> Self {
        match (provider, api_type) {
            ("openai" | "openai.azure", Some("responses")) => Self::OpenAiResponses,
            ("openai" | "openai.azure", None | Some("chat-completions")) => Self::OpenAiChat,
            ("anthropic" | "anthropic.bedrock", _) => Self::Anthropic,
            ("vertexai", _) if model.is_some_and(|model| model.contains("claude")) => Self::Anthropic,
            ("google" | "vertexai", _) => Self::Google,
            ("amazon.bedrock", _) => Self::Bedrock,
            _ => Self::Other,
        }
    }
}

/// Returns the parameters of a request for an API. `keeps_provider` is `false` if they are those of another provider:
/// what means nothing to this one is left out.
#[cfg(feature = "replay")]
pub(crate) fn parameters_for(
    api: Api,
    parameters: Map<String, Value>,
    keeps_provider: bool,
) -> Map<String, Value> {
    let mut parameters = carried(parameters, api, keeps_provider);
    add_required(&mut parameters, api);
    parameters
}

/// Gives parameters the names of an API, and leaves out those that mean nothing to another provider.
fn carried(mut parameters: Map<String, Value>, api: Api, keeps_provider: bool) -> Map<String, Value> {
    if keeps_provider {
        return renamed(parameters, api);
    }
    parameters.retain(|name, _| RENAMED.iter().any(|renamed| renamed.names.contains(&name.as_str())));
    let mut parameters = renamed(parameters, api);
    parameters.retain(|name, _| !REFUSED.contains(&(api, name.as_str())));
    parameters
}

/// Adds the parameters that an API requires.
fn add_required(parameters: &mut Map<String, Value>, api: Api) {
    for (of_api, name, value) in REQUIRED {
        if *of_api == api {
            parameters.entry(*name).or_insert(json!(value));
        }
    }
}

/// Gives parameters the names of an API.
fn renamed(parameters: Map<String, Value>, api: Api) -> Map<String, Value> {
    let name = |name: String| {
        if ALSO_ACCEPTED.contains(&(api, name.as_str())) {
            return name;
        }
        let Some(row) = RENAMED.iter().find(|row| row.names.contains(&name.as_str())) else { return name };
        let own = row.by_api.iter().find(|(of_api, _)| *of_api == api);
        own.map_or(row.other, |(_, name)| name).to_owned()
    };
    parameters.into_iter().map(|(key, value)| (name(key), value)).collect()
}

/// Returns `true` if two names are those of one parameter.
fn is_same(one: &str, other: &str) -> bool {
    one == other || RENAMED.iter().any(|row| row.names.contains(&one) && row.names.contains(&other))
}

/// Makes the arguments of Google's library: everything but the messages is its configuration, and the messages of a
/// chat are its history.
fn for_google(mut body: Map<String, Value>, prompt: &Prompt) -> Map<String, Value> {
    gather(&mut body, "generation_config", |name| !matches!(name, "model" | "contents"));
    if let Some(config) = body.get_mut("generation_config").and_then(Value::as_object_mut) {
        for (of_request, of_library) in
            [("systemInstruction", "system_instruction"), ("toolConfig", "tool_config")]
        {
            if let Some(value) = config.remove(of_request) {
                config.insert(of_library.to_owned(), value);
            }
        }
        if let Some(Value::Object(nested)) = config.remove("generationConfig") {
            config.extend(nested);
        }
    }
    if let (Prompt::Chat(_), Some(contents)) = (prompt, body.remove("contents")) {
        body.insert("history".to_owned(), contents);
    }
    body
}

/// Moves fields into one object.
fn gather(body: &mut Map<String, Value>, into: &str, belongs: impl Fn(&str) -> bool) {
    let (inner, rest): (Map<_, _>, Map<_, _>) =
        std::mem::take(body).into_iter().partition(|(name, _)| name != into && belongs(name));
    *body = rest;
    if inner.is_empty() {
        return;
    }
    let gathered = body.entry(into).or_insert_with(|| json!({}));
    if let Some(gathered) = gathered.as_object_mut() {
        gathered.extend(inner);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Choice, of_template};

    fn chat() -> Value {
        let text = |text: &str| json!([{ "type": "text", "text": text }]);
        json!({ "type": "chat", "messages": [
            { "role": "system", "content": text("Be brief.") },
            { "role": "user", "content": text("Hello") },
        ]})
    }

    /// Returns the arguments and the model for a chat.
    fn written(model: &Value, choice: &Value) -> (Value, Value) {
        let choice: Choice = serde_json::from_value(choice.clone()).unwrap();
        let kwargs = of_template(&chat(), Some(&json!({ "model": model })), &choice).unwrap();
        (kwargs.arguments, kwargs.model)
    }

    #[test]
    fn arguments_have_the_form_of_each_library() {
        let brief = || json!([{ "type": "text", "text": "Be brief." }]);
        let hello = || json!([{ "type": "text", "text": "Hello" }]);
        for (model, expected) in [
            (
                json!({ "provider": "anthropic", "name": "claude-x", "parameters": { "temperature": 0.5 } }),
                json!({
                    "model": "claude-x", "temperature": 0.5, "max_tokens": 4096, "system": brief(),
                    "messages": [{ "role": "user", "content": hello() }],
                }),
            ),
            (
                json!({ "provider": "google", "name": "gemini-x", "parameters": { "temperature": 0.5 } }),
                json!({
                    "model": "gemini-x",
                    "generation_config": {
                        "temperature": 0.5, "system_instruction": { "parts": [{ "text": "Be brief." }] },
                    },
                    "history": [{ "role": "user", "parts": [{ "text": "Hello" }] }],
                }),
            ),
            (
                json!({ "provider": "amazon.bedrock", "name": "m", "parameters": { "maxTokens": 5 } }),
                json!({
                    "modelId": "m", "inferenceConfig": { "maxTokens": 5 }, "system": [{ "text": "Be brief." }],
                    "messages": [{ "role": "user", "content": [{ "text": "Hello" }] }],
                }),
            ),
        ] {
            assert_eq!(written(&model, &json!({})).0, expected);
        }
    }

    #[test]
    fn claude_gets_the_same_arguments_on_every_platform() {
        let model = |provider: &str| json!({ "provider": provider, "name": "claude-x" });
        let (expected, _) = written(&model("anthropic"), &json!({}));
        for provider in ["anthropic.bedrock", "vertexai"] {
            let (arguments, described) = written(&model(provider), &json!({}));
            assert_eq!(arguments, expected, "{provider}");
            assert_eq!(described["provider"], provider);
        }
    }

    #[test]
    fn openai_gets_the_api_of_the_template() {
        let model = |api: Value| json!({ "provider": "openai", "name": "gpt-x", "api_type": api });
        let (arguments, model_of_chat) = written(&model(Value::Null), &json!({}));
        assert_eq!(arguments["messages"][1]["role"], "user");
        assert_eq!(model_of_chat["api_type"], "chat-completions");
        let (arguments, model_of_responses) = written(&model(json!("responses")), &json!({}));
        assert!(arguments["input"].is_array(), "{arguments}");
        assert_eq!(model_of_responses["api_type"], "responses");
    }

    #[test]
    fn choice_of_the_caller_replaces_the_model_of_the_template() {
        let model = json!({
            "provider": "openai", "name": "gpt-x",
            "parameters": { "temperature": 0.5, "max_tokens": 9, "logit_bias": {} },
        });
        let (arguments, described) = written(
            &model,
            &json!({ "model": "gpt-y", "model_parameter_overrides": { "maxOutputTokens": 7 } }),
        );
        assert_eq!(arguments["model"], "gpt-y");
        assert_eq!(
            described["parameters"],
            json!({ "temperature": 0.5, "logit_bias": {}, "max_completion_tokens": 7 })
        );

        let (arguments, described) =
            written(&model, &json!({ "provider": "anthropic", "model": "claude-x" }));
        assert_eq!(described["parameters"], json!({ "max_tokens": 9 }));
        assert_eq!((&described["provider"], &described["name"]), (&json!("anthropic"), &json!("claude-x")));
        assert_eq!(arguments["max_tokens"], 9);

        let (arguments, _) = written(&Value::Null, &json!({ "model": "claude-x" }));
        assert_eq!(arguments["max_tokens"], 4096, "the provider of the model");
        let (arguments, _) = written(&model, &json!({ "provider": "mistral" }));
        assert_eq!(arguments["model"], Value::Null, "the template's model is of another provider");
    }

    #[test]
    fn completion_is_written_for_the_completions_api() {
        let prompt = json!({ "type": "completion", "content": [{ "type": "text", "text": "Once" }] });
        let metadata = json!({ "model": { "provider": "openai", "name": "instruct" } });
        let kwargs = of_template(&prompt, Some(&metadata), &Choice::default()).unwrap();
        assert_eq!(kwargs.arguments, json!({ "model": "instruct", "prompt": "Once" }));
        assert!(of_template(&prompt, None, &Choice::default()).is_none());

        let metadata = json!({ "model": { "provider": "openai", "name": "image", "api_type": "images" } });
        let kwargs = of_template(&prompt, Some(&metadata), &Choice::default()).unwrap();
        assert_eq!(kwargs.arguments, json!({ "model": "image", "prompt": "Once" }));
    }
}
