//! The builder of the layer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "metrics")]
use opentelemetry::InstrumentationScope;
#[cfg(feature = "metrics")]
use opentelemetry::metrics::{Meter, MeterProvider};
use promptlayer_blueprint::semconv::SemconvStability;
use promptlayer_blueprint::{LogRequest, Tags};
use promptlayer_client::exporter::{self, check_metadata, clock};
use promptlayer_client::{Client, ClientBuilder, Env};
use tracing::Metadata;

use crate::error::Error;
use crate::export::metrics::calls::CallMetrics;
#[cfg(feature = "metrics")]
use crate::export::metrics::observed::observe;
use crate::export::{
    self, BatchLimits, Encoder, Home, Homes, KeepPolicy, Pipeline, QueueLimits, Resource, RetryPolicy,
    Settings, ShutdownGuard, SpoolSettings, Store, Tally, Wire,
};
#[cfg(feature = "otlp")]
use crate::export::{Otlp, TwoPipelines};
use crate::hooks::{Hooks, LoggedRequest};
use crate::layer::destinations::{Chosen, Destinations, To, service_name};
use crate::layer::disabled::{self, Nowhere};
use crate::layer::{PromptLayer, SpanFilter};
use crate::process::held::HeldCalls;
use crate::process::in_memory::InMemory;
use crate::process::open_calls::OpenCalls;
use crate::process::undecided::Undecided;
use crate::process::{Redact, SpanExporter, SpanProcessor};
use crate::propagation::settings::Propagation;
use crate::span::finished::Inherited;

/// The environment variable that disables the capture of content.
const CAPTURE_CONTENT: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
/// The values that disable it.
const OFF: &[&str] = &["false", "0", "no", "off", "no_content"];
/// The environment variable for the generation of attribute names.
const SEMCONV_OPT_IN: &str = "OTEL_SEMCONV_STABILITY_OPT_IN";
/// The timeout of a request, and of an asynchronous hook, in a function that is frozen between invocations.
const SERVERLESS_TIMEOUT: Duration = Duration::from_secs(5);
/// The interval between batches in such a function.
const SERVERLESS_INTERVAL: Duration = Duration::from_millis(20);

/// Builds a [`PromptLayer`]. Created by [`layer`](crate::layer()). Only the API key is required.
///
/// ```no_run
/// use std::time::Duration;
/// use tracing_subscriber::prelude::*;
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// // PROMPTLAYER_API_KEY, PROMPTLAYER_BASE_URL and PROMPTLAYER_HTTP_TIMEOUT are read.
/// let (layer, guard) = promptlayer_tracing::layer()
///     .tags(["my-service"])
///     .on_request_id(|request| println!("request {}", request.id()))
///     .build()?;
/// tracing_subscriber::registry().with(layer).init();
///
/// // … the program …
///
/// guard.shutdown(Duration::from_secs(5));
/// # Ok(())
/// # }
/// ```
///
/// The order of the calls does not matter. A layer with more settings:
///
/// ```
/// use std::time::Duration;
///
/// use promptlayer_tracing::LoggedRequest;
/// use promptlayer_tracing::export::{BatchLimits, QueueLimits, RetryPolicy};
///
/// async fn store(request: LoggedRequest) {
///     // … write `request.id()` to a database …
/// }
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let (layer, guard) = promptlayer_tracing::layer()
///     // Where PromptLayer is.
///     .api_key("pl_123")
///     .base_url("http://localhost:7780")
///     .timeout(Duration::from_secs(3))
///     .http(|http| http.no_proxy())
///     // What is logged.
///     .tags(["my-service"])
///     .metadata([("region", "eu"), ("version", env!("CARGO_PKG_VERSION"))])
///     .provider("openai.azure")
///     .capture_content(true)
///     .sample(0.5)
///     .gen_ai_fields(false)
///     // How it is sent.
///     .queue(QueueLimits::default().items(1_000))
///     .batch(BatchLimits::default().spans(50))
///     .retry(RetryPolicy::default().max_age(Duration::from_secs(60)))
///     // What happens afterwards.
///     .on_request_id(|request| println!("{} is request {}", request.name(), request.id()))
///     .on_request_id_async(store)
///     .hook_timeout(Duration::from_secs(10))
///     .on_error(|error| eprintln!("promptlayer: {error}"))
///     .build()?;
/// # drop((layer, guard));
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use]
pub struct LayerBuilder {
    client: Option<Client>,
    settings: ClientBuilder,
    /// The settings that were given and that a client has too.
    of_client: Vec<&'static str>,
    timeout: Option<Duration>,
    is_serverless: bool,
    env: Env,
    disabled: Option<bool>,
    provider: Option<String>,
    tags: Vec<Cow<'static, str>>,
    metadata: BTreeMap<String, String>,
    capture_content: Option<bool>,
    gen_ai_fields: Option<bool>,
    semconv: Option<SemconvStability>,
    redact: Redact,
    sample: Option<f64>,
    keep: KeepPolicy,
    open_calls: Option<bool>,
    /// The list of open calls, once it is known that there is one.
    listed: Option<OpenCalls>,
    queue: QueueLimits,
    batch: Option<BatchLimits>,
    retry: Option<RetryPolicy>,
    hook_timeout: Option<Duration>,
    spool: Option<SpoolSettings>,
    wire: Option<Wire>,
    #[cfg(feature = "otlp")]
    otlp: Option<Otlp>,
    propagation: Propagation,
    #[cfg(feature = "metrics")]
    meter: Option<Meter>,
    hooks: Hooks,
    export_spans: Option<SpanFilter>,
}

impl fmt::Debug for LayerBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LayerBuilder")
            .field("provider", &self.provider)
            .field("tags", &self.tags)
            .field("metadata", &self.metadata)
            .field("keep", &self.keep)
            .field("queue", &self.queue)
            .field("batch", &self.batch)
            .field("retry", &self.retry)
            .field("spool", &self.spool)
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}

impl LayerBuilder {
    /// Sets the API key.
    ///
    /// Defaults to the environment variable `PROMPTLAYER_API_KEY`.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.settings = self.settings.api_key(key);
        self.of_client.push("api_key");
        self
    }

    /// Sets the base URL of PromptLayer's API.
    ///
    /// Defaults to the environment variable `PROMPTLAYER_BASE_URL`, else to
    /// [`ClientBuilder::DEFAULT_BASE_URL`].
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.settings = self.settings.base_url(url);
        self.of_client.push("base_url");
        self
    }

    /// Sets the time limit for one request to PromptLayer, from connecting to the last byte of the response. It must
    /// be greater than zero, and is reduced to ten years.
    ///
    /// Defaults to the environment variable `PROMPTLAYER_HTTP_TIMEOUT` (in seconds), else to
    /// [`ClientBuilder::DEFAULT_TIMEOUT`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self.of_client.push("timeout");
        self
    }

    /// Configures the HTTP client, for example with a proxy or with a certificate authority of your own.
    ///
    /// See [`ClientBuilder::http`] for an example, and for the settings that the closure cannot change.
    pub fn http(
        mut self,
        set_up: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.settings = self.settings.http(set_up);
        self.of_client.push("http");
        self
    }

    /// Uses the settings of an existing client, instead of [`api_key`](Self::api_key),
    /// [`base_url`](Self::base_url), [`timeout`](Self::timeout) and [`http`](Self::http). With one of these,
    /// [`build`](Self::build) returns an error.
    ///
    /// ```
    /// use promptlayer_tracing::Client;
    ///
    /// # fn main() -> Result<(), promptlayer_tracing::Error> {
    /// let client = Client::builder().api_key("pl_123").base_url("http://localhost:7780").build()?;
    /// let (layer, guard) = promptlayer_tracing::layer().client(client.clone()).build()?;
    /// # drop((layer, guard, client));
    /// # Ok(())
    /// # }
    /// ```
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets where environment variables are looked up: `PROMPTLAYER_API_KEY`, `PROMPTLAYER_BASE_URL`,
    /// `PROMPTLAYER_HTTP_TIMEOUT`, `PROMPTLAYER_DISABLED`, `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`,
    /// `OTEL_SEMCONV_STABILITY_OPT_IN` and `OTEL_SERVICE_NAME`.
    ///
    /// Defaults to the environment of the process. A test can give a map instead:
    ///
    /// ```
    /// use promptlayer_tracing::client::Env;
    ///
    /// # fn main() -> Result<(), promptlayer_tracing::Error> {
    /// let env = Env::new([("PROMPTLAYER_API_KEY", "pl_123"), ("PROMPTLAYER_BASE_URL", "http://localhost:7780")]);
    /// let (layer, guard) = promptlayer_tracing::layer().env(env).build()?;
    /// # drop((layer, guard));
    /// # Ok(())
    /// # }
    /// ```
    pub fn env(mut self, env: Env) -> Self {
        self.settings = self.settings.env(env.clone());
        self.env = env;
        self
    }

    /// Sets whether the layer is disabled. A disabled layer records and sends nothing.
    ///
    /// [`build`](Self::build) then needs no API key, starts no thread, opens no spool, and calls no hook. Annotated
    /// functions run as if no layer were installed: nothing of a call is serialized. Other layers of the subscriber
    /// see their spans as before. [`ShutdownGuard::flush`] and [`ShutdownGuard::shutdown`] return at once, with
    /// statistics of nothing.
    ///
    /// Tags, metadata, and settings that contradict each other are errors of [`build`](Self::build) in a disabled
    /// layer too, so that a program without a key finds them. The key, the base URL, the timeout, the connection and
    /// the spool are not looked at.
    ///
    /// Defaults to the environment variable `PROMPTLAYER_DISABLED`: `true`, `1`, `yes` and `on` disable the layer,
    /// `false`, `0`, `no` and `off` do not, and any other value is an error. Without the variable, the layer is
    /// enabled. The variable does not disable a layer of [`in_memory`](Self::in_memory), whose test expects the
    /// calls; only `disabled(true)` does.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use promptlayer_tracing::client::Env;
    /// use tracing_subscriber::prelude::*;
    ///
    /// # fn main() -> Result<(), promptlayer_tracing::Error> {
    /// let env = Env::new([("PROMPTLAYER_DISABLED", "true")]); // by default, the environment of the process
    /// let (layer, guard) = promptlayer_tracing::layer().env(env).build()?;
    /// let _default = tracing_subscriber::registry().with(layer).set_default();
    ///
    /// // … the program …
    ///
    /// assert_eq!(guard.shutdown(Duration::from_secs(5)).spans.accepted, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = Some(disabled);
        self
    }

    /// Sets the provider of requests for which the attribute gives none. It replaces the detected provider.
    ///
    /// Use it if an API is compatible with that of another provider. Groq, Azure and many others use
    /// OpenAI's. Defaults to the detected provider, or `custom` if none is detected.
    pub fn provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Adds tags to every request, in addition to the tags of its function.
    ///
    /// [`build`](Self::build) returns an error if a tag is empty or longer than [`Tags::MAX_CHARACTERS`].
    pub fn tags<T: Into<Cow<'static, str>>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Adds metadata to every request, in addition to the metadata of its function.
    ///
    /// [`build`](Self::build) returns an error if a key is empty or longer than 1024 characters.
    pub fn metadata<K, V>(mut self, metadata: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.metadata.extend(metadata.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Sets whether prompts and responses are recorded.
    ///
    /// Without content, a request log contains the model, the numeric parameters, the outcome (for an error,
    /// only its type) and the usage. Metadata and fields that you set are kept. Defaults to the environment
    /// variable `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, which `false`, `0`, `no`, `off` and
    /// `NO_CONTENT` disable, else to `true`.
    pub fn capture_content(mut self, capture: bool) -> Self {
        self.capture_content = Some(capture);
        self
    }

    /// Sets whether a call records OpenTelemetry's attributes for generative AI on its own span when it ends,
    /// so that other layers of the subscriber can read them.
    ///
    /// The attributes are the operation, the provider, the requested and the responding model, the response
    /// id, the finish reasons, the token usage and the error type. Attributes that the conventions renamed
    /// are recorded under both names. If another layer reads the fields, the call is converted on the calling
    /// thread. A field of the same name that you declare yourself is not overwritten. Defaults to `true`. The
    /// spans sent to PromptLayer have these and more attributes in either case.
    pub fn gen_ai_fields(mut self, record: bool) -> Self {
        self.gen_ai_fields = Some(record);
        self
    }

    /// Sets which name is written of an attribute that OpenTelemetry's conventions for generative AI renamed:
    /// on the spans sent to PromptLayer, and in the fields of [`gen_ai_fields`](Self::gen_ai_fields).
    ///
    /// Defaults to the environment variable `OTEL_SEMCONV_STABILITY_OPT_IN`, in which
    /// `gen_ai_latest_experimental` selects [`SemconvStability::Latest`], else to
    /// [`SemconvStability::Duplicate`]: both names. Spans of other crates are read with either name.
    ///
    /// ```
    /// use promptlayer_tracing::blueprint::semconv::SemconvStability;
    ///
    /// # let builder =
    /// promptlayer_tracing::layer().semconv_stability(SemconvStability::Latest);
    /// ```
    pub fn semconv_stability(mut self, stability: SemconvStability) -> Self {
        self.semconv = Some(stability);
        self
    }

    /// Sets a closure that rewrites every request before it leaves the calling thread. Only the rewritten
    /// request is queued, kept on disk and sent.
    ///
    /// The attributes and the error of the request's span are derived from the rewritten request. Data that
    /// cannot be derived from it is dropped: the arguments that have no place in a request log, and the text
    /// fields in which the span of another crate (rig, genai) contains the same data. Fields that you
    /// declared are kept. For spans that make no request log, see [`redact_text`](Self::redact_text), which
    /// runs after this closure.
    ///
    /// ```
    /// # let builder =
    /// promptlayer_tracing::layer().redact(|request| {
    ///     request.metadata.remove("customer");
    ///     request.prompt_input_variables.clear();
    /// });
    /// ```
    ///
    /// If the closure panics, the request is logged without any text.
    pub fn redact(mut self, redact: impl Fn(&mut LogRequest) + Send + Sync + 'static) -> Self {
        self.redact.request = Some(Box::new(redact));
        self
    }

    /// Sets a closure that rewrites every text of a request or another span (prompts, responses, arguments,
    /// metadata, parameters, errors, fields) before it leaves the calling thread.
    ///
    /// The closure is called once per text.
    ///
    /// ```
    /// # use std::borrow::Cow;
    /// # let builder =
    /// promptlayer_tracing::layer().redact_text(|text| match text.contains('@') {
    ///     true => Cow::Borrowed("[address]"),
    ///     false => Cow::Borrowed(text),
    /// });
    /// ```
    pub fn redact_text<F>(mut self, redact: F) -> Self
    where
        F: for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync + 'static,
    {
        self.redact.text = Some(Box::new(redact));
        self
    }

    /// Sets the share of traces that are recorded, from 0 to 1.
    ///
    /// The random trace id decides whether a trace is recorded, by the rule of OpenTelemetry's `TraceIdRatioBased`. A trace
    /// is recorded as a whole or not at all, and nothing of a trace that is not recorded is serialized, unless
    /// [`keep`](Self::keep) asks for it. A number outside the range is replaced by the nearest one in it, and a number that
    /// is not one (NaN) by 1. Defaults to 1.
    pub fn sample(mut self, share: f64) -> Self {
        // NaN records everything, because it cannot be a request to lose data.
        self.sample = Some(if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) });
        self
    }

    /// Keeps traces that are not sampled if something in them failed, was slow, or was costly.
    ///
    /// All calls are then recorded, and those of traces that are not sampled wait in memory until the decision. Defaults
    /// to [`KeepPolicy::default`], which keeps none and costs nothing.
    ///
    /// ```
    /// use promptlayer_tracing::export::KeepPolicy;
    ///
    /// # let builder =
    /// promptlayer_tracing::layer().sample(0.01).keep(KeepPolicy::default().failed());
    /// ```
    pub fn keep(mut self, policy: KeepPolicy) -> Self {
        self.keep = policy;
        self
    }

    /// Sets whether calls that have not ended can be sent, as unfinished.
    ///
    /// They are sent by [`ShutdownGuard::flush`], by a shutdown, by
    /// [`ShutdownGuard::send_open_calls_in`] and by [`ShutdownGuard::send_open_calls_on_panic`]. An unfinished call is a span
    /// with its name, its place, its start, its tags, and its input as `function_input`. It has the attribute
    /// `promptlayer.unfinished` and no request log. When the call ends, the whole span is sent under the same ids, with its
    /// request log. A call that was sent as unfinished is not sent so again, unless it has changed.
    ///
    /// Redaction, [`capture_content`](Self::capture_content) and sampling apply. The closures of
    /// [`redact`](Self::redact) and [`redact_text`](Self::redact_text) run on the thread that flushes, or on the export
    /// thread. Each unfinished span is an item of [`Stats::spans`](crate::export::Stats::spans). No hook is called for it.
    ///
    /// The inputs of open calls are kept twice, up to 8,192 calls and 16 MiB. What is beyond these limits is only sent
    /// when it ends. Defaults to `true` with [`serverless`](Self::serverless), else to `false`, which costs nothing.
    /// [`build`](Self::build) returns an error if it is `true` with [`Wire::LogRequest`](crate::export::Wire::LogRequest), which
    /// has no spans.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> Result<(), promptlayer_tracing::Error> {
    /// # let builder = promptlayer_tracing::layer().api_key("pl_123").base_url("http://127.0.0.1:9");
    /// let (layer, guard) = builder.open_calls(true).build()?;
    /// let guard = guard.send_open_calls_on_panic(Duration::ZERO);
    /// # drop((layer, guard));
    /// # Ok(())
    /// # }
    /// ```
    pub fn open_calls(mut self, send: bool) -> Self {
        self.open_calls = Some(send);
        self
    }

    /// Sets the limits of the queue of spans that wait to be sent. Defaults to [`QueueLimits::default`].
    pub fn queue(mut self, limits: QueueLimits) -> Self {
        self.queue = limits;
        self
    }

    /// Sets the size of batches and the interval between them. Defaults to [`BatchLimits::default`].
    pub fn batch(mut self, limits: BatchLimits) -> Self {
        self.batch = Some(limits);
        self
    }

    /// Sets how long failed deliveries are retried. Defaults to [`RetryPolicy::default`].
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Keeps items on disk that cannot be delivered or that are left at shutdown. The next run delivers them.
    ///
    /// Pass a folder or [`SpoolSettings`]. Without a spool, which is the default, items that are too old are dropped
    /// and counted. [`build`](Self::build) reads the files of earlier runs, on the thread that calls it.
    pub fn spool(mut self, spool: impl Into<SpoolSettings>) -> Self {
        self.spool = Some(spool.into());
        self
    }

    /// Configures the layer for a function that is frozen between invocations (AWS Lambda, Cloud Run and
    /// similar).
    ///
    /// A span waits 20 ms for others before it is sent, and not a second. Retries stop after ten seconds. A request,
    /// and the future of an asynchronous hook, take at most five seconds. This changes the defaults of [`timeout`](Self::timeout),
    /// [`batch`](Self::batch), [`retry`](Self::retry) and [`hook_timeout`](Self::hook_timeout). Values that you
    /// set win, in any order of calls, and so does the timeout of a [`client`](Self::client). Call
    /// [`ShutdownGuard::flush`] before each invocation returns, because a request that is in flight when the process
    /// is frozen may be interrupted. Calls that do not end before the deadline of the invocation can be sent as unfinished:
    /// [`open_calls`](Self::open_calls) is on by default.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use promptlayer_tracing::ShutdownGuard;
    /// use tracing_subscriber::prelude::*;
    ///
    /// fn start() -> Result<ShutdownGuard, promptlayer_tracing::Error> {
    ///     let builder = promptlayer_tracing::layer();
    /// #   let builder = builder.api_key("pl_123").base_url("http://127.0.0.1:9");
    ///     let (layer, guard) = builder.serverless().build()?;
    ///     tracing_subscriber::registry().with(layer).init();
    ///     Ok(guard)
    /// }
    ///
    /// fn handle(guard: &ShutdownGuard, event: &str, time_left: Duration) -> String {
    ///     let _timer = guard.send_open_calls_in(time_left.saturating_sub(Duration::from_millis(500)));
    ///     let answer = format!("… call the model about {event} …");
    ///     guard.flush(Duration::from_secs(2));
    ///     answer
    /// }
    /// # fn main() -> Result<(), promptlayer_tracing::Error> {
    /// # let guard = start()?;
    /// # handle(&guard, "toasters", Duration::from_secs(30));
    /// # Ok(())
    /// # }
    /// ```
    pub fn serverless(mut self) -> Self {
        self.is_serverless = true;
        self
    }

    /// Sets the endpoint to which requests are sent. Defaults to [`Wire::SpansBulk`], or to `Wire::Otlp` if `otlp` is
    /// called (feature `otlp`).
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = Some(wire);
        self
    }

    /// Sends spans in OpenTelemetry's protocol: to PromptLayer's OTLP endpoint or to a collector. See [`Otlp`] for
    /// examples.
    ///
    /// Without [`wire`](Self::wire), or with [`Wire::Otlp`], this is the only destination. If it is a collector, no API
    /// key is needed. With [`Wire::SpansBulkAndOtlp`], spans are sent to PromptLayer's `/spans-bulk` as well.
    /// [`build`](Self::build) returns an error with any other wire, if both wires lead to the same server of PromptLayer,
    /// which would log each call twice, and if a key, a base URL or a client is given although a collector is the only
    /// destination.
    #[cfg(feature = "otlp")]
    #[cfg_attr(docsrs, doc(cfg(feature = "otlp")))]
    pub fn otlp(mut self, otlp: Otlp) -> Self {
        self.otlp = Some(otlp);
        self
    }

    /// Sets what is taken from the baggage of callers, and what is given to other services.
    ///
    /// Defaults to [`Propagation::default`]: only the ids of a trace, and not to providers of models. See the module
    /// [`propagation`](crate::propagation).
    pub fn propagate(mut self, propagation: Propagation) -> Self {
        self.propagation = propagation;
        self
    }

    /// Records metrics with a meter of this provider: the metrics of OpenTelemetry's conventions for clients of
    /// generative AI, and the statistics of the pipeline.
    ///
    /// The page [metrics.md](https://github.com/promptlayer/promptlayer-rust/blob/main/docs/metrics.md) lists them.
    /// For each model call, its duration, its tokens and, if it streams, the time to its first chunk are recorded, on
    /// the export thread. The attributes are the operation, the provider, the requested and the responding model, the
    /// server if it is known, and the type of an error. [`semconv_stability`](Self::semconv_stability) selects which
    /// names the metrics have. The counters of [`Stats`](crate::export::Stats) are observed when the provider collects
    /// them.
    ///
    /// A call that was left out by [`sample`](Self::sample), or that the queue had no room for, is not measured, because
    /// it is not converted. The layer of [`in_memory`](Self::in_memory) and a [`disabled`](Self::disabled) layer
    /// measure nothing. Give each of several layers a provider of its own: their counters have the same names.
    ///
    /// Defaults to no metrics. To use the global provider, set it first, and pass it:
    ///
    /// ```
    /// use promptlayer_tracing::export::opentelemetry;
    ///
    /// # let builder =
    /// promptlayer_tracing::layer().meter_provider(&*opentelemetry::global::meter_provider());
    /// ```
    #[cfg(feature = "metrics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn meter_provider(mut self, provider: &(impl MeterProvider + ?Sized)) -> Self {
        let scope =
            InstrumentationScope::builder(env!("CARGO_PKG_NAME")).with_version(env!("CARGO_PKG_VERSION"));
        self.meter = Some(provider.meter_with_scope(scope.build()));
        self
    }

    /// Adds a hook that is called for every request once it has an id.
    ///
    /// Hooks run on their own thread, in the order in which they were added. A hook may call the client,
    /// [`ShutdownGuard::flush`] and annotated functions. Requests logged by a hook are passed to no hook, because
    /// hooks would otherwise cause further hook calls endlessly.
    pub fn on_request_id(mut self, hook: impl Fn(&LoggedRequest) + Send + Sync + 'static) -> Self {
        self.hooks.synchronous.push(Box::new(hook));
        self
    }

    /// Sets the time after which the future of an asynchronous hook is dropped, at most ten years.
    ///
    /// Defaults to 30 s.
    pub fn hook_timeout(mut self, timeout: Duration) -> Self {
        self.hook_timeout = Some(timeout.min(clock::LONGEST));
        self
    }

    /// Adds an asynchronous hook that is awaited for every request once it has an id.
    ///
    /// It runs after the hooks of [`on_request_id`](Self::on_request_id). The future runs in a tokio runtime.
    pub fn on_request_id_async<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(LoggedRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.hooks.asynchronous.push(Box::new(move |request| Box::pin(hook(request))));
        self
    }

    /// Sets the handler for errors of the export pipeline.
    ///
    /// It is called once per kind of error until an operation succeeds. It runs on the thread of the hooks, except in
    /// a forked process, where it runs on the thread that made the call. By default, errors are written to standard
    /// error, at most one line every 10 s. See [`Error`] for an example.
    pub fn on_error(mut self, on_error: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.hooks.on_error = Some(Arc::new(on_error));
        self
    }

    /// Sets which other spans are exported as spans of the trace. Spans of annotated functions and spans with
    /// `gen_ai` fields are always exported.
    ///
    /// Defaults to none.
    ///
    /// ```
    /// # let builder =
    /// promptlayer_tracing::layer().export_spans(|metadata| metadata.target().starts_with("my_app"));
    /// ```
    pub fn export_spans(mut self, wanted: impl Fn(&Metadata<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.export_spans = Some(Box::new(wanted));
        self
    }

    /// Builds the layer, and the guard that keeps its export pipeline running.
    ///
    /// # Errors
    ///
    /// An error for which [`Error::is_missing_api_key`] holds if there is no API key; one for which
    /// [`Error::is_invalid_input`] holds if a key, a tag, metadata, a base URL, a timeout or the value of
    /// `PROMPTLAYER_DISABLED` is invalid, or if settings contradict each other; and otherwise, by [`Error::kind`]: the HTTP client cannot be set up (there are no root
    /// certificates), a thread cannot be started, or the folder of the spool cannot be created, written to or locked.
    pub fn build(mut self) -> Result<(PromptLayer, ShutdownGuard), Error> {
        if let (Some(_), Some(setting)) = (&self.client, self.of_client.first()) {
            let reason =
                format!("`.{setting}(…)` was given too, and the client has its own; give one of them");
            return Err(exporter::invalid_argument("setting `.client(…)`", reason).into());
        }
        if self.is_disabled()? {
            return Ok((self.finish(Box::new(Nowhere))?.disable(), ShutdownGuard::disabled()));
        }
        let destinations = self.chosen().destinations()?;
        let redactor = destinations.redactor();
        self.hooks.redactor = redactor.clone();
        self.build_with(destinations).map_err(|error| error.redacted(&redactor))
    }

    /// The settings that say where spans go.
    fn chosen(&self) -> Chosen<'_> {
        Chosen {
            wire: self.chosen_wire(),
            #[cfg(feature = "otlp")]
            otlp: self.otlp.as_ref(),
            #[cfg(feature = "otlp")]
            env: &self.env,
            settings: &self.settings,
            client: self.client.as_ref(),
            #[cfg(feature = "otlp")]
            of_client: &self.of_client,
            timeout: self.timeout.or(self.is_serverless.then_some(SERVERLESS_TIMEOUT)),
        }
    }

    /// Returns the wire, as given or by the other settings.
    fn chosen_wire(&self) -> Wire {
        #[cfg(feature = "otlp")]
        if self.wire.is_none() && self.otlp.is_some() {
            return Wire::Otlp;
        }
        self.wire.unwrap_or_default()
    }

    /// Returns `true` if the layer is disabled, by a setting or by the environment.
    fn is_disabled(&self) -> Result<bool, Error> {
        self.disabled.map_or_else(|| disabled::by_environment(&self.env), Ok)
    }

    /// The limits of batches, as given or by default.
    fn batch_limits(&self) -> BatchLimits {
        let default = BatchLimits::default();
        let default = if self.is_serverless { default.interval(SERVERLESS_INTERVAL) } else { default };
        self.batch.unwrap_or(default)
    }

    /// The retry policy, as given or by default.
    fn retry_policy(&self) -> RetryPolicy {
        let second = Duration::from_secs(1);
        let mut default = RetryPolicy::default();
        if self.is_serverless {
            default = default
                .longest_delay(second)
                .max_age(10 * second)
                .probe_interval(5 * second)
                .settling_time(second);
        }
        self.retry.unwrap_or(default)
    }

    fn build_with(mut self, destinations: Destinations) -> Result<(PromptLayer, ShutdownGuard), Error> {
        self.hooks.timeout = self.hook_timeout.or(self.is_serverless.then_some(SERVERLESS_TIMEOUT));
        let hooks = std::mem::take(&mut self.hooks);
        self.listed = self.lists_open_calls()?.then(OpenCalls::default);
        let Destinations { first, second } = destinations;
        #[cfg(feature = "metrics")]
        let meter = self.meter.take();
        #[cfg(feature = "metrics")]
        let calls = meter.as_ref().map(|meter| Arc::new(CallMetrics::new(meter, self.semconv())));
        #[cfg(not(feature = "metrics"))]
        let calls: Option<Arc<CallMetrics>> = None;
        #[cfg(feature = "otlp")]
        if let Some(second) = second {
            let (first_hash, second_hash) = (first.hash.clone(), second.hash.clone());
            let second = self.prepare(second, &[&first_hash], calls.clone(), hooks.only_errors())?;
            let first = self.prepare(first, &[&second_hash], calls, hooks)?;
            let pipelines = [Arc::clone(&first.pipeline), Arc::clone(&second.pipeline)];
            let layer = self.finish(Box::new(TwoPipelines(pipelines)))?;
            let homes = Homes { first: first.start(&layer)?, second: Some(second.start(&layer)?) };
            #[cfg(feature = "metrics")]
            if let Some(meter) = &meter {
                observe(meter, &homes);
            }
            return Ok((layer, ShutdownGuard::new(homes)));
        }
        #[cfg(not(feature = "otlp"))]
        let None = second;
        let first = self.prepare(first, &[], calls, hooks)?;
        let layer = self.finish(Box::new(Arc::clone(&first.pipeline)))?;
        let homes = Homes { first: first.start(&layer)?, second: None };
        #[cfg(feature = "metrics")]
        if let Some(meter) = &meter {
            observe(meter, &homes);
        }
        Ok((layer, ShutdownGuard::new(homes)))
    }

    /// Creates the pipeline of a destination. `siblings` are the hashes of the other destinations.
    fn prepare(
        &self,
        to: To,
        siblings: &[&str],
        calls: Option<Arc<CallMetrics>>,
        hooks: Hooks,
    ) -> Result<Prepared, Error> {
        let To { client, format, hash } = to;
        let encoder = Arc::new(Encoder {
            semconv: self.semconv(),
            format,
            batch: self.batch_limits(),
            resource: Resource::new(&service_name(&self.env)),
            provider: self.provider.clone(),
            calls,
        });
        let (store, found) = match &self.spool {
            Some(spool) => Store::open(spool, &hash, siblings).map(|(store, found)| (Some(store), found))?,
            None => (None, Tally::default()),
        };
        let settings = Settings { client, retry: self.retry_policy(), encoder: Arc::clone(&encoder) };
        let mut pipeline = Pipeline::new(self.queue, encoder, store);
        pipeline.reporter = Arc::clone(&hooks.reporter);
        let pipeline = Arc::new(pipeline);
        pipeline.adopt(found);
        Ok(Prepared { pipeline, settings, hooks })
    }

    /// Builds a layer that sends nothing, and a handle to the requests that it receives, for tests.
    ///
    /// It needs no API key and starts no thread. Hooks are not called. See [`InMemory`] for an example. The environment
    /// variable `PROMPTLAYER_DISABLED` is ignored; with [`disabled(true)`](Self::disabled), the layer receives nothing.
    ///
    /// # Errors
    ///
    /// Returns an error if a tag or metadata is invalid.
    pub fn in_memory(self) -> Result<(PromptLayer, InMemory), Error> {
        let captured = InMemory::new(self.provider.clone());
        let is_disabled = self.disabled == Some(true);
        let layer = self.finish(Box::new(Arc::clone(&captured.0)))?;
        Ok((if is_disabled { layer.disable() } else { layer }, captured))
    }

    /// Returns whether open calls are listed, as set or by default.
    fn lists_open_calls(&self) -> Result<bool, Error> {
        let has_spans = self.chosen_wire() != Wire::LogRequest;
        if self.open_calls == Some(true) && !has_spans {
            let reason =
                "`Wire::LogRequest` sends no spans, so it cannot send unfinished ones; give one of them";
            return Err(exporter::invalid_argument("setting `.open_calls(true)`", reason).into());
        }
        Ok(self.open_calls.unwrap_or(self.is_serverless && has_spans))
    }

    fn finish(self, exporter: Box<dyn SpanExporter>) -> Result<PromptLayer, Error> {
        let capture_content = self.capture_content.unwrap_or_else(|| {
            let said = self.env.get(CAPTURE_CONTENT).map(|value| value.to_lowercase());
            !said.is_some_and(|said| OFF.contains(&said.as_str()))
        });
        check_metadata(&self.metadata)?;
        let keeps_trace = self.chosen_wire() != Wire::LogRequest;
        let semconv = self.semconv();
        self.keep.load_prices();
        let processor = SpanProcessor {
            exporter,
            root: Arc::new(Inherited { tags: Tags::new(self.tags)?, metadata: self.metadata, prompt: None }),
            provider: self.provider,
            capture_content,
            redact: self.redact,
            sample: self.sample.unwrap_or(1.0),
            propagation: self.propagation,
            gen_ai_fields: self.gen_ai_fields.unwrap_or(true),
            semconv,
            keeps_trace,
            held: HeldCalls::default(),
            open_calls: self.listed,
            undecided: (!self.keep.is_empty()).then(|| Undecided::new(self.keep)),
        };
        Ok(PromptLayer::new(Arc::new(processor), self.export_spans))
    }

    /// Returns the generation of attribute names that is written, as set or by the environment.
    fn semconv(&self) -> SemconvStability {
        let by_environment =
            || self.env.get(SEMCONV_OPT_IN).and_then(|list| SemconvStability::from_opt_in(&list));
        self.semconv.or_else(by_environment).unwrap_or_default()
    }
}

/// A pipeline whose threads do not run yet.
struct Prepared {
    pipeline: Arc<Pipeline>,
    settings: Settings,
    hooks: Hooks,
}

impl Prepared {
    fn start(self, layer: &PromptLayer) -> Result<Home, Error> {
        self.pipeline.feed_from(layer.processor());
        export::start(&self.pipeline, self.settings, self.hooks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::builder().env(Env::empty()).api_key("pl_1").build().unwrap()
    }

    #[test]
    fn client_contradicts_its_own_settings_in_any_order() {
        let with_settings: [fn(LayerBuilder) -> LayerBuilder; 4] = [
            |builder| builder.api_key("pl_2"),
            |builder| builder.base_url("http://127.0.0.1:9"),
            |builder| builder.timeout(Duration::from_secs(1)),
            |builder| builder.http(|http| http),
        ];
        for (settings, name) in with_settings.into_iter().zip(["api_key", "base_url", "timeout", "http"]) {
            let builders = [
                settings(LayerBuilder::default()).client(client()),
                settings(LayerBuilder::default().client(client())),
            ];
            for builder in builders {
                let error = builder.env(Env::empty()).build().unwrap_err();
                assert!(error.is_invalid_input(), "{error:?}");
                assert!(error.to_string().contains(name), "{error}");
            }
        }
    }

    #[test]
    fn setting_wins_over_the_variable_that_disables() {
        for (variable, setting, is_disabled) in [
            (Some("true"), None, true),
            (Some("true"), Some(false), false),
            (Some("false"), Some(true), true),
            (Some("not a value"), Some(true), true),
            (Some("not a value"), Some(false), false),
            (None, Some(true), true),
            (None, None, false),
        ] {
            let env = variable.map_or_else(Env::empty, |value| Env::new([(disabled::DISABLED, value)]));
            let builder = LayerBuilder { disabled: setting, ..LayerBuilder::default() };
            // An enabled layer needs a key.
            let lacks_key = builder.env(env).build().is_err_and(|error| error.is_missing_api_key());
            assert_eq!(lacks_key, !is_disabled, "{variable:?} {setting:?}");
        }
    }

    #[test]
    fn disabled_layer_still_reports_settings_that_are_wrong() {
        let disabled = || LayerBuilder::default().disabled(true).env(Env::empty());
        for builder in [
            disabled().tags([""]),
            disabled().metadata([("", "value")]),
            disabled().client(client()).base_url("http://127.0.0.1:9"),
        ] {
            assert!(builder.build().unwrap_err().is_invalid_input());
        }
        for builder in [
            disabled().api_key(""),
            disabled().base_url("not a URL"),
            disabled().timeout(Duration::ZERO),
            disabled().spool("/dev/null/no folder"),
        ] {
            assert!(builder.build().is_ok());
        }
    }

    #[test]
    fn serverless_changes_defaults_and_no_given_value_in_any_order() {
        let limits = BatchLimits::default().interval(Duration::from_secs(7));
        let policy = RetryPolicy::default().max_age(Duration::from_secs(7));
        for builder in [
            LayerBuilder::default().serverless().batch(limits).retry(policy),
            LayerBuilder::default().batch(limits).retry(policy).serverless(),
        ] {
            assert_eq!((builder.batch_limits(), builder.retry_policy()), (limits, policy));
        }
        let serverless = LayerBuilder::default().serverless();
        assert_eq!(serverless.batch_limits().interval, SERVERLESS_INTERVAL);
        assert_eq!(serverless.retry_policy().max_age, Duration::from_secs(10));
        assert_eq!(LayerBuilder::default().batch_limits(), BatchLimits::default());
    }
}
