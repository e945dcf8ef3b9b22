//! One HTTP exchange that calls a model, as any interceptor sees it: a request, then a response or an error.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Method};
use pin_project_lite::pin_project;
use tracing::field::Empty;
use tracing::{Level, Span};

use super::PromptLayerMiddleware;
use super::request_copy::{RequestCopy, SharedCopy};
use super::route::{Address, Hosts, Route};
use crate::capture::{Captured, Failure};
use crate::instrument::call::Call;
use crate::propagation::{self, Injector};
use crate::span::input_output::Input;

/// The metadata key for the reason why a log has no input.
const REQUEST_BODY: &str = "request_body";

/// What an interceptor knows of a request before it is sent.
#[derive(Debug)]
pub(crate) struct RequestHead<'a> {
    pub(crate) method: &'a Method,
    pub(crate) address: &'a Address,
    pub(crate) hosts: Hosts<'a>,
    /// The span around the call. `None` is the current one.
    pub(crate) parent: Option<&'a Span>,
}

/// The recorded exchange.
///
/// If it is dropped before a response, the call is logged as dropped.
#[derive(Debug)]
pub(crate) struct Exchange {
    call: Call,
    request: SentBody,
    /// The model in the URL.
    model: Option<String>,
    /// `true` if a JSON array is the stream of this call's events.
    is_array: bool,
    /// `true` if the request may ask for the usage of a stream.
    takes_stream_options: bool,
    limit: usize,
}

/// The body of the request.
#[derive(Debug)]
enum SentBody {
    /// The body as JSON, or the reason why it is not logged.
    Known(Result<String, String>),
    /// The body is copied while it is sent.
    Copied(SharedCopy),
    /// The call has it.
    Described,
}

impl PromptLayerMiddleware {
    /// Begins the exchange of a request. Returns `None` if the request is not a model call, or if its span is
    /// disabled.
    pub(crate) fn begin(&self, head: &RequestHead<'_>) -> Option<Exchange> {
        if head.method != Method::POST || !tracing::level_enabled!(Level::INFO) {
            return None;
        }
        let route = Route::from_address(head.address, &self.hosts, head.hosts)?;
        let span = span(head.address, head.parent);
        if span.is_disabled() {
            return None;
        }
        let mut call = Call::begin_exchange(span, route.site, route.kind());
        if let Some(provider) = route.provider {
            call.provider(&provider);
        }
        Some(Exchange {
            call,
            request: SentBody::Known(Err("not seen".to_owned())),
            is_array: route.site.function == "streamGenerateContent",
            takes_stream_options: self.include_usage && route.takes_stream_options(),
            model: route.model.map(Cow::into_owned),
            limit: self.body_limit,
        })
    }
}

impl Exchange {
    /// Returns `true` if a layer records the exchange.
    pub(crate) fn is_recording(&self) -> bool {
        self.call.is_recording()
    }

    /// Returns `true` if the request is to ask for the usage of a stream, if it makes one.
    pub(crate) fn takes_stream_options(&self) -> bool {
        self.takes_stream_options && self.is_recording()
    }

    /// Returns `true` if a JSON array is the stream of this call's events.
    pub(super) fn is_array(&self) -> bool {
        self.is_array
    }

    /// Returns the limit for bodies.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Adds the headers of the trace to the request, if the layer allows its host to receive them.
    pub(crate) fn inject(&self, host: &str, headers: &mut impl Injector) {
        if let Some(context) = self.call.context_for(host) {
            propagation::write(context, headers);
        }
    }

    /// Runs a part of sending the request inside the span.
    #[cfg(feature = "tower")]
    pub(crate) fn run<R>(&mut self, part: impl FnOnce() -> R) -> R {
        self.call.run(part)
    }

    /// Sets the body of the request, if it is in memory. `None` is a stream.
    pub(crate) fn request_body(&mut self, headers: &HeaderMap, body: Option<&[u8]>) {
        if !self.is_recording() {
            return;
        }
        let mut copy = RequestCopy::new(headers, self.limit);
        self.request = SentBody::Known(match body {
            Some(body) => {
                copy.read(body);
                copy.complete();
                copy.json()
            }
            None => Err("a stream".to_owned()),
        });
    }

    /// Returns the copy of the request's body that the sender fills.
    pub(super) fn copied_request(&mut self, headers: &HeaderMap) -> Option<SharedCopy> {
        if !self.is_recording() {
            return None;
        }
        let copy = SharedCopy::new(RequestCopy::new(headers, self.limit));
        self.request = SentBody::Copied(copy.clone());
        Some(copy)
    }

    /// Ends the exchange without a response.
    pub(crate) fn failed(self, failure: Failure) {
        self.into_call().failed(failure);
    }

    /// Returns the call, with the request as far as it was sent.
    pub(super) fn into_call(mut self) -> Call {
        self.describe();
        std::mem::replace(&mut self.call, Call::nothing())
    }

    pub(super) fn call_mut(&mut self) -> &mut Call {
        &mut self.call
    }

    pub(super) fn call(&self) -> &Call {
        &self.call
    }

    /// Sets the input of the call, once.
    fn describe(&mut self) {
        if !self.is_recording() {
            return;
        }
        let body = match std::mem::replace(&mut self.request, SentBody::Described) {
            SentBody::Known(body) => body,
            SentBody::Copied(copy) => copy.lock().json(),
            SentBody::Described => return,
        };
        match (body, self.model.take()) {
            // The model of the URL is used only if the request body names none.
            (Ok(body), Some(model)) => self.call.input(Input::Arguments(vec![
                ("request", Captured::Json(body)),
                ("model", Captured::Text(model)),
            ])),
            (Ok(body), None) => self.call.input(Input::Value(Captured::Json(body))),
            (Err(why), model) => {
                if let Some(model) = model {
                    self.call.model(&model);
                }
                self.call.metadata(REQUEST_BODY, &why);
                self.call.ready();
            }
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.describe();
    }
}

pin_project! {
    /// The future of a response. The span of the exchange is entered whenever it is polled or dropped.
    #[derive(Debug)]
    pub(crate) struct Responding<F> {
        #[pin]
        future: Option<F>,
        exchange: Option<Exchange>,
    }

    impl<F> PinnedDrop for Responding<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.exchange.as_ref().map(|exchange| exchange.call().span().enter());
            this.future.set(None);
        }
    }
}

impl<F: Future> Responding<F> {
    /// Wraps the future that sends a request.
    pub(crate) fn new(exchange: Option<Exchange>, future: F) -> Self {
        Self { future: Some(future), exchange }
    }
}

impl<F: Future> Future for Responding<F> {
    type Output = (Option<Exchange>, F::Output);

    /// # Panics
    ///
    /// Panics if it is polled after it completed, like every `async fn`.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("`async fn` resumed after completion");
        };
        let output = match this.exchange {
            Some(exchange) => ready!(exchange.call_mut().run(|| future.poll(context))),
            None => ready!(future.poll(context)),
        };
        {
            let _entered = this.exchange.as_ref().map(|exchange| exchange.call().span().enter());
            this.future.set(None);
        }
        Poll::Ready((this.exchange.take(), output))
    }
}

/// Opens the span of an exchange.
macro_rules! open_span {
    ($address:ident, $($parent:tt)*) => {
    tracing::span!(
        target: "promptlayer_tracing::middleware",
            $($parent)*
        Level::INFO,
        "model_request",
        promptlayer.call = Empty,
        url.full = %$address,
        server.address = $address.host(),
        server.port = $address.port(),
        http.response.status_code = Empty,
        gen_ai.operation.name = Empty,
        gen_ai.provider.name = Empty,
        gen_ai.system = Empty,
        gen_ai.request.model = Empty,
        gen_ai.response.id = Empty,
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.prompt_tokens = Empty,
        gen_ai.usage.completion_tokens = Empty,
        error.type = Empty,
    )
    };
}

/// Creates the span of an exchange.
///
/// The layer recognizes it by the field `promptlayer.call`. The other fields are declared as those of the
/// attribute, and the call records them when it ends.
fn span(address: &Address, parent: Option<&Span>) -> Span {
    match parent {
        Some(parent) => open_span!(address, parent: parent.id(),),
        // Other layers may know a parent that `tracing` does not.
        None => open_span!(address,),
    }
}
