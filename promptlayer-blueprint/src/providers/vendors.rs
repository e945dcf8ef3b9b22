//! The table of providers: their names, hosts and models.
//!
//! A row is all that an OpenAI-compatible provider needs. The fields by which a provider's own requests and responses
//! are told from those of others are in `vendor`.

/// One provider.
#[derive(Debug, Clone, Copy)]
pub struct Vendor {
    /// PromptLayer's name.
    pub name: &'static str,
    /// OpenTelemetry's names, if they differ from PromptLayer's, the current one first.
    pub opentelemetry: &'static [&'static str],
    /// The hosts of its API, with a port if the port is part of the match.
    pub hosts: &'static [&'static str],
    /// Prefix and suffix of the hosts that contain a region or an account.
    pub host_patterns: &'static [(&'static str, &'static str)],
    /// Complete names of models that only its own API serves.
    pub models: &'static [&'static str],
    /// Prefixes of the names of models that only its own API serves.
    pub model_prefixes: &'static [&'static str],
    /// Rust crates, or types of a crate (`crate_name::Type`), that only talk to this provider.
    pub types: &'static [&'static str],
    /// Rust crates that are made for this provider, and are used with compatible servers too.
    pub shared_types: &'static [&'static str],
}

impl Vendor {
    /// A row of which nothing is known.
    const UNKNOWN: Self = Self {
        name: "",
        opentelemetry: &[],
        hosts: &[],
        host_patterns: &[],
        models: &[],
        model_prefixes: &[],
        types: &[],
        shared_types: &[],
    };
}

/// The known providers.
pub static VENDORS: &[Vendor] = &[
    Vendor {
        name: "openai",
        hosts: &["api.openai.com", "eu.api.openai.com", "us.api.openai.com"],
        models: &["o1", "o3", "davinci-002", "babbage-002", "whisper-1", "tts-1", "tts-1-hd"],
        model_prefixes: &[
            "chatgpt-",
            "gpt-image-",
            "gpt-audio",
            "gpt-realtime",
            "ft:gpt-",
            "o1-",
            "o3-",
            "o4-",
            "dall-e-",
            "text-embedding-3-",
            "text-embedding-ada-",
        ],
        shared_types: &["async_openai", "openai_dive", "openai_api_rs", "openai_rust", "chat_gpt_lib_rs"],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "anthropic",
        hosts: &["api.anthropic.com"],
        model_prefixes: &["claude-"],
        types: &[
            "anthropic_ai_sdk",
            "async_anthropic",
            "anthropic_sdk",
            "anthropic",
            "misanthropic",
            "clust",
        ],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "google",
        opentelemetry: &["gcp.gemini", "gemini", "gcp.gen_ai", "google_genai"],
        hosts: &["generativelanguage.googleapis.com"],
        model_prefixes: &["gemini-"],
        types: &["gemini_rust", "google_generative_ai_rs", "google_ai_rs"],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "vertexai",
        opentelemetry: &["gcp.vertex_ai", "vertex_ai", "vertex"],
        hosts: &["aiplatform.googleapis.com"],
        host_patterns: &[("", "-aiplatform.googleapis.com")],
        types: &["google_cloud_aiplatform_v1"],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "cohere",
        hosts: &["api.cohere.com", "api.cohere.ai"],
        model_prefixes: &["command-r", "command-a", "embed-english-", "embed-multilingual-", "embed-v4"],
        types: &["cohere_rust"],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "mistral",
        opentelemetry: &["mistral_ai"],
        hosts: &["api.mistral.ai", "codestral.mistral.ai"],
        models: &["mistral-embed", "codestral-embed"],
        model_prefixes: &["open-mistral-", "open-mixtral-"],
        types: &["mistralai_client"],
        ..Vendor::UNKNOWN
    },
    Vendor { name: "groq", hosts: &["api.groq.com"], types: &["groq_api_rs"], ..Vendor::UNKNOWN },
    Vendor {
        name: "deepseek",
        hosts: &["api.deepseek.com"],
        models: &["deepseek-chat", "deepseek-reasoner"],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "xai",
        opentelemetry: &["x_ai"],
        hosts: &["api.x.ai"],
        model_prefixes: &["grok-"],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "openrouter",
        hosts: &["openrouter.ai"],
        types: &["openrouter_rs", "openrouter_api"],
        ..Vendor::UNKNOWN
    },
    Vendor { name: "together", hosts: &["api.together.xyz", "api.together.ai"], ..Vendor::UNKNOWN },
    Vendor {
        name: "perplexity",
        hosts: &["api.perplexity.ai"],
        models: &["sonar"],
        model_prefixes: &["sonar-"],
        ..Vendor::UNKNOWN
    },
    Vendor { name: "fireworks", hosts: &["api.fireworks.ai"], ..Vendor::UNKNOWN },
    Vendor { name: "cerebras", hosts: &["api.cerebras.ai"], ..Vendor::UNKNOWN },
    Vendor {
        name: "ollama",
        hosts: &["localhost:11434", "127.0.0.1:11434", "[::1]:11434"],
        types: &["ollama_rs"],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "openai.azure",
        opentelemetry: &["azure.ai.openai", "az.ai.openai", "azure.openai", "azure_openai", "azure"],
        host_patterns: &[
            ("", ".openai.azure.com"),
            ("", ".cognitiveservices.azure.com"),
            ("", ".services.ai.azure.com"),
        ],
        types: &["async_openai::AzureConfig"],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "amazon.bedrock",
        opentelemetry: &["aws.bedrock", "aws_bedrock", "bedrock"],
        host_patterns: &[("bedrock-runtime.", ".amazonaws.com"), ("bedrock-runtime-fips.", ".amazonaws.com")],
        types: &["aws_sdk_bedrockruntime"],
        ..Vendor::UNKNOWN
    },
    Vendor { name: "moonshot", opentelemetry: &["moonshot_ai"], ..Vendor::UNKNOWN },
];
