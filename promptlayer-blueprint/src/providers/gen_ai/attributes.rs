//! Writes the OpenTelemetry `gen_ai.*` attributes of a call. They contain no content.
//!
//! A renamed attribute is written under both its names, because many consumers do not support the latest
//! convention yet.

use serde_json::{Map, Value};

use super::super::reading::{Reply, Usage};
use super::super::{FINISH_REASON, PROVIDER_FINISH_REASON, RESPONSE_ID, UNKNOWN_MODEL};
use super::provider;
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

/// The APIs of Anthropic and Bedrock, whose input tokens exclude the cache tokens.
const CACHE_APART: &[&str] = &["messages", "converse"];

/// Returns the attributes of a model call that has a request log.
pub fn of_log(log: &LogRequest, is_embedding: bool, reply: &Answered) -> Map<String, Value> {
    let mut attributes = Map::new();
    let mut set = |name: &str, value: Value| {
        attributes.insert(name.to_owned(), value);
    };
    set(semconv::OPERATION_NAME, operation(log, is_embedding).into());
    let provider = provider::opentelemetry(&log.provider);
    set(semconv::PROVIDER_NAME, provider.into());
    set(semconv::SYSTEM, provider.into());
    if log.model != UNKNOWN_MODEL {
        set(semconv::REQUEST_MODEL, log.model.as_str().into());
    }
    for (name, keys) in PARAMETERS {
        if let Some(value) = parameter(&log.parameters, keys) {
            // Providers accept a single stop sequence without a list. The attribute is always a list.
            let alone = *name == semconv::REQUEST_STOP_SEQUENCES && value.is_string();
            set(name, if alone { Value::Array(vec![value.clone()]) } else { value.clone() });
        }
    }
    if let Some(model) = &reply.model {
        set(semconv::RESPONSE_MODEL, model.as_str().into());
    }
    if let Some(id) = log.metadata.get(RESPONSE_ID) {
        set(semconv::RESPONSE_ID, id.as_str().into());
    }
    if let Some(reason) = log.metadata.get(PROVIDER_FINISH_REASON).or(log.metadata.get(FINISH_REASON)) {
        set(semconv::RESPONSE_FINISH_REASONS, Value::Array(vec![reason.as_str().into()]));
    }
    if let (RequestStatus::Error, Some(kind)) = (log.status, log.error_type) {
        set(semconv::ERROR_TYPE, kind.as_str().into());
    }
    for (names, count) in reply.tokens() {
        for name in names.iter().filter(|_| count.is_some()) {
            set(name, count.into());
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
}

impl Answered {
    /// Takes it out of a reply.
    pub fn from_reply(reply: &Reply) -> Self {
        let counts_cache_apart = reply.shape.is_some_and(|shape| CACHE_APART.contains(&shape.api_type));
        Self { model: reply.model.clone(), usage: reply.usage.clone(), counts_cache_apart }
    }

    /// Reads what a log contains, without the reply itself.
    pub fn from_log(log: &LogRequest) -> Self {
        let usage = Usage { input: log.input_tokens, output: log.output_tokens, ..Usage::default() };
        Self { usage, ..Self::default() }
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
            (&[semconv::USAGE_CACHE_CREATION], cache_creation),
            (&[semconv::USAGE_REASONING], reasoning),
        ]
    }
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

/// Returns a parameter, by the first of its names that exists.
fn parameter<'a>(parameters: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a Value> {
    let within = WITHIN.iter().filter_map(|name| parameters.get(*name)?.as_object());
    std::iter::once(parameters)
        .chain(within)
        .flat_map(|of| keys.iter().filter_map(|key| of.get(*key)))
        .find(|value| !value.is_null() && !value.is_object())
}
