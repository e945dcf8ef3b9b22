//! Writes the OpenTelemetry `gen_ai.*` attributes of a call. They contain no content.
//!
//! A renamed attribute has both its names here. [`SemconvStability`](crate::semconv::SemconvStability) selects
//! which of them is sent.

use serde_json::{Map, Value};

use super::super::json::Fields;
use super::super::output::Output;
use super::super::reading::{Reply, Usage};
use super::super::vendors::Vendor;
use super::super::{
    FINISH_REASON, PROVIDER_FINISH_REASON, RESPONSE_ID, SESSION_ID, TIME_TO_FIRST_CHUNK, UNKNOWN_MODEL,
    USER_ID, output,
};
use super::CONVERSATION_ID;
use crate::blueprint::{LogRequest, Prompt, RequestStatus};
use crate::semconv;

/// The attributes for request parameters, with the names that providers use.
const PARAMETERS: &[(&str, &[&str])] = &[
    (semconv::REQUEST_TEMPERATURE, &["temperature"]),
    (semconv::REQUEST_TOP_P, &["top_p", "topP", "p"]),
    (semconv::REQUEST_TOP_K, &["top_k", "topK", "k"]),
    (
        semconv::REQUEST_MAX_TOKENS,
        &[
            "max_tokens",
            "max_completion_tokens",
            "max_output_tokens",
            "maxOutputTokens",
            "maxTokens",
            "num_predict",
        ],
    ),
    (semconv::REQUEST_STOP_SEQUENCES, &["stop", "stop_sequences", "stopSequences"]),
    (semconv::REQUEST_SEED, &["seed"]),
    (semconv::REQUEST_FREQUENCY_PENALTY, &["frequency_penalty", "frequencyPenalty"]),
    (semconv::REQUEST_PRESENCE_PENALTY, &["presence_penalty", "presencePenalty"]),
    (semconv::REQUEST_CHOICE_COUNT, &["n", "candidateCount"]),
    (semconv::REQUEST_STREAM, &["stream"]),
    (semconv::EMBEDDINGS_DIMENSION_COUNT, &["dimensions", "outputDimensionality"]),
];

/// Objects that contain the parameters in some APIs.
const WITHIN: &[&str] = &["generationConfig", "generation_config", "inferenceConfig", "options"];

/// The attributes for texts in the metadata of a request log, with their keys.
///
/// What the application calls a session takes precedence over the conversation that the provider names.
const METADATA: &[(&str, &str)] = &[
    (semconv::RESPONSE_ID, RESPONSE_ID),
    (semconv::CONVERSATION_ID, CONVERSATION_ID),
    (semconv::CONVERSATION_ID, SESSION_ID),
    (semconv::USER_ID, USER_ID),
];

/// The parameters that select the type of the output, as paths.
const OUTPUT_TYPES: &[&str] = &[
    "output_type",
    "response_format.type",
    "text.format.type",
    "output_format.type",
    "output_config.format.type",
    "generationConfig.responseMimeType",
    "generation_config.response_mime_type",
    "generationConfig.responseModalities",
    "generation_config.response_modalities",
    "modalities",
    "format",
];

/// The parameters that name the conversation at the provider, as paths.
const CONVERSATIONS: &[&str] = &["conversation.id", "conversation"];

/// OpenTelemetry's output types, with the words that providers use.
const OUTPUT_TYPE_WORDS: &[(&str, &[&str])] = &[
    ("json", &["json", "json_object", "json_schema", "application/json"]),
    ("image", &["image"]),
    ("speech", &["speech", "audio"]),
    ("text", &["text", "text/plain"]),
];

/// The choices of a response: the key of their list, and the key of a choice's finish reason.
const CHOICES: &[(&str, &str)] = &[("choices", "finish_reason"), ("candidates", "finishReason")];

/// The finish reason of a choice that ended without one.
const NO_REASON: &str = "error";

/// The APIs of Anthropic and Bedrock, whose input tokens exclude the cache tokens.
const CACHE_APART: &[&str] = &["messages", "converse"];

/// Returns the attributes of a model call that has a request log.
pub fn of_log(log: &LogRequest, is_embedding: bool, reply: &Answered) -> Map<String, Value> {
    let mut attributes = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            attributes.insert(name.to_owned(), value);
        }
    };
    set(semconv::OPERATION_NAME, Some(operation(log, is_embedding).into()));
    let provider = opentelemetry(&log.provider);
    set(semconv::PROVIDER_NAME, Some(provider.into()));
    set(semconv::SYSTEM, Some(provider.into()));
    set(semconv::REQUEST_MODEL, (log.model != UNKNOWN_MODEL).then(|| log.model.as_str().into()));
    if !log.parameters.is_empty() {
        let within = WITHIN.iter().filter_map(|name| log.parameters.get(*name)?.as_object());
        let places: Vec<_> = std::iter::once(&log.parameters).chain(within).collect();
        for (name, keys) in PARAMETERS {
            set(
                name,
                parameter(&places, keys).map(|value| {
                    // Providers accept a single stop sequence without a list. The attribute is always a list.
                    let alone = *name == semconv::REQUEST_STOP_SEQUENCES && value.is_string();
                    if alone { Value::Array(vec![value.clone()]) } else { value.clone() }
                }),
            );
        }
        set(semconv::OUTPUT_TYPE, output_type(log).map(Value::from));
        let conversation = CONVERSATIONS.iter().find_map(|path| log.parameters.at(path)?.as_str());
        set(semconv::CONVERSATION_ID, conversation.map(Value::from));
    }
    set(semconv::PROMPT_NAME, log.prompt_name.as_deref().map(Value::from));
    set(semconv::PROMPT_VERSION, log.prompt_version_number.map(|version| version.to_string().into()));
    set(semconv::RESPONSE_MODEL, reply.model.as_deref().map(Value::from));
    for (name, key) in METADATA {
        set(name, log.metadata.get(*key).map(|text| text.as_str().into()));
    }
    let first = log.metadata.get(TIME_TO_FIRST_CHUNK).and_then(|time| time.parse::<f64>().ok());
    set(semconv::RESPONSE_TIME_TO_FIRST_CHUNK, first.map(|milliseconds| (milliseconds / 1e3).into()));
    set(semconv::RESPONSE_FINISH_REASONS, reply.finish_reasons(log));
    if let (RequestStatus::Error, Some(kind)) = (log.status, log.error_type) {
        set(semconv::ERROR_TYPE, Some(kind.as_str().into()));
    }
    for (names, count) in reply.tokens() {
        for name in names {
            set(name, count.map(Value::from));
        }
    }
    attributes
}

/// The parts of a response that its request log has no field for.
#[derive(Debug, Default)]
pub struct Answered {
    model: Option<String>,
    usage: Usage,
    /// `true` if the provider counts cache reads and writes separately from the input tokens.
    counts_cache_apart: bool,
    /// The finish reason of each choice, if the response has several, or none that is known.
    choices: Vec<Option<String>>,
}

impl Answered {
    /// Takes it out of a reply, whose messages are in the log.
    ///
    /// `output` returns the output that the reply was read from. It is only called if the reply has several
    /// choices or no finish reason.
    pub fn from_reply(reply: &Reply, log: &LogRequest, output: impl FnOnce() -> Option<Output>) -> Self {
        let counts_cache_apart = reply.shape.is_some_and(|shape| CACHE_APART.contains(&shape.api_type));
        let is_alone = log.output.messages().len() <= 1 && reply.finish.is_some();
        let is_alone = is_alone || reply.shape.is_none();
        let choices = if is_alone { None } else { output().map(finish_reasons) };
        let usage = reply.usage.clone();
        let choices = choices.unwrap_or_default();
        Self { model: reply.model.clone(), usage, counts_cache_apart, choices }
    }

    /// Reads what a log contains, without the reply itself.
    pub fn from_log(log: &LogRequest) -> Self {
        let usage = Usage { input: log.input_tokens, output: log.output_tokens, ..Usage::default() };
        Self { usage, ..Self::default() }
    }

    /// Returns the finish reason of each choice. A choice without one has failed, if another choice has one or
    /// if the call was not a success.
    fn finish_reasons(&self, log: &LogRequest) -> Option<Value> {
        let has_reason = self.choices.iter().any(Option::is_some);
        if !self.choices.is_empty() && (has_reason || log.status != RequestStatus::Success) {
            let reasons = self.choices.iter().map(|reason| reason.as_deref().unwrap_or(NO_REASON).into());
            return Some(Value::Array(reasons.collect()));
        }
        let reason = log.metadata.get(PROVIDER_FINISH_REASON).or(log.metadata.get(FINISH_REASON))?;
        Some(Value::Array(vec![reason.as_str().into()]))
    }

    /// Returns the token counts with their attributes. The input count includes cache tokens, as the
    /// convention requires.
    fn tokens(&self) -> [(&'static [&'static str], Option<u64>); 5] {
        let Usage { input, output, cached, cache_creation, reasoning, .. } = self.usage;
        let apart = [cached, cache_creation].into_iter().flatten().filter(|_| self.counts_cache_apart);
        let input = input.map(|input| apart.fold(input, u64::saturating_add));
        [
            (&[semconv::USAGE_INPUT_TOKENS, semconv::USAGE_PROMPT_TOKENS], input),
            (&[semconv::USAGE_OUTPUT_TOKENS, semconv::USAGE_COMPLETION_TOKENS], output),
            (&[semconv::USAGE_CACHE_READ], cached),
            (&[semconv::USAGE_CACHE_WRITE, semconv::USAGE_CACHE_CREATION], cache_creation),
            (&[semconv::USAGE_REASONING], reasoning),
        ]
    }
}

fn finish_reasons(output: Output) -> Vec<Option<String>> {
    let reply = match output {
        Output::Value(value) | Output::Embeddings(value) => value,
        Output::Chunks(chunks) => output::joined(chunks),
    };
    let choices = CHOICES.iter().find_map(|(list, reason)| Some((reply.get(*list)?.as_array()?, *reason)));
    let Some((choices, reason)) = choices else { return Vec::new() };
    choices.iter().map(|choice| choice.owned(reason)).collect()
}

/// Returns OpenTelemetry's name for a provider.
fn opentelemetry(provider: &str) -> &str {
    Vendor::by_name(provider).and_then(|vendor| vendor.opentelemetry.first().copied()).unwrap_or(provider)
}

/// Returns the operation name of a model call. OpenTelemetry defines a separate name for Gemini's API.
fn operation(log: &LogRequest, is_embedding: bool) -> &'static str {
    match (&log.input, log.api_type.as_deref()) {
        _ if is_embedding => "embeddings",
        (Prompt::Completion(_), _) => "text_completion",
        (_, Some("generate-content")) => "generate_content",
        (_, Some("embeddings" | "embed" | "embed-content")) => "embeddings",
        _ => "chat",
    }
}

/// Returns OpenTelemetry's name of the output type that the request selects.
fn output_type(log: &LogRequest) -> Option<&'static str> {
    let named = |word: &str| {
        let known = |(_, words): &&(_, &[&str])| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        OUTPUT_TYPE_WORDS.iter().find(known).map(|(name, _)| *name)
    };
    OUTPUT_TYPES.iter().find_map(|path| {
        match log.parameters.at(path)? {
            Value::String(word) => named(word),
            // Of several modalities, text is the one that comes with the others.
            Value::Array(words) => {
                let mut named = words.iter().filter_map(|word| named(word.as_str()?));
                let first = named.next()?;
                Some(if first == "text" { named.next().unwrap_or(first) } else { first })
            }
            // A JSON schema, as Ollama takes it.
            Value::Object(_) => Some("json"),
            _ => None,
        }
    })
}

/// Returns a parameter, by the first of its names that exists. `places` are the objects that may contain it.
fn parameter<'a>(places: &[&'a Map<String, Value>], keys: &[&str]) -> Option<&'a Value> {
    places
        .iter()
        .flat_map(|of| keys.iter().filter_map(|key| of.get(*key)))
        .find(|value| !value.is_null() && !value.is_object())
}
