//! A recorded call of the attribute: the link from [`Call`](crate::call::Call) to its layer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tracing::Span;

use crate::capture::{Captured, Chunk, Failure};
use crate::convert;
use crate::exchange::{Ending, Input};
use crate::kind::Kind;
use crate::layer::fields;
use crate::layer::record::{Owner, SpanRecord, announce, in_registry};
use crate::prompt_link::PromptLink;
use crate::record::{FinishedSpan, Inherited, Output, Place};
use crate::sink::{Outgoing, Said, Sink};
use crate::site::CallSite;
use promptlayer_blueprint::Tags;
use promptlayer_blueprint::semconv;

/// What a call has said so far. Owned by the call, so that no lock is taken to add to it, and none is needed to end it:
/// another layer may have poisoned the span's.
#[derive(Debug)]
pub(crate) struct Active {
    site: &'static CallSite,
    sink: Arc<Sink>,
    place: Place,
    /// The span's name.
    name: &'static str,
    started: SystemTime,
    started_at: Instant,
    /// How long it took, where it ended before it was handed over.
    duration: Option<Duration>,
    contains_request: Arc<AtomicBool>,
    /// What a request of it is where the attribute has no `kind`.
    request_kind: Kind,
    inherited: Arc<Inherited>,
    input: Option<Input>,
    provider: Option<String>,
    model: Option<String>,
    parameters: Vec<(&'static str, Captured)>,
    metadata: Vec<(&'static str, String)>,
    prompt: Option<PromptLink>,
    stream: Option<Streamed>,
    /// The most that is kept of a stream, in bytes.
    stream_limit: usize,
}

/// The most that is kept of a stream where nobody says, in bytes: a stream may have no end, and memory has.
const MAX_STREAM_BYTES: usize = 4 << 20;

/// What a stream has given so far.
#[derive(Debug, Default)]
struct Streamed {
    chunks: Vec<Captured>,
    /// Bytes that they hold, nearly.
    bytes: usize,
    /// Items that came when no more were kept.
    passed_by: u64,
    /// From the call's beginning to its first chunk.
    first: Option<Duration>,
    /// The first error among the items: those after it are its echo.
    failure: Option<Failure>,
}

impl Active {
    /// Takes the span over from its layer; `None` where no layer recorded it.
    pub(crate) fn claim(span: &Span, site: &'static CallSite) -> Option<Box<Self>> {
        in_registry(span, |registered| {
            let mut extensions = registered.extensions_mut();
            let record = extensions.get_mut::<SpanRecord>()?;
            if record.owner != Owner::Layer {
                return None;
            }
            if !record.sink.samples(record.place.trace_id) {
                record.owner = Owner::Gone;
                record.sink.destination.left_out();
                return None;
            }
            record.owner = Owner::Call;
            Some(Box::new(Self {
                site,
                sink: Arc::clone(&record.sink),
                place: record.place,
                name: registered.name(),
                started: record.started,
                started_at: record.started_at,
                duration: None,
                contains_request: Arc::clone(&record.contains_request),
                request_kind: Kind::Llm,
                inherited: Arc::clone(&record.inherited),
                input: None,
                provider: None,
                model: None,
                parameters: Vec::new(),
                metadata: Vec::new(),
                prompt: None,
                stream: None,
                stream_limit: MAX_STREAM_BYTES,
            }))
        })
    }

    /// Tells the calls around that the request is made in here, and not by them.
    pub(crate) fn announce(&self, span: &Span) {
        if !self.site.kind.is_none_or(Kind::is_request) {
            return;
        }
        in_registry(span, |span| {
            announce(&span);
            Some(())
        });
    }

    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn request_kind(&mut self, kind: Kind) {
        self.request_kind = kind;
    }

    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn keep_of_stream(&mut self, bytes: usize) {
        self.stream_limit = bytes;
    }

    /// Whether items of the stream came when no more were kept.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn has_passed_by(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.passed_by > 0)
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.input = Some(input);
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

    /// Begins now, and not when the span was opened.
    pub(crate) fn restart(&mut self, span: &Span) {
        self.announce(span);
        self.started = SystemTime::now();
        self.started_at = Instant::now();
    }

    /// Ends now, and not when it is handed over.
    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn stop(&mut self) {
        self.duration = Some(self.started_at.elapsed());
    }

    /// Adds a chunk of a stream.
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

    /// Adds this call's tags, metadata and prompt to what it took over, and lets the spans inside
    /// take over the whole.
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
            span.extensions_mut().get_mut::<SpanRecord>()?.inherited = Arc::clone(&self.inherited);
            Some(())
        });
    }

    /// Hands the finished span over, once.
    pub(crate) fn end(self, span: &Span, output: Option<Captured>, ending: Ending) {
        let (output, ending, time_to_first_chunk) = match self.stream {
            Some(Streamed { mut chunks, first, failure, passed_by, .. }) => {
                if passed_by > 0 {
                    chunks.push(Captured::Text(format!("[… {passed_by} more items]")));
                }
                // An error among the chunks says more than how the reader took it.
                let ending = failure.map_or(ending, Ending::Failed);
                (Some(Output::Chunks(chunks)), ending, first)
            }
            None => (output.map(Output::Value), ending, None),
        };
        let fields = in_registry(span, |span| {
            let mut extensions = span.extensions_mut();
            let record = extensions.get_mut::<SpanRecord>()?;
            record.owner = Owner::Gone;
            Some(std::mem::take(&mut record.fields))
        });
        let contains_request = self.contains_request.load(Ordering::Relaxed);
        let is_request = self.site.kind.map_or(!contains_request, Kind::is_request);
        let finished = FinishedSpan {
            place: self.place,
            name: self.name,
            function: Some(self.site.function),
            kind: Some(self.site.kind.unwrap_or(if is_request { self.request_kind } else { Kind::Chain })),
            is_request,
            is_foreign: false,
            lacks_an_answer: false,
            started: self.started,
            duration: self.duration.unwrap_or_else(|| self.started_at.elapsed()),
            ending,
            input: self.input,
            output,
            time_to_first_chunk,
            provider: self.provider,
            model: self.model,
            parameters: self.parameters,
            inherited: self.inherited,
            fields: fields.unwrap_or_default(),
            on_request_id: self.site.on_request_id,
        };
        if let Some(mut outgoing) = self.sink.prepare(finished) {
            if self.sink.gen_ai_fields {
                show(span, &self.sink, &mut outgoing);
            }
            self.sink.hand_over(outgoing);
        }
    }
}

/// Records on the span what the call says of itself, if anybody looks.
fn show(span: &Span, sink: &Sink, outgoing: &mut Outgoing) {
    if !outgoing.span.is_request {
        fields::record(span, &convert::function_attributes(&outgoing.span));
        return;
    }
    let expected = if outgoing.span.kind == Some(Kind::Embedding) { "embeddings" } else { "chat" };
    if !fields::record_operation(span, expected) {
        return;
    }
    let Some(Said { attributes, .. }) = sink.said(outgoing) else { return };
    // The call may turn out to be another; else the field would be there twice in a log line.
    let operation = attributes.get(semconv::OPERATION_NAME).cloned();
    if operation.as_ref().is_some_and(|operation| operation == expected) {
        attributes.remove(semconv::OPERATION_NAME);
    }
    fields::record(span, attributes);
    attributes.extend(operation.map(|operation| (semconv::OPERATION_NAME.to_owned(), operation)));
}
