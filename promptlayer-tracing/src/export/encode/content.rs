//! The content of batch items, and the information about them that hooks receive.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use promptlayer_blueprint::{SpanId, Tags, TraceId};
#[cfg(feature = "otlp")]
use promptlayer_client::exporter;
use promptlayer_client::exporter::TrackPath;
use serde::Deserialize;

#[cfg(feature = "otlp")]
use crate::export::encode::otlp;
use crate::export::encode::shrink;
use crate::hooks::OwnHook;
use crate::hooks::subscription::Attached;
use crate::process::{ConvertedSpan, ProcessedSpan};
use crate::random;

const SPANS_BULK: &str = "/spans-bulk";

/// The information about a request that its hooks receive together with the request id.
#[derive(Debug, Clone)]
pub(crate) struct HookPayload {
    pub(crate) name: Cow<'static, str>,
    pub(crate) tags: Tags,
    pub(crate) metadata: BTreeMap<String, String>,
    /// The name of the prompt template of the request.
    pub(crate) prompt: Option<String>,
    pub(crate) follow_up: FollowUp,
    /// Whether a hook made the request. No hook runs for it: a hook that makes a request would trigger itself
    /// forever.
    pub(crate) is_of_hook: bool,
    /// Whether an earlier run made the request.
    pub(crate) is_replayed: bool,
}

/// What only the process that made a request can do with its id.
#[derive(Debug, Clone, Default)]
pub(crate) struct FollowUp {
    /// The hook that is set for this function only.
    pub(crate) own_hook: Option<OwnHook>,
    /// Those who wait for the id.
    pub(crate) subscriptions: Vec<Attached>,
}

impl FollowUp {
    pub(crate) fn is_empty(&self) -> bool {
        self.own_hook.is_none() && self.subscriptions.is_empty()
    }
}

/// The form of a serialized span. All spans of a request have the same form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanForm {
    /// JSON, for `POST /spans-bulk`.
    Json,
    /// Protobuf, for `POST /v1/traces`.
    #[cfg(feature = "otlp")]
    Otlp,
}

impl SpanForm {
    /// Returns the path that takes spans of this form.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Json => SPANS_BULK,
            #[cfg(feature = "otlp")]
            Self::Otlp => exporter::TRACES_PATH,
        }
    }

    /// Returns the key of spool records of this form.
    pub(crate) fn record_key(self) -> &'static str {
        match self {
            Self::Json => "",
            #[cfg(feature = "otlp")]
            Self::Otlp => exporter::TRACES_PATH,
        }
    }

    /// Returns the form of a spool record with this key, or `None` if it is not the record of a span.
    pub(crate) fn from_record_key(key: &str) -> Option<Self> {
        match key {
            "" => Some(Self::Json),
            #[cfg(feature = "otlp")]
            exporter::TRACES_PATH => Some(Self::Otlp),
            _ => None,
        }
    }

    /// Returns a span in fewer bytes: without its media, or with its long texts cut. Returns `None` if nothing can be
    /// removed.
    pub(crate) fn smaller(self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Json => shrink::smaller(bytes),
            #[cfg(feature = "otlp")]
            Self::Otlp => otlp::stored::smaller(bytes),
        }
    }
}

/// The kind of a batch item.
#[derive(Debug)]
pub(crate) enum Content {
    /// A span of `POST /spans-bulk`, or of `POST /v1/traces`.
    Span { form: SpanForm, trace_id: TraceId, span_id: SpanId, hook_payload: Option<HookPayload> },
    /// The body of `POST /log-request`.
    Log { trace_id: TraceId, span_id: SpanId, hook_payload: HookPayload },
    /// The body of a tracking call.
    Track { path: TrackPath },
}

impl HookPayload {
    /// Returns the note for a span's request, or `None` if the span has no request log.
    pub(crate) fn from_span(processed: &ProcessedSpan, converted: &ConvertedSpan) -> Option<Self> {
        let span = &processed.span;
        let log = converted.log.as_ref()?;
        Some(Self {
            name: span.function_name().into(),
            tags: log.tags.clone(),
            metadata: span.inherited.metadata.clone(),
            prompt: log.prompt_name.clone(),
            follow_up: FollowUp { own_hook: span.on_request_id, subscriptions: span.subscriptions.clone() },
            is_of_hook: processed.is_of_hook,
            is_replayed: false,
        })
    }
}

/// Facts about a stored record that are not in its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Empty if another process wrote the record.
    pub(crate) follow_up: FollowUp,
    pub(crate) is_of_hook: bool,
    /// Whether an earlier process wrote the record.
    pub(crate) is_replayed: bool,
}

impl fmt::Display for Content {
    /// Names the item in an error: the function that made the request, the span, or the path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Span { hook_payload: Some(hook_payload), .. } | Self::Log { hook_payload, .. } => {
                write!(f, "a request of {}", hook_payload.name)
            }
            Self::Span { span_id, .. } => write!(f, "span {span_id}"),
            Self::Track { path } => write!(f, "a call of {}", path.as_str()),
        }
    }
}

impl Content {
    /// Returns the form of the item. What is not a span is JSON.
    pub(crate) fn form(&self) -> SpanForm {
        match self {
            Self::Span { form, .. } => *form,
            Self::Log { .. } | Self::Track { .. } => SpanForm::Json,
        }
    }

    /// Returns the note for the hooks, if the item is a request.
    pub(crate) fn hook_payload(&self) -> Option<&HookPayload> {
        match self {
            Self::Span { hook_payload, .. } => hook_payload.as_ref(),
            Self::Log { hook_payload, .. } => Some(hook_payload),
            Self::Track { .. } => None,
        }
    }

    /// Removes what this process does with the id of the request.
    pub(crate) fn take_follow_up(&mut self) -> FollowUp {
        let payload = match self {
            Self::Span { hook_payload, .. } => hook_payload.as_mut(),
            Self::Log { hook_payload, .. } => Some(hook_payload),
            Self::Track { .. } => None,
        };
        payload.map(|payload| std::mem::take(&mut payload.follow_up)).unwrap_or_default()
    }

    /// Parses a stored span.
    pub(crate) fn of_stored_span(form: SpanForm, bytes: &[u8], origin: Origin) -> Option<Self> {
        match form {
            SpanForm::Json => Self::of_stored_json(bytes, origin),
            #[cfg(feature = "otlp")]
            SpanForm::Otlp => otlp::stored::content(bytes, origin),
        }
    }

    fn of_stored_json(bytes: &[u8], origin: Origin) -> Option<Self> {
        #[derive(Deserialize)]
        struct Span {
            name: String,
            context: Context,
            #[serde(default)]
            log_request: Option<Log>,
        }
        #[derive(Deserialize)]
        struct Context {
            trace_id: TraceId,
            span_id: SpanId,
        }
        let Span { name, context, log_request } = serde_json::from_slice(bytes).ok()?;
        let hook_payload = log_request.map(|log| log.hook_payload(name, origin));
        let Context { trace_id, span_id } = context;
        Some(Self::Span { form: SpanForm::Json, trace_id, span_id, hook_payload })
    }

    /// Parses a stored request log. Its trace was never sent, so the ids are random.
    pub(crate) fn of_stored_log(bytes: &[u8], origin: Origin) -> Option<Self> {
        let log: Log = serde_json::from_slice(bytes).ok()?;
        let hook_payload = log.hook_payload("request".to_owned(), origin);
        Some(Self::Log { trace_id: random::trace_id(), span_id: random::span_id(), hook_payload })
    }
}

/// The fields of a request log that hooks receive.
#[derive(Deserialize)]
struct Log {
    #[serde(default)]
    function_name: Option<String>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    prompt_name: Option<String>,
}

impl Log {
    fn hook_payload(self, name: String, origin: Origin) -> HookPayload {
        HookPayload {
            name: self.function_name.unwrap_or(name).into(),
            tags: self.tags,
            metadata: self.metadata,
            prompt: self.prompt_name,
            follow_up: origin.follow_up,
            is_of_hook: origin.is_of_hook,
            is_replayed: origin.is_replayed,
        }
    }
}
