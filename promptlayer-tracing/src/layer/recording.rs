//! The recorded state of a call of the attribute: it connects [`Call`](crate::instrument::call::Call) to its layer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use promptlayer_blueprint::Tags;
use tracing::Span;

use crate::capture::type_names::TypeNames;
use crate::capture::{Captured, Chunk, Failure};
use crate::kind::SpanKind;
use crate::layer::announce::announce;
use crate::layer::calls_inside::Closed;
#[cfg(feature = "middleware")]
use crate::layer::calls_inside::Exchanged;
use crate::layer::hand_over::{hand_over, hand_over_ended};
#[cfg(feature = "middleware")]
use crate::layer::joined::{self, Around, Found};
use crate::layer::model_calls::{ModelCall, ModelCalls};
use crate::layer::span_state::{Owner, SpanState, in_registry};
use crate::process::SpanProcessor;
use crate::prompt_link::PromptLink;
use crate::span::call_site::CallSite;
use crate::span::finished::{FinishedSpan, Inherited, Output, Place};
use crate::span::input_output::{Ending, Input};

/// The data of a call so far.
///
/// The call owns it, so that no lock is needed to add data or to end the call. Another layer may have
/// poisoned the lock of the span.
#[derive(Debug)]
pub(crate) struct Recording {
    site: &'static CallSite,
    processor: Arc<SpanProcessor>,
    place: Place,
    /// The span's name.
    name: &'static str,
    started: SystemTime,
    started_at: Instant,
    /// The duration, if the call ended before it is handed over.
    duration: Option<Duration>,
    calls: Arc<ModelCalls>,
    /// The call that this exchange belongs to. It completes the call's request log and makes none itself.
    #[cfg(feature = "middleware")]
    exchange_of: Option<Around>,
    /// The kind of the request log, if the attribute has no `kind`.
    request_kind: SpanKind,
    inherited: Arc<Inherited>,
    input: Option<Input>,
    types: TypeNames,
    provider: Option<String>,
    model: Option<String>,
    parameters: Vec<(&'static str, Captured)>,
    metadata: Vec<(&'static str, String)>,
    prompt: Option<PromptLink>,
    stream: Option<Streamed>,
    /// `true` if the attribute's `output` chose what is logged.
    is_output_chosen: bool,
    /// The maximum number of bytes kept of a stream.
    stream_limit: usize,
}

/// The default of `stream_limit`: 4 MiB. A stream may be endless, so its items must be limited.
const MAX_STREAM_BYTES: usize = 4 << 20;

/// The items of a stream so far.
#[derive(Debug, Default)]
struct Streamed {
    chunks: Vec<Captured>,
    /// The approximate size of the chunks in bytes.
    bytes: usize,
    /// The number of items that were not kept, because the limit was reached.
    passed_by: u64,
    /// The time from the start of the call to its first chunk.
    first: Option<Duration>,
    /// The first error among the items. Later errors are consequences of it.
    failure: Option<Failure>,
}

impl Recording {
    /// Takes over the span from its layer. Returns `None` if no layer recorded the span.
    pub(crate) fn claim(span: &Span, site: &'static CallSite) -> Option<Box<Self>> {
        in_registry(span, |registered| {
            let mut extensions = registered.extensions_mut();
            let record = extensions.get_mut::<SpanState>()?;
            if record.owner != Owner::Layer {
                return None;
            }
            if !record.processor.samples(record.place.trace_id) {
                record.owner = Owner::Gone;
                record.processor.exporter.left_out();
                return None;
            }
            record.owner = Owner::Call;
            record.site = Some(site);
            Some(Box::new(Self {
                site,
                processor: Arc::clone(&record.processor),
                place: record.place,
                name: registered.name(),
                started: record.started,
                started_at: record.started_at,
                duration: None,
                calls: Arc::clone(&record.calls),
                #[cfg(feature = "middleware")]
                exchange_of: None,
                request_kind: SpanKind::Llm,
                inherited: Arc::clone(&record.inherited),
                input: None,
                types: TypeNames::default(),
                provider: None,
                model: None,
                parameters: Vec::new(),
                metadata: Vec::new(),
                prompt: None,
                stream: None,
                is_output_chosen: false,
                stream_limit: MAX_STREAM_BYTES,
            }))
        })
    }

    /// Marks the calls around this one: the request is made inside, so they log none.
    pub(crate) fn announce(&self, span: &Span) {
        let call = match self.site.kind {
            None => ModelCall::UnlessOuter,
            Some(kind) if kind.is_request() => ModelCall::Always,
            Some(_) => return,
        };
        let exchanges = in_registry(span, |span| Some(announce(&span, call)));
        hand_over_ended(&self.processor, exchanges.into_iter().flatten());
    }

    /// Begins an exchange of this kind: it joins the call around it if it is that call, or else is a call of
    /// its own.
    #[cfg(feature = "middleware")]
    pub(crate) fn begin_exchange(&mut self, span: &Span, kind: SpanKind) {
        self.request_kind = kind;
        match in_registry(span, |span| Some(joined::join(&span, kind))) {
            Some(Found::Call { around, before }) => {
                hand_over_ended(&self.processor, before.map(|before| *before));
                self.exchange_of = Some(around);
            }
            Some(Found::OtherKind) => {}
            Some(Found::Nothing { before }) => {
                hand_over_ended(&self.processor, before.map(|before| *before));
                self.announce(span);
            }
            None => self.announce(span),
        }
    }

    #[cfg(feature = "middleware")]
    pub(crate) fn keep_of_stream(&mut self, bytes: usize) {
        self.stream_limit = bytes;
    }

    /// Returns `true` if items of the stream were not kept, because the limit was reached.
    #[cfg(feature = "middleware")]
    pub(crate) fn has_passed_by(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.passed_by > 0)
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.input = Some(input);
    }

    pub(crate) fn argument_types(&mut self, names: &'static str) {
        self.types.arguments = names;
    }

    pub(crate) fn returned_type(&mut self, name: &'static str) {
        self.types.returned = name;
    }

    pub(crate) fn provider(&mut self, provider: String) {
        self.provider = Some(provider);
    }

    pub(crate) fn model(&mut self, model: String) {
        self.model = Some(model);
    }

    pub(crate) fn parameter(&mut self, name: &'static str, value: Captured) {
        self.parameters.push((name, value));
    }

    pub(crate) fn metadata(&mut self, key: &'static str, value: String) {
        self.metadata.push((key, value));
    }

    pub(crate) fn prompt(&mut self, prompt: PromptLink) {
        self.prompt = Some(prompt);
    }

    /// Marks the output as chosen by the attribute's `output`.
    pub(crate) fn output_is_chosen(&mut self) {
        self.is_output_chosen = true;
    }

    /// Sets the start of the call to the present. Before, it was the time at which the span was opened.
    pub(crate) fn restart(&mut self, span: &Span) {
        self.announce(span);
        self.started = SystemTime::now();
        self.started_at = Instant::now();
    }

    /// Sets the end of the call to the present. Otherwise it is the time at which the call is handed over.
    #[cfg(feature = "middleware")]
    pub(crate) fn stop(&mut self) {
        self.duration = Some(self.started_at.elapsed());
    }

    /// Adds an item of a stream.
    pub(crate) fn chunk(&mut self, chunk: Chunk) {
        let stream = self.stream.get_or_insert_default();
        match chunk {
            Chunk::Value(value) => {
                if stream.first.is_none() {
                    stream.first = Some(self.started_at.elapsed());
                }
                let size = size_of::<Captured>() + value.len();
                if stream.passed_by > 0 || stream.bytes + size > self.stream_limit {
                    stream.passed_by += 1;
                } else {
                    stream.bytes += size;
                    stream.chunks.push(value);
                }
            }
            Chunk::Error(failure) => {
                stream.failure.get_or_insert(failure);
            }
        }
    }

    /// Adds the tags, metadata and prompt of this call to the inherited ones. Spans inside inherit the
    /// result.
    pub(crate) fn share(&mut self, span: &Span) {
        if self.site.tags.is_empty() && self.metadata.is_empty() && self.prompt.is_none() {
            return;
        }
        let mut inherited = Inherited::clone(&self.inherited);
        inherited.tags.merge(&Tags::from_checked(self.site.tags));
        inherited.metadata.extend(self.metadata.drain(..).map(|(key, value)| (key.to_owned(), value)));
        if let Some(prompt) = self.prompt.take() {
            inherited.prompt = Some(prompt);
        }
        self.inherited = Arc::new(inherited);
        in_registry(span, |span| {
            span.extensions_mut().get_mut::<SpanState>()?.inherited = Arc::clone(&self.inherited);
            Some(())
        });
    }

    /// Hands over the finished span.
    pub(crate) fn end(self, span: &Span, output: Option<Captured>, ending: Ending) {
        let (output, ending, time_to_first_chunk) = match self.stream {
            Some(Streamed { mut chunks, first, failure, passed_by, .. }) => {
                if passed_by > 0 {
                    chunks.push(Captured::Text(format!("[… {passed_by} more items]")));
                }
                // An error among the items is more specific than the way in which the reader ended the
                // stream.
                let ending = failure.map_or(ending, Ending::Failed);
                (Some(Output::Chunks(chunks)), ending, first)
            }
            None => (output.map(Output::Value), ending, None),
        };
        let fields = in_registry(span, |span| {
            let mut extensions = span.extensions_mut();
            let record = extensions.get_mut::<SpanState>()?;
            record.owner = Owner::Gone;
            Some(std::mem::take(&mut record.fields))
        });
        let is_request = self.site.kind.map_or(!self.calls.any(), SpanKind::is_request);
        let finished = FinishedSpan {
            place: self.place,
            name: self.name,
            function: Some(self.site.function),
            kind: Some(self.site.kind.unwrap_or(self.request_kind)),
            is_request: self.site.kind.is_none_or(SpanKind::is_request),
            is_external: false,
            lacks_an_answer: false,
            started: self.started,
            duration: self.duration.unwrap_or_else(|| self.started_at.elapsed()),
            ending,
            input: self.input,
            types: self.types,
            output,
            is_output_chosen: self.is_output_chosen,
            time_to_first_chunk,
            provider: self.provider,
            model: self.model,
            parameters: self.parameters,
            inherited: self.inherited,
            fields: fields.unwrap_or_default(),
            exchange: None,
            on_request_id: self.site.on_request_id,
        };
        if is_request {
            // This function makes a request log of its own, so it gives nothing to a call inside.
            self.calls.release(self.place.span_id, &self.processor);
        } else {
            self.calls.function_ended(&finished, &self.processor);
        }
        let finished = match self.calls.exchange.close(finished, || Some(span.clone())) {
            Closed::Own(finished) => finished,
            Closed::Separate(mut finished) => {
                if self.site.kind.is_none() {
                    finished.surrounds_a_call();
                }
                finished
            }
            Closed::Waiting => return,
        };
        #[cfg(feature = "middleware")]
        let finished = match self.exchange_of {
            Some(around) => {
                let handle = || (!around.is_external).then(|| span.clone());
                match around.calls.exchange.exchanged(finished, handle) {
                    Exchanged::Kept => return,
                    Exchanged::Complete(call) => return hand_over_ended(&self.processor, [call]),
                    Exchanged::Alone(finished) => finished,
                }
            }
            None => finished,
        };
        hand_over(&self.processor, finished, Some(span));
    }
}

#[cfg(test)]
mod tests;
