//! The recorded state of a call of the attribute: it connects [`Call`](crate::instrument::call::Call) to its layer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use promptlayer_blueprint::Tags;
use tracing::Span;

use crate::capture::{Captured, CapturedItems, Chunk, Failure};
use crate::kind::SpanKind;
use crate::layer::announce::announce;
use crate::layer::calls_inside::Closed;
#[cfg(feature = "middleware")]
use crate::layer::calls_inside::Exchanged;
use crate::layer::hand_over::{hand_over, hand_over_ended};
#[cfg(feature = "middleware")]
use crate::layer::innermost::{self, Context};
#[cfg(feature = "middleware")]
use crate::layer::joined::{self, Found};
use crate::layer::model_calls::ModelCall;
use crate::layer::open_call;
use crate::layer::open_span::{OpenSpan, Owner, take_for_call};
use crate::layer::own_span;
use crate::prompt_link::PromptLink;
use crate::span::call_site::CallSite;
use crate::span::finished::{FinishedSpan, Inherited, Output};
use crate::span::input_output::{Ending, Input};

/// The data of a call so far.
///
/// The call owns it, so that no lock is needed to add data.
#[derive(Debug)]
pub(crate) struct Recording {
    site: &'static CallSite,
    /// The record that is shared with the layer and with the spans inside.
    open: Arc<OpenSpan>,
    started_at: Instant,
    /// The span as it is exported. It stays in its place from the start of the call to the export thread.
    span: Box<FinishedSpan>,
    /// What few calls have.
    rare: Option<Box<Rare>>,
}

/// What few calls have.
#[derive(Debug)]
struct Rare {
    /// The duration, if the call ended before it is handed over.
    duration: Option<Duration>,
    /// The call that this exchange belongs to. It completes the call's request log and makes none itself.
    #[cfg(feature = "middleware")]
    exchange_of: Option<Arc<OpenSpan>>,
    metadata: Vec<(&'static str, String)>,
    prompt: Option<PromptLink>,
    stream: Option<Streamed>,
    /// The maximum number of bytes kept of a stream.
    stream_limit: usize,
}

impl Default for Rare {
    fn default() -> Self {
        Self {
            duration: None,
            #[cfg(feature = "middleware")]
            exchange_of: None,
            metadata: Vec::new(),
            prompt: None,
            stream: None,
            stream_limit: MAX_STREAM_BYTES,
        }
    }
}

/// The default of `stream_limit`: 4 MiB. A stream may be endless, so its items must be limited.
const MAX_STREAM_BYTES: usize = 4 << 20;

/// The items of a stream so far.
#[derive(Debug, Default)]
struct Streamed {
    chunks: CapturedItems,
    /// The number of items that were not kept, because the limit was reached.
    passed_by: u64,
    /// The time from the start of the call to its first chunk.
    first: Option<Duration>,
    /// The first error among the items. Later errors are consequences of it.
    failure: Option<Failure>,
}

impl Recording {
    /// Takes over the span from its layer. Returns `None` if no layer recorded the span.
    pub(crate) fn claim(span: &Span, site: &'static CallSite) -> Option<Self> {
        let open = take_for_call(span)?;
        let place = open.place();
        let is_recorded = open.processor.records(place);
        let inherited = {
            let mut state = open.lock();
            if state.owner != Owner::Layer {
                return None;
            }
            state.owner = if is_recorded { Owner::Call } else { Owner::Gone };
            state.site = Some(site);
            Arc::clone(&state.inherited)
        };
        if !is_recorded {
            open.processor.exporter.left_out(1);
            return None;
        }
        let mut span = Box::new(FinishedSpan::new(open.name, place, open.started, inherited));
        span.local_root = open.undecided_root();
        span.list_key = Some(open.list_key());
        span.function = Some(site.function);
        span.kind = Some(site.kind.unwrap_or(SpanKind::Llm));
        span.is_request = site.kind.is_none_or(SpanKind::is_request);
        span.on_request_id = site.on_request_id;
        Some(Self { site, started_at: open.started_at, open, span, rare: None })
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Marks the calls around this one: the request is made inside, so they log none.
    pub(crate) fn announce(&self) {
        let call = match self.site.kind {
            None => ModelCall::UnlessOuter,
            Some(kind) if kind.is_request() => ModelCall::Always,
            Some(_) => return,
        };
        hand_over_ended(&self.open.processor, announce(&self.open, call));
    }

    /// Begins an exchange of this kind: it joins the call around it if it is that call, or else is a call of
    /// its own.
    #[cfg(feature = "middleware")]
    pub(crate) fn begin_exchange(&mut self, kind: SpanKind) {
        self.span.kind = Some(self.site.kind.unwrap_or(kind));
        match joined::join(&self.open, kind) {
            Found::Call { around, before } => {
                hand_over_ended(&self.open.processor, before.map(|before| *before));
                self.rare().exchange_of = Some(around);
            }
            Found::OtherKind => {}
            Found::Nothing { before } => {
                hand_over_ended(&self.open.processor, before.map(|before| *before));
                self.announce();
            }
        }
    }

    /// Returns the place in the trace for a request to `host`, if the layer allows it to receive it.
    #[cfg(feature = "middleware")]
    pub(crate) fn context_for(&self, host: &str) -> Option<Context> {
        let is_allowed = self.open.processor.propagation.hosts.contain(host);
        is_allowed.then(|| innermost::context_in(&self.open))
    }

    #[cfg(feature = "middleware")]
    pub(crate) fn keep_of_stream(&mut self, bytes: usize) {
        self.rare().stream_limit = bytes;
    }

    /// Returns `true` if items of the stream were not kept, because the limit was reached.
    #[cfg(feature = "middleware")]
    pub(crate) fn has_passed_by(&self) -> bool {
        let stream = self.rare.as_ref().and_then(|rare| rare.stream.as_ref());
        stream.is_some_and(|stream| stream.passed_by > 0)
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.span.input = Some(input);
    }

    pub(crate) fn argument_types(&mut self, names: &'static str) {
        self.span.types.arguments = names;
    }

    pub(crate) fn returned_type(&mut self, name: &'static str) {
        self.span.types.returned = name;
    }

    pub(crate) fn provider(&mut self, provider: String) {
        self.span.provider = Some(provider);
    }

    pub(crate) fn model(&mut self, model: String) {
        self.span.model = Some(model);
    }

    pub(crate) fn parameter(&mut self, name: &'static str, value: Captured) {
        self.span.parameters.push((name, value));
    }

    pub(crate) fn metadata(&mut self, key: &'static str, value: String) {
        self.rare().metadata.push((key, value));
    }

    pub(crate) fn prompt(&mut self, prompt: PromptLink) {
        self.rare().prompt = Some(prompt);
    }

    /// Marks the output as chosen by the attribute's `output`.
    pub(crate) fn output_is_chosen(&mut self) {
        self.span.is_output_chosen = true;
    }

    /// Sets the start of the call to the present. Before, it was the time at which the span was opened.
    pub(crate) fn restart(&mut self) {
        self.announce();
        self.span.started = SystemTime::now();
        self.started_at = Instant::now();
        open_call::restart(&self.open, self.span.started, self.started_at);
    }

    /// Lets the call wait for its future to be polled.
    pub(crate) fn wait_for_poll(&mut self) {
        open_call::wait_for_poll(&self.open);
    }

    /// Sets the end of the call to the present. Otherwise it is the time at which the call is handed over.
    #[cfg(feature = "middleware")]
    pub(crate) fn stop(&mut self) {
        self.rare().duration = Some(self.started_at.elapsed());
    }

    /// Adds an item of a stream.
    pub(crate) fn chunk(&mut self, chunk: Chunk) {
        let started_at = self.started_at;
        let Rare { stream, stream_limit, .. } = self.rare();
        let stream = stream.get_or_insert_default();
        match chunk {
            Chunk::Value(value) => {
                if stream.first.is_none() {
                    stream.first = Some(started_at.elapsed());
                }
                let size = stream.chunks.len_in_bytes() + value.text().len();
                if stream.passed_by > 0 || size > *stream_limit {
                    stream.passed_by += 1;
                } else {
                    stream.chunks.push(&value);
                }
            }
            Chunk::Error(failure) => {
                stream.failure.get_or_insert(failure);
            }
        }
    }

    /// Adds the tags, metadata and prompt of this call to the inherited ones. Spans inside inherit the
    /// result. All arguments are captured by now, so the call can be sent as unfinished.
    pub(crate) fn share(&mut self) {
        self.pass_on();
        #[cfg(feature = "middleware")]
        if self.rare.as_ref().is_some_and(|rare| rare.exchange_of.is_some()) {
            // It is a part of the call around it.
            return;
        }
        open_call::list(&self.open, Some(&self.span));
    }

    fn pass_on(&mut self) {
        let (metadata, prompt) = match &mut self.rare {
            Some(rare) => (std::mem::take(&mut rare.metadata), rare.prompt.take()),
            None => (Vec::new(), None),
        };
        if self.site.tags.is_empty() && metadata.is_empty() && prompt.is_none() {
            return;
        }
        let mut inherited = Inherited::clone(&self.span.inherited);
        inherited.tags.merge(&Tags::from_checked(self.site.tags));
        inherited.metadata.extend(metadata.into_iter().map(|(key, value)| (key.to_owned(), value)));
        inherited.prompt = prompt.or(inherited.prompt);
        self.span.inherited = Arc::new(inherited);
        self.open.lock().inherited = Arc::clone(&self.span.inherited);
    }

    /// Hands over the finished span, and drops the handle of the span.
    pub(crate) fn close(self, span: Span, output: Option<Captured>, ending: Ending) {
        let open = Arc::clone(&self.open);
        self.end(&span, output, ending);
        own_span::close(span, &open.processor);
    }

    /// Hands over the finished span.
    pub(crate) fn end(self, span: &Span, output: Option<Captured>, ending: Ending) {
        let Self { site, open, started_at, span: mut finished, rare } = self;
        let mut rare = rare.map_or_else(Rare::default, |rare| *rare);
        finished.duration = rare.duration.unwrap_or_else(|| started_at.elapsed());
        finished.fields = {
            let mut state = open.lock();
            state.owner = Owner::Gone;
            std::mem::take(&mut state.fields)
        };
        match rare.stream.take() {
            Some(Streamed { mut chunks, first, failure, passed_by, .. }) => {
                if passed_by > 0 {
                    chunks.push(&Captured::Text(format!("[… {passed_by} more items]")));
                }
                chunks.shrink();
                // An error among the items is more specific than the way in which the reader ended the
                // stream.
                finished.ending = failure.map_or(ending, Ending::Failed);
                finished.output = Some(Output::Chunks(chunks));
                finished.time_to_first_chunk = first;
            }
            None => {
                finished.ending = ending;
                finished.output = output.map(Output::Value);
            }
        }
        open.complete(&mut finished);
        let OpenSpan { calls, processor, .. } = &*open;
        if site.kind.map_or(!calls.any(), SpanKind::is_request) {
            // This function makes a request log of its own, so it gives nothing to a call inside.
            calls.release(open.place().span_id, processor);
        } else {
            calls.function_ended(&finished, processor);
        }
        let finished = match calls.exchange.close(finished, || Some(span.clone())) {
            Closed::Own(finished) => finished,
            Closed::Separate(mut finished) => {
                if site.kind.is_none() {
                    finished.surrounds_a_call();
                }
                finished
            }
            Closed::Waiting => return,
        };
        #[cfg(feature = "middleware")]
        let finished = match rare.exchange_of {
            Some(call) => {
                // The span of another crate ends when `tracing` closes it, so nothing at it may hold a span inside it.
                let handle = || call.external.is_none().then(|| span.clone());
                match call.calls.exchange.exchanged(finished, handle) {
                    Exchanged::Kept => return,
                    Exchanged::Complete(call) => return hand_over_ended(processor, [call]),
                    Exchanged::Alone(finished) => finished,
                }
            }
            None => finished,
        };
        hand_over(processor, finished, Some(span));
    }
}

#[cfg(test)]
mod tests;
