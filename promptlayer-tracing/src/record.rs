//! A finished span: owned, and free of anything of `tracing`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use crate::capture::{Captured, Failure};
use crate::exchange::{Ending, Input};
use crate::kind::Kind;
use crate::prompt_link::PromptLink;
use crate::site::OnRequestId;
use promptlayer_blueprint::Tags;
use promptlayer_blueprint::semconv;
use promptlayer_blueprint::{SpanId, TraceId};

/// What is said of a call that was dropped.
const CANCELLED: &str = "the call was dropped before it was ready";
/// What is said of a call of another crate's whose stream left the beginning of an answer.
const UNFINISHED: &str = "the stream ended before the answer did";
/// What is said of a call whose value passed by.
const UNSEEN: &str = "the function returned early, and what it returned was not seen";

/// The place of a span in its trace.
#[allow(clippy::struct_field_names, reason = "they are the names of the field")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_id: Option<SpanId>,
}

/// What a call takes over from the layer and from the calls around it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inherited {
    pub(crate) tags: Tags,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) prompt: Option<PromptLink>,
}

/// What a call gave.
#[derive(Debug)]
pub(crate) enum Output {
    /// One value.
    Value(Captured),
    /// The items of a stream, in order.
    Chunks(Vec<Captured>),
}

/// A span that has ended, with all that was captured of it.
#[derive(Debug)]
pub(crate) struct FinishedSpan {
    pub(crate) place: Place,
    /// The span's name.
    pub(crate) name: &'static str,
    /// The annotated function's own name; `None` for a span that is not of the attribute.
    pub(crate) function: Option<&'static str>,
    /// What the function does; `None` for a span that is not of the attribute.
    pub(crate) kind: Option<Kind>,
    /// Whether it makes a request log.
    pub(crate) is_request: bool,
    /// Whether another crate made it, and told in its fields what a model did.
    pub(crate) is_foreign: bool,
    /// Whether such a span of a model's call ended without the answer that it has room for.
    pub(crate) lacks_an_answer: bool,
    /// When it started, as the wall clock had it.
    pub(crate) started: SystemTime,
    pub(crate) duration: Duration,
    pub(crate) ending: Ending,
    pub(crate) input: Option<Input>,
    pub(crate) output: Option<Output>,
    /// Of a stream: from the beginning of the call to its first item.
    pub(crate) time_to_first_chunk: Option<Duration>,
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) parameters: Vec<(&'static str, Captured)>,
    pub(crate) inherited: Arc<Inherited>,
    /// The span's own fields.
    pub(crate) fields: Map<String, Value>,
    /// The hook of this function alone.
    pub(crate) on_request_id: Option<OnRequestId>,
}

impl FinishedSpan {
    /// When the span ended.
    pub(crate) fn ended(&self) -> SystemTime {
        self.started.checked_add(self.duration).unwrap_or(self.started)
    }

    /// The name that the request log bears: the function's, else the span's.
    pub(crate) fn function_name(&self) -> &'static str {
        self.function.unwrap_or(self.name)
    }

    /// The name of what the span stands for: the annotated function, or what another crate names.
    pub(crate) fn stands_for(&self) -> Option<&str> {
        let named = || {
            let names = [semconv::GEN_AI_TOOL_NAME, semconv::AGENT_NAME, semconv::WORKFLOW_NAME];
            names.iter().find_map(|name| self.fields.get(*name)?.as_str())
        };
        self.function.or_else(|| if self.is_foreign && !self.is_request { named() } else { None })
    }

    /// The span's own fields, without what its request log, or its function's input and output, say of
    /// another crate's span.
    pub(crate) fn own_fields(&self) -> Map<String, Value> {
        let mut fields = self.fields.clone();
        if self.is_foreign {
            let said: &[&[&str]] = if self.is_request {
                &[semconv::SAID_BY_LOG]
            } else {
                &[semconv::FUNCTION_INPUTS, semconv::FUNCTION_OUTPUTS]
            };
            fields.retain(|name, _| !said.iter().any(|said| said.contains(&name.as_str())));
        }
        fields
    }

    /// Forgets the fields that hold content, whoever made the span.
    pub(crate) fn drop_content_fields(&mut self) {
        let of_foreign: &[&[&str]] =
            if self.is_foreign { &[semconv::ERROR_TEXT, &[semconv::REQUEST_STOP_SEQUENCES]] } else { &[] };
        self.fields.retain(|name, _| {
            !semconv::CONTENT.contains(&name.as_str())
                && !of_foreign.iter().any(|names| names.contains(&name.as_str()))
        });
    }

    /// Forgets what another crate's span said of its request in texts of its own: the log was made from them, and
    /// tells what is left.
    pub(crate) fn drop_told_fields(&mut self) {
        if !self.is_foreign {
            return;
        }
        self.drop_content_fields();
        self.fields.retain(|name, value| !(name.starts_with(semconv::PREFIX) && is_text(value)));
    }

    /// Bytes that the span holds, nearly: what the bound of the queue counts.
    pub(crate) fn size(&self) -> usize {
        let input = match &self.input {
            Some(Input::Arguments(arguments)) => arguments.iter().map(|(_, value)| value.size()).sum(),
            Some(Input::Value(value)) => value.size(),
            None => 0,
        };
        let ending = match &self.ending {
            Ending::Failed(Failure { chain, .. }) => chain.iter().map(String::len).sum(),
            Ending::Panicked(Some(message)) => message.len(),
            Ending::Returned
            | Ending::Panicked(None)
            | Ending::Unseen
            | Ending::Cancelled
            | Ending::Unfinished => 0,
        };
        let parameters: usize = self.parameters.iter().map(|(name, value)| name.len() + value.size()).sum();
        let metadata: usize =
            self.inherited.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        let named =
            self.provider.as_ref().map_or(0, String::len) + self.model.as_ref().map_or(0, String::len);
        let fields: usize = self.fields.iter().map(|(name, value)| name.len() + text_size(value)).sum();
        let output = match &self.output {
            Some(Output::Value(value)) => value.size(),
            Some(Output::Chunks(chunks)) => {
                chunks.iter().map(|chunk| size_of::<Captured>() + chunk.size()).sum()
            }
            None => 0,
        };
        size_of::<Self>() + input + output + ending + fields + parameters + metadata + named
    }

    /// What went wrong, without anything that the call was about.
    pub(crate) fn problem_without_content(&self) -> Option<&'static str> {
        match &self.ending {
            Ending::Returned => None,
            Ending::Failed(failure) => Some(failure.type_name),
            Ending::Panicked(_) => Some("panicked"),
            Ending::Unseen => Some(UNSEEN),
            Ending::Cancelled => Some(CANCELLED),
            Ending::Unfinished => Some(UNFINISHED),
        }
    }

    /// What went wrong, in one line: the error with its sources, the panic's message, or that the
    /// call was dropped.
    pub(crate) fn problem(&self) -> Option<Cow<'_, str>> {
        match &self.ending {
            Ending::Returned => None,
            Ending::Failed(failure) => Some(Cow::Owned(failure.chain.join(": "))),
            Ending::Panicked(Some(message)) => Some(Cow::Owned(format!("panicked: {message}"))),
            Ending::Panicked(None) => Some(Cow::Borrowed("panicked")),
            Ending::Unseen => Some(Cow::Borrowed(UNSEEN)),
            Ending::Cancelled => Some(Cow::Borrowed(CANCELLED)),
            Ending::Unfinished => Some(Cow::Borrowed(UNFINISHED)),
        }
    }
}

fn is_text(value: &Value) -> bool {
    !(value.is_number() || value.is_boolean())
}

fn text_size(value: &Value) -> usize {
    value.as_str().map_or(size_of::<Value>(), str::len)
}
