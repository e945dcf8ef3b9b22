//! Reads what LangChain's `PromptLayerCallbackHandler` logs: the messages or the prompt as positional arguments, the
//! parameters of the model as keyword arguments, and LangChain's form of the response.

use promptlayer_blueprint::providers::{self, Input, Output, Reply, Request};
use promptlayer_blueprint::{CompletionPrompt, ContentBlock};
use serde_json::{Map, Value, json};

/// The value of `provider_type` for calls through LangChain.
pub(super) const PROVIDER_TYPE: &str = "langchain";

/// The beginnings of LangChain's names of model classes (`_type`), and the providers. The first that matches counts.
const PROVIDERS: &[(&str, &str)] = &[
    ("azure", "openai.azure"),
    ("openai", "openai"),
    ("chat-openai", "openai"),
    ("anthropic", "anthropic"),
    ("chat-anthropic", "anthropic"),
    ("vertexai", "vertexai"),
    ("chat-google-generative-ai", "google"),
    ("google_gemini", "google"),
    ("amazon_bedrock", "amazon.bedrock"),
    ("mistralai", "mistral"),
    ("mistral-chat", "mistral"),
    ("cohere", "cohere"),
    ("ollama", "ollama"),
    ("chat-ollama", "ollama"),
    ("groq", "groq"),
    ("fireworks", "fireworks"),
    ("together", "together"),
    ("deepseek", "deepseek"),
    ("chat-deepseek", "deepseek"),
];

/// The parameters that hold the model's name.
const MODEL: &[&str] = &["model", "model_name", "model_id", "azure_deployment", "deployment_name", "engine"];

/// Reads the arguments of a model.
pub(super) fn request(args: Value, kwargs: Value) -> Request {
    let mut parameters = match kwargs {
        Value::Object(kwargs) => kwargs,
        Value::Null => Map::new(),
        other => Map::from_iter([("kwargs".to_owned(), other)]),
    };
    parameters.retain(|_, value| !value.is_null());
    let model = MODEL.iter().find_map(|name| Some(parameters.get(*name)?.as_str()?.to_owned()));
    let provider = parameters.get("_type").and_then(Value::as_str).and_then(provider_of);
    let mut request = match args {
        Value::Array(args) if args.iter().all(Value::is_string) => {
            let texts: Vec<ContentBlock> =
                args.iter().filter_map(Value::as_str).map(ContentBlock::from_text).collect();
            Request { prompt: Some(CompletionPrompt::new(texts).into()), ..Request::default() }
        }
        Value::Array(args) => chat(args, &mut parameters),
        args => providers::request(Input::Value(args)),
    };
    for (name, value) in parameters {
        request.parameters.entry(name).or_insert(value);
    }
    request.model = model.or(request.model);
    request.provider = provider.map(Into::into).or(request.provider);
    request
}

/// Reads messages, with the tools of the parameters.
fn chat(messages: Vec<Value>, parameters: &mut Map<String, Value>) -> Request {
    let mut body = Map::from_iter([("messages".to_owned(), Value::Array(messages))]);
    for name in ["tools", "functions", "tool_choice", "function_call"] {
        if let Some(value) = parameters.remove(name) {
            body.insert(name.to_owned(), value);
        }
    }
    // The reader of chat requests needs a model. The caller sets the right one.
    body.insert("model".to_owned(), json!(providers::UNKNOWN_MODEL));
    let mut request = providers::request(Input::Value(Value::Object(body)));
    request.shape = None;
    request.model = None;
    request
}

/// Reads a response: a list with the message, or the text with the output of the model.
pub(super) fn reply(response: Value) -> Reply {
    let Value::Object(mut fields) = response else {
        return providers::response(Output::Value(response));
    };
    let (Some(Value::String(text)), true) = (fields.get("text"), fields.contains_key("llm_output")) else {
        return providers::response(Output::Value(Value::Object(fields)));
    };
    let mut reply = Reply {
        prompt: Some(CompletionPrompt::new(vec![ContentBlock::from_text(text.as_str())]).into()),
        ..Reply::default()
    };
    fields.remove("text");
    if let Some(Value::Object(mut output)) = fields.remove("llm_output") {
        let usage = output.remove("token_usage").or_else(|| output.remove("usage")).unwrap_or_default();
        let count = |names: [&str; 2]| names.into_iter().find_map(|name| usage.get(name)?.as_u64());
        reply.usage.input = count(["prompt_tokens", "input_tokens"]);
        reply.usage.output = count(["completion_tokens", "output_tokens"]);
        if let Some(Value::String(model)) = output.remove("model_name") {
            reply.model = Some(model);
        }
        fields.extend(output.into_iter().filter(|(_, value)| !value.is_null()));
    }
    reply.unplaced = fields;
    reply
}

fn provider_of(kind: &str) -> Option<&'static str> {
    PROVIDERS.iter().find(|(beginning, _)| kind.starts_with(beginning)).map(|(_, provider)| *provider)
}
