//! The table of providers: their names, hosts and models.
//!
//! A row is all that an OpenAI-compatible provider needs. Its test is a line in `CASES`.

#[cfg(test)]
mod tests;

/// Marks of a request or response that together prove its provider: the path of each, in which `*` stands for any
/// item of a list, and a test of its value.
pub type Marks = &'static [(&'static str, Is)];

/// A test of a value.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Is {
    /// Any value, also `null`.
    Present,
    /// A text.
    Text,
    /// An object.
    Object,
    /// A list.
    List,
    /// This text.
    Equal(&'static str),
    /// A text with this prefix.
    Prefix(&'static str),
    /// The name of a model with this prefix that no router passed on: such names have a slash.
    OwnModel(&'static str),
    /// The build number of a llama.cpp server.
    Build,
}

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
    /// Prefix and suffix of the names of models that only its own API serves.
    pub model_patterns: &'static [(&'static str, &'static str)],
    /// Sets of marks that only its requests have. One set is enough.
    pub request_marks: &'static [Marks],
    /// Sets of marks that only its responses have. One set is enough.
    pub reply_marks: &'static [Marks],
    /// Rust crates, or types of a crate (`crate_name::Type`), that only talk to this provider.
    pub types: &'static [&'static str],
    /// Types of requests or clients of a crate (`crate_name::Type`), with the API where the form of a request does not
    /// tell it.
    pub request_types: &'static [(&'static str, &'static str)],
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
        model_patterns: &[],
        request_marks: &[],
        reply_marks: &[],
        types: &[],
        request_types: &[],
        shared_types: &[],
    };

    /// Returns the provider of this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        VENDORS.iter().find(|vendor| vendor.name == name)
    }
}

/// The known providers.
pub static VENDORS: &[Vendor] = &[
    Vendor {
        name: "openai",
        opentelemetry: &["openai", "openai.responses"],
        hosts: &["api.openai.com", "eu.api.openai.com", "us.api.openai.com"],
        models: &["o1", "o3", "davinci-002", "babbage-002", "whisper-1", "tts-1", "tts-1-hd"],
        model_prefixes: &[
            // A digit must follow: other providers serve models named gpt-neo, gpt-j or gpt-oss.
            "gpt-1",
            "gpt-2",
            "gpt-3",
            "gpt-4",
            "gpt-5",
            "gpt-6",
            "gpt-7",
            "gpt-8",
            "gpt-9",
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
        shared_types: &[
            "async_openai",
            "openai",
            "openai_dive",
            "openai_api_rs",
            "openai_rust",
            "chat_gpt_lib_rs",
        ],
        request_types: &[
            ("langchain_rust::OpenAI", "chat-completions"),
            ("langchain_rust::OpenAiEmbedder", "embeddings"),
        ],
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
        request_types: &[
            ("mistralai_client::ChatMessage", "chat-completions"),
            ("mistralai_client::EmbedModel", "embeddings"),
        ],
        // Other providers serve these families too, but under names with a version.
        model_patterns: &[
            ("mistral-", "-latest"),
            ("ministral-", "-latest"),
            ("magistral-", "-latest"),
            ("codestral-", "-latest"),
            ("devstral-", "-latest"),
            ("pixtral-", "-latest"),
            ("voxtral-", "-latest"),
            ("open-codestral-", "-latest"),
        ],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "groq",
        hosts: &["api.groq.com"],
        types: &["groq_api_rs"],
        reply_marks: &[&[("x_groq", Is::Object)]],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "venice",
        hosts: &["api.venice.ai"],
        request_marks: &[&[("venice_parameters", Is::Object)]],
        reply_marks: &[&[("venice_parameters", Is::Object)], &[("cost.diem", Is::Present)]],
        ..Vendor::UNKNOWN
    },
    Vendor { name: "copilot", reply_marks: &[&[("copilot_usage", Is::Object)]], ..Vendor::UNKNOWN },
    Vendor {
        name: "openrouter",
        hosts: &["openrouter.ai"],
        types: &["openrouter_rs", "openrouter_api"],
        // Its routing preferences.
        request_marks: &[
            &[("provider.order", Is::Present)],
            &[("provider.only", Is::Present)],
            &[("provider.ignore", Is::Present)],
            &[("provider.allow_fallbacks", Is::Present)],
            &[("provider.require_parameters", Is::Present)],
            &[("provider.data_collection", Is::Present)],
            &[("provider.quantizations", Is::Present)],
            &[("provider.sort", Is::Present)],
        ],
        reply_marks: &[
            &[("provider", Is::Text), ("id", Is::Prefix("gen-"))],
            &[("provider", Is::Text), ("choices.*.native_finish_reason", Is::Present)],
            &[("usage.is_byok", Is::Present), ("provider", Is::Text)],
            &[("usage.is_byok", Is::Present), ("usage.cost_details", Is::Object)],
            // Anthropic's format.
            &[("provider", Is::Text), ("type", Is::Equal("message"))],
        ],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "perplexity",
        hosts: &["api.perplexity.ai"],
        models: &["sonar"],
        model_prefixes: &["sonar-"],
        reply_marks: &[
            &[("usage.search_context_size", Is::Text)],
            // The search results in addition to their URLs.
            &[("search_results", Is::List), ("citations", Is::List)],
        ],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "deepseek",
        hosts: &["api.deepseek.com"],
        models: &["deepseek-chat", "deepseek-reasoner"],
        types: &["deepseek_rs"],
        // Other providers pass these counts on, but use different model names.
        reply_marks: &[&[
            ("usage.prompt_cache_miss_tokens", Is::Present),
            ("model", Is::OwnModel("deepseek-")),
        ]],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "xai",
        opentelemetry: &["x_ai"],
        hosts: &["api.x.ai"],
        model_prefixes: &["grok-"],
        reply_marks: &[
            &[("usage.cost_in_usd_ticks", Is::Present)],
            &[("usage.num_sources_used", Is::Present)],
        ],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "together",
        hosts: &["api.together.xyz", "api.together.ai"],
        // The random seed of a choice, together with the prompt or, in a stream, with the text.
        reply_marks: &[
            &[("choices.*.seed", Is::Present), ("prompt", Is::List)],
            &[("choices.*.seed", Is::Present), ("choices.*.text", Is::Present)],
        ],
        ..Vendor::UNKNOWN
    },
    Vendor { name: "sambanova", hosts: &["api.sambanova.ai"], ..Vendor::UNKNOWN },
    Vendor { name: "fireworks", hosts: &["api.fireworks.ai"], ..Vendor::UNKNOWN },
    Vendor {
        name: "cerebras",
        hosts: &["api.cerebras.ai"],
        reply_marks: &[&[("time_info", Is::Object)]],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "llamacpp",
        reply_marks: &[&[
            ("timings.prompt_n", Is::Present),
            ("timings.predicted_n", Is::Present),
            ("system_fingerprint", Is::Build),
        ]],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "mistralrs",
        reply_marks: &[&[("usage.avg_compl_tok_per_sec", Is::Present)]],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "ollama",
        hosts: &["localhost:11434", "127.0.0.1:11434", "[::1]:11434"],
        types: &["ollama_rs"],
        reply_marks: &[&[("system_fingerprint", Is::Equal("fp_ollama"))]],
        request_types: &[
            ("ollama_rs::ChatMessageRequest", "chat"),
            ("ollama_rs::GenerationRequest", "generate"),
            ("ollama_rs::GenerateEmbeddingsRequest", "embed"),
        ],
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
        // Search in the customer's own data.
        request_marks: &[&[("data_sources.*.type", Is::Prefix("azure_"))]],
        // Copilot passes these results on from Azure, but its responses have no `object` field.
        reply_marks: &[&[("prompt_filter_results", Is::List), ("object", Is::Present)]],
        ..Vendor::UNKNOWN
    },
    // Routers may pass on the marks of the clouds below, so their rows stand above.
    Vendor {
        name: "amazon.bedrock",
        opentelemetry: &["aws.bedrock", "aws_bedrock", "bedrock"],
        host_patterns: &[("bedrock-runtime.", ".amazonaws.com"), ("bedrock-runtime-fips.", ".amazonaws.com")],
        request_marks: &[&[("anthropic_version", Is::Prefix("bedrock-"))]],
        reply_marks: &[
            &[("id", Is::Prefix("msg_bdrk_"))],
            &[("amazon-bedrock-invocationMetrics", Is::Present)],
        ],
        types: &["aws_sdk_bedrockruntime"],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "vertexai",
        opentelemetry: &["gcp.vertex_ai", "vertex_ai", "vertex"],
        hosts: &["aiplatform.googleapis.com"],
        host_patterns: &[("", "-aiplatform.googleapis.com")],
        request_marks: &[&[("anthropic_version", Is::Prefix("vertex-"))]],
        reply_marks: &[&[("id", Is::Prefix("msg_vrtx_"))]],
        types: &["google_cloud_aiplatform_v1"],
        ..Vendor::UNKNOWN
    },
    Vendor {
        name: "moonshot",
        opentelemetry: &["moonshot_ai"],
        hosts: &["api.moonshot.ai", "api.moonshot.cn"],
        ..Vendor::UNKNOWN
    },
];
