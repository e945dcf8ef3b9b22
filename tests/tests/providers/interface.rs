//! Determines the wire format of an exchange from its path, which the library never sees.

use promptlayer_tracing::blueprint::providers::provider_of_model;
use tests::Fixture;

/// The wire format of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interface {
    Chat,
    Completions,
    Responses,
    Embeddings,
    Messages,
    GenerateContent,
    Converse,
    CohereChat,
    CohereEmbed,
    OllamaChat,
    /// A wire format that the library does not convert.
    Other,
}

impl Interface {
    pub(crate) fn of(fixture: &Fixture) -> Self {
        let path = fixture.path.as_str();
        let ends = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
        match path {
            "/v1/messages" => Self::Messages,
            "/v2/chat" => Self::CohereChat,
            "/v1/embed" => Self::CohereEmbed,
            "/api/chat" => Self::OllamaChat,
            _ if ends(&["/chat/completions"]) => Self::Chat,
            _ if ends(&["/completions"]) => Self::Completions,
            _ if ends(&["/responses"]) => Self::Responses,
            _ if ends(&["/embeddings"]) => Self::Embeddings,
            _ if ends(&[":generateContent", ":streamGenerateContent"]) => Self::GenerateContent,
            _ if ends(&["/converse", "/converse-stream"]) => Self::Converse,
            _ if ends(&["/audio/transcriptions"]) => Self::Other,
            _ => panic!("{}: nobody said which interface {path} is", fixture.name),
        }
    }

    /// Returns the name of the wire format in the log.
    pub(crate) fn api_type(self) -> Option<&'static str> {
        Some(match self {
            Self::Chat => "chat-completions",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::Embeddings => "embeddings",
            Self::Messages => "messages",
            Self::GenerateContent => "generate-content",
            Self::Converse => "converse",
            Self::CohereChat | Self::OllamaChat => "chat",
            Self::CohereEmbed => "embed",
            Self::Other => return None,
        })
    }

    /// Returns the provider that defined the wire format.
    pub(crate) fn family(self) -> &'static str {
        match self {
            Self::Chat | Self::Completions | Self::Responses | Self::Embeddings => "openai",
            Self::Messages => "anthropic",
            Self::GenerateContent => "google",
            Self::Converse => "amazon.bedrock",
            Self::CohereChat | Self::CohereEmbed => "cohere",
            Self::OllamaChat => "ollama",
            Self::Other => "custom",
        }
    }

    /// Returns the fields of a request that have their own place in the log. All other fields are parameters.
    pub(crate) fn placed(self) -> &'static [&'static str] {
        match self {
            Self::Chat => &["model", "messages", "tools", "tool_choice", "functions", "function_call"],
            Self::Completions => &["model", "prompt"],
            Self::Responses => &["model", "input", "instructions", "tools", "tool_choice"],
            Self::Embeddings => &["model", "input"],
            Self::Messages => &["model", "messages", "system", "tools", "tool_choice"],
            Self::GenerateContent => &["model", "contents", "systemInstruction", "tools", "toolConfig"],
            Self::Converse => &["modelId", "messages", "system", "toolConfig"],
            Self::CohereChat => &["model", "messages", "tools", "tool_choice"],
            Self::CohereEmbed => &["model", "texts", "images", "inputs"],
            Self::OllamaChat => &["model", "messages", "tools"],
            Self::Other => &[],
        }
    }
}

/// Returns the provider that the exchange can be attributed to.
///
/// - `OpenRouter` adds `native_finish_reason` to each choice, Groq `x_groq`, Perplexity `search_results`,
///   `DeepSeek` its cache hits and misses, xAI its price in ticks, Copilot `copilot_usage`, Venice
///   `venice_parameters`, and llama.cpp `timings`.
/// - Other providers serve Mistral's models too, but under other names: only Mistral uses the alias `…-latest`.
/// - mistral.rs and `ChatGPT` leave no marker, and embedding responses have none either. The provider that
///   defined the wire format is used instead.
/// - An error contains little more than its message, and other providers may serve the same model.
pub(crate) fn vendor(fixture: &Fixture) -> &'static str {
    let interface = Interface::of(fixture);
    let tells_little = fixture.status >= 400 || interface == Interface::Embeddings;
    match fixture.provider.as_str() {
        _ if interface == Interface::Other => "custom",
        "groq" | "deepseek" | "openrouter" | "llamacpp" if tells_little => by_model(fixture),
        "openai" | "chatgpt" | "mistralrs" => by_model(fixture),
        "copilot" => "copilot",
        "venice" => "venice",
        "llamacpp" => "llamacpp",
        "openrouter" => "openrouter",
        "groq" => "groq",
        "deepseek" => "deepseek",
        "perplexity" => "perplexity",
        "xai" => "xai",
        "mistral" => "mistral",
        "anthropic" => "anthropic",
        "gemini" => "google",
        "bedrock" => "amazon.bedrock",
        "cohere" => "cohere",
        "ollama" => "ollama",
        other => panic!("{}: nobody said how {other} is told", fixture.name),
    }
}

/// Returns the provider of an exchange in a format that the servers of many providers use, if nothing but the model
/// tells it.
pub(crate) fn by_model(fixture: &Fixture) -> &'static str {
    let model = fixture.request["model"].as_str().or(fixture.model_in_path()).unwrap_or_default();
    provider_of_model(model).unwrap_or("custom")
}
