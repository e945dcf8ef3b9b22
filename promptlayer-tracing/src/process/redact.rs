//! Redaction: the user's rewriting of what leaves the process, and the removal of content.

use std::borrow::Cow;

use promptlayer_blueprint::providers::{FINISH_REASON, PROVIDER_FINISH_REASON};
use promptlayer_blueprint::{ChatPrompt, LogRequest, RequestStatus, semconv};
use serde_json::{Map, Value};

use super::{ConvertedSpan, convert};
use crate::span::finished::FinishedSpan;

/// A user's closure that rewrites a text.
pub(crate) type RedactText = Box<dyn for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync>;
/// A user's closure that rewrites a request.
pub(crate) type RedactRequest = Box<dyn Fn(&mut LogRequest) + Send + Sync>;

/// The user's closures that rewrite spans before they leave the calling thread.
#[derive(Default)]
pub(crate) struct Redact {
    pub(crate) request: Option<RedactRequest>,
    pub(crate) text: Option<RedactText>,
}

impl Redact {
    pub(super) fn is_asked_for(&self) -> bool {
        self.request.is_some() || self.text.is_some()
    }
}

/// The attributes whose texts come from the user or from the response.
const TEXTS: &[&str] = &[
    semconv::REQUEST_STOP_SEQUENCES,
    semconv::RESPONSE_ID,
    semconv::CONVERSATION_ID,
    semconv::USER_ID,
    semconv::TOOL_CALL_ID,
];

impl ConvertedSpan {
    /// Removes content. The operation, the model, numeric parameters, the outcome and the usage remain.
    pub(super) fn drop_content(&mut self, span: &FinishedSpan) {
        self.function_input = None;
        self.function_output = None;
        // An error message may quote content, so only the error type is kept.
        self.problem = self.problem.take().and_then(|_| convert::problem_without_content(span));
        self.attributes.remove(semconv::REQUEST_STOP_SEQUENCES);
        if let Some(log) = &mut self.log {
            log.input = ChatPrompt::default().into();
            log.output = ChatPrompt::default().into();
            log.prompt_input_variables.clear();
            log.parameters.retain(|_, value| value.is_number() || value.is_boolean());
            if let Some(kind) = log.error_type
                && log.status == RequestStatus::Error
            {
                // If the call itself has no error, the provider's error response is the error.
                let problem =
                    self.problem.get_or_insert_with(|| "the provider answered with an error".to_owned());
                log.set_error(kind, problem);
            }
        }
    }

    /// Removes every text that comes from the user.
    pub(super) fn drop_texts(&mut self, span: &FinishedSpan) {
        self.drop_content(span);
        self.attributes.retain(|name, _| !TEXTS.contains(&name.as_str()));
        if let Some(log) = &mut self.log {
            log.parameters.clear();
            log.metadata.clear();
        }
    }

    /// Applies the user's closure to the request and derives the other data of the span from the result.
    ///
    /// Data that cannot be derived from the request is dropped.
    pub(super) fn redact_request(&mut self, redact: &RedactRequest, span: &mut FinishedSpan) {
        let Some(log) = &mut self.log else { return };
        let before = BeforeRewrite::from_log(log);
        redact(log);
        self.function_input = None;
        self.problem = self.problem.take().and_then(|_| log.error_message().map(str::to_owned));
        let reply = std::mem::take(&mut self.attributes);
        self.attributes = convert::attributes_of_log(span, log);
        before.keep(log, reply, &mut self.attributes);
        span.drop_told_fields();
    }

    pub(super) fn redact(&mut self, redact: &RedactText) {
        for text in
            [&mut self.function_input, &mut self.function_output, &mut self.problem].into_iter().flatten()
        {
            *text = redact(text).into_owned();
        }
        for name in TEXTS {
            if let Some(value) = self.attributes.get_mut(*name) {
                rewrite(value, redact, &[]);
            }
        }
        let Some(log) = &mut self.log else { return };
        for prompt in [&mut log.input, &mut log.output] {
            let rewritten = serde_json::to_value(&*prompt).ok().and_then(|mut value| {
                rewrite(&mut value, redact, STRUCTURE);
                serde_json::from_value(value).ok()
            });
            // If a prompt cannot be rewritten, it is dropped.
            *prompt = rewritten.unwrap_or_else(|| ChatPrompt::default().into());
        }
        log.parameters.values_mut().for_each(|value| rewrite(value, redact, &[]));
        log.prompt_input_variables.values_mut().for_each(|value| rewrite(value, redact, &[]));
        log.metadata.values_mut().for_each(|value| *value = redact(value).into_owned());
        if let (Some(kind), Some(message)) = (log.error_type, log.error_message().map(str::to_owned)) {
            log.set_error(kind, &redact(&message));
        }
    }
}

/// The values of a request log from before the user's closure ran. They are compared with the rewritten
/// values to decide which attributes of the response are kept.
struct BeforeRewrite {
    model: String,
    finish_reasons: [Option<String>; 2],
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl BeforeRewrite {
    fn from_log(log: &LogRequest) -> Self {
        Self {
            model: log.model.clone(),
            finish_reasons: finish_reasons(log),
            input_tokens: log.input_tokens,
            output_tokens: log.output_tokens,
        }
    }

    /// Adds the attributes that only the response contains, if the user's closure left the corresponding
    /// values unchanged.
    fn keep(&self, log: &LogRequest, reply: Map<String, Value>, attributes: &mut Map<String, Value>) {
        let is_kept = |name: &str| match name {
            semconv::RESPONSE_MODEL => log.model == self.model,
            semconv::RESPONSE_FINISH_REASONS => finish_reasons(log) == self.finish_reasons,
            semconv::USAGE_INPUT_TOKENS
            | semconv::USAGE_PROMPT_TOKENS
            | semconv::USAGE_CACHE_READ
            | semconv::USAGE_CACHE_WRITE
            | semconv::USAGE_CACHE_CREATION => log.input_tokens == self.input_tokens,
            semconv::USAGE_OUTPUT_TOKENS | semconv::USAGE_COMPLETION_TOKENS | semconv::USAGE_REASONING => {
                log.output_tokens == self.output_tokens
            }
            _ => false,
        };
        attributes.extend(reply.into_iter().filter(|(name, _)| is_kept(name)));
    }
}

/// Returns the finish reasons in the metadata of a log.
fn finish_reasons(log: &LogRequest) -> [Option<String>; 2] {
    [FINISH_REASON, PROVIDER_FINISH_REASON].map(|key| log.metadata.get(key).cloned())
}

/// The keys of a prompt blueprint whose values are keywords of the API and not user text.
const STRUCTURE: &[&str] = &["type", "role", "template_format", "format", "media_type", "mime_type"];

/// Rewrites every text of a JSON value, except those under the keys in `kept`.
pub(super) fn rewrite(value: &mut Value, redact: &RedactText, kept: &[&str]) {
    match value {
        Value::String(text) => *text = redact(text).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, redact, kept)),
        Value::Object(object) => object
            .iter_mut()
            .filter(|(key, value)| !(value.is_string() && kept.contains(&key.as_str())))
            .for_each(|(_, value)| rewrite(value, redact, kept)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
