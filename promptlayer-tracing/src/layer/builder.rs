//! The layer's builder.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tracing::Metadata;

use crate::error::Error;
use crate::export::{
    self, BatchLimits, Form, Guard, Pipeline, QueueLimits, Resource, RetryPolicy, Settings, SpoolSettings,
    Store, Tally, Wire,
};
use crate::hook::{Hooks, LoggedRequest};
use crate::layer::{PromptLayer, SpanFilter};
use crate::memory::InMemory;
use crate::record::Inherited;
use crate::sink::{Destination, Redact, Sink};
use promptlayer_blueprint::LogRequest;
use promptlayer_blueprint::Tags;
use promptlayer_client::exporter::check_metadata;
use promptlayer_client::exporter::clock;
use promptlayer_client::{Client, ClientBuilder, Env};

/// The environment variable that switches the capture of content off.
const CAPTURE_CONTENT: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
/// What switches it off.
const OFF: &[&str] = &["false", "0", "no", "off", "no_content"];
/// The environment variable that names the service.
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// Sets up a [`PromptLayer`]. Made by [`layer`](crate::layer()); nothing but the key has to be given.
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
#[derive(Default)]
#[must_use]
pub struct LayerBuilder {
    client: Option<Client>,
    settings: ClientBuilder,
    env: Env,
    provider: Option<String>,
    tags: Vec<Cow<'static, str>>,
    metadata: BTreeMap<String, String>,
    capture_content: Option<bool>,
    gen_ai_fields: Option<bool>,
    redact: Redact,
    sample: Option<f64>,
    queue: QueueLimits,
    batch: BatchLimits,
    retry: RetryPolicy,
    spool: Option<SpoolSettings>,
    wire: Wire,
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
            .field("queue", &self.queue)
            .field("batch", &self.batch)
            .field("retry", &self.retry)
            .field("spool", &self.spool)
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}

impl LayerBuilder {
    /// The API key. Defaults to the variable `PROMPTLAYER_API_KEY`.
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.settings = self.settings.api_key(key);
        self
    }

    /// Where PromptLayer is. Defaults to the variable `PROMPTLAYER_BASE_URL`, else to
    /// [`ClientBuilder::DEFAULT_BASE_URL`].
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.settings = self.settings.base_url(url);
        self
    }

    /// How long one request to PromptLayer may take. Defaults to the variable
    /// `PROMPTLAYER_HTTP_TIMEOUT`, in seconds, else to [`ClientBuilder::DEFAULT_TIMEOUT`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings = self.settings.timeout(timeout);
        self
    }

    /// Sets up the connections otherwise: a proxy, a certificate authority of your own, … See
    /// [`ClientBuilder::http`].
    pub fn http(
        mut self,
        set_up: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.settings = self.settings.http(set_up);
        self
    }

    /// Uses the settings of a client that is there already, instead of the four above.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Where the variables are looked up. Defaults to the process's environment.
    pub fn env(mut self, env: Env) -> Self {
        self.settings = self.settings.env(env.clone());
        self.env = env;
        self
    }

    /// The provider of requests where the attribute does not tell it, instead of the one that the
    /// exchange tells: Groq, Azure and many others speak as OpenAI does. Defaults to the exchange's, or
    /// `custom` where that tells none.
    pub fn provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Tags for every request, beside those of its function.
    pub fn tags<T: Into<Cow<'static, str>>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Metadata for every request, beside that of its function.
    pub fn metadata<K, V>(mut self, metadata: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.metadata.extend(metadata.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Whether prompts and answers are recorded. Without them a request says which model was called and
    /// with which numbers, how the call ended (of an error its type alone), and what it used; metadata and
    /// fields are what you gave, and stay. Defaults to the variable
    /// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, which `false`, `0`, `no`, `off` and
    /// `NO_CONTENT` switch off, else to `true`.
    pub fn capture_content(mut self, capture: bool) -> Self {
        self.capture_content = Some(capture);
        self
    }

    /// Whether a call records on its own span, when it ends, what it says of itself in OpenTelemetry's
    /// attributes for generative models, so that other layers of the subscriber see it: the operation, the provider,
    /// the models asked for and answering, the answer's id and why it ended, the tokens, and the kind of an error, and
    /// what the conventions renamed by both names. Where one looks, the
    /// calling thread converts the call for it. A field of such a name that you declared yourself stays yours.
    /// Defaults to `true`; what is sent to PromptLayer has these and more attributes either way.
    pub fn gen_ai_fields(mut self, record: bool) -> Self {
        self.gen_ai_fields = Some(record);
        self
    }

    /// Rewrites every request before it leaves the thread that made the call: what the closure leaves in it
    /// is what is queued, kept on disk and sent. What the request's span says beside it is made from what is left: its
    /// attributes and what went wrong. What could not be told from the request does not leave: the arguments that
    /// have no place in one, and the texts in which another crate's span (rig's, genai's) said the same. Fields of your own
    /// stay. Of spans that make no request see [`redact_text`](Self::redact_text), which comes after it.
    ///
    /// ```
    /// # let builder =
    /// promptlayer_tracing::layer().redact(|request| {
    ///     request.metadata.remove("customer");
    ///     request.prompt_input_variables.clear();
    /// });
    /// ```
    ///
    /// Where it panics, the request goes without any text.
    pub fn redact(mut self, redact: impl Fn(&mut LogRequest) + Send + Sync + 'static) -> Self {
        self.redact.request = Some(Box::new(redact));
        self
    }

    /// Rewrites every text that a request or another span holds (prompts, answers, arguments, metadata,
    /// parameters, errors, fields) before it leaves the thread that made the call. The closure is called once
    /// a text.
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

    /// The share of traces that are recorded, from 0 to 1. Which ones, their random ids decide: a trace is
    /// recorded whole or not at all, and what is not is not even serialized. Defaults to 1.
    pub fn sample(mut self, share: f64) -> Self {
        // What is no number records all: nobody asks for that to lose something.
        self.sample = Some(if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) });
        self
    }

    /// How much may wait to be sent. Defaults to [`QueueLimits::default`].
    pub fn queue(mut self, limits: QueueLimits) -> Self {
        self.queue = limits;
        self
    }

    /// How much goes out together, and how often. Defaults to [`BatchLimits::default`].
    pub fn batch(mut self, limits: BatchLimits) -> Self {
        self.batch = limits;
        self
    }

    /// How long what could not be delivered is tried again. Defaults to [`RetryPolicy::default`].
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Keeps on disk what cannot be delivered, or is left at the shutdown, for the next run to deliver: give
    /// it a folder, or [`SpoolSettings`]. Without one, what is too old is dropped and counted. What earlier runs left
    /// there is looked through by [`build`](Self::build), on the thread that calls it.
    pub fn spool(mut self, spool: impl Into<SpoolSettings>) -> Self {
        self.spool = Some(spool.into());
        self
    }

    /// Sets what a function that is frozen between two invocations wants (AWS Lambda, Cloud Run and their
    /// like): spans are sent as they end and not in batches of a second, nothing is tried anew after ten
    /// seconds, and a request takes no longer than five. It replaces what [`timeout`](Self::timeout),
    /// [`batch`](Self::batch), [`retry`](Self::retry) and [`hook_timeout`](Self::hook_timeout) said before; the
    /// time-out of a [`client`](Self::client) is its own. Call [`Guard::flush`] before each
    /// invocation returns: what is on its way when the process is frozen may be cut.
    pub fn serverless(self) -> Self {
        let second = Duration::from_secs(1);
        self.timeout(5 * second)
            .batch(BatchLimits::default().interval(Duration::from_millis(20)))
            .retry(
                RetryPolicy::default()
                    .longest_delay(second)
                    .max_age(10 * second)
                    .probe_interval(5 * second)
                    .settling_time(second),
            )
            .hook_timeout(5 * second)
    }

    /// How requests reach the service. Defaults to [`Wire::SpansBulk`].
    pub fn wire(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    /// Calls `hook` with every request, once it has an id. Hooks run on a thread of their own, in the
    /// order in which they were given. A hook may call the client, [`Guard::flush`] and annotated functions;
    /// what these log is handed to no hook, or there would be no end to it.
    pub fn on_request_id(mut self, hook: impl Fn(&LoggedRequest) + Send + Sync + 'static) -> Self {
        self.hooks.synchronous.push(Box::new(hook));
        self
    }

    /// How long the future of an asynchronous hook may take before it is dropped, at most ten years. Defaults to
    /// 30 s.
    pub fn hook_timeout(mut self, timeout: Duration) -> Self {
        self.hooks.timeout = Some(timeout.min(clock::LONGEST));
        self
    }

    /// Awaits `hook` with every request, once it has an id, after the hooks of
    /// [`on_request_id`](Self::on_request_id). The future runs in a tokio runtime.
    pub fn on_request_id_async<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(LoggedRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.hooks.asynchronous.push(Box::new(move |request| Box::pin(hook(request))));
        self
    }

    /// Is told of errors of the pipeline, once of each kind until something succeeds. Defaults to one
    /// line on standard error.
    pub fn on_error(mut self, on_error: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.hooks.on_error = Some(Box::new(on_error));
        self
    }

    /// Which spans that are not of the attribute, and say nothing of a model themselves, become spans of the
    /// trace. Defaults to none.
    ///
    /// ```
    /// # let builder =
    /// promptlayer_tracing::layer().export_spans(|metadata| metadata.target().starts_with("my_app"));
    /// ```
    pub fn export_spans(mut self, wanted: impl Fn(&Metadata<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.export_spans = Some(Box::new(wanted));
        self
    }

    /// The layer, and the guard that keeps its pipeline running.
    ///
    /// # Errors
    ///
    /// Without a key, an error for which [`Error::is_missing_api_key`] holds; with a key, a tag, metadata, a base URL or a timeout that
    /// cannot be used, the error that says so; where there are no root certificates for HTTPS,
    /// [`Error::HttpSetup`]; where a thread cannot be started, [`Error::ThreadStart`]; and where the spool's folder
    /// cannot be made, written to or locked, [`Error::Spool`].
    pub fn build(mut self) -> Result<(PromptLayer, Guard), Error> {
        let client = match self.client.take() {
            Some(client) => client,
            None => std::mem::take(&mut self.settings).build()?,
        };
        let redactor = client.http().redactor().clone();
        self.hooks.redactor = redactor.clone();
        self.build_with(client).map_err(|error| error.redacted(&redactor))
    }

    fn build_with(mut self, client: Client) -> Result<(PromptLayer, Guard), Error> {
        let form = Arc::new(Form {
            wire: self.wire,
            batch: self.batch,
            resource: Resource::new(self.service_name()),
            provider: self.provider.clone(),
        });
        let (store, found) = match &self.spool {
            Some(spool) => {
                Store::open(spool, &client.http().destination()).map(|(store, found)| (Some(store), found))?
            }
            None => (None, Tally::default()),
        };
        let settings = Settings { client, retry: self.retry, form: Arc::clone(&form) };
        let hooks = std::mem::take(&mut self.hooks);
        let mut pipeline = Pipeline::new(self.queue, form, store);
        pipeline.reporter = Arc::clone(&hooks.reporter);
        let pipeline = Arc::new(pipeline);
        pipeline.adopt(found);
        let layer = self.finish(Box::new(Arc::clone(&pipeline)))?;
        let guard = export::start(&pipeline, settings, hooks)?;
        Ok((layer, guard))
    }

    /// A layer that sends nowhere, and what it receives: for tests. It needs no key and starts no
    /// thread; hooks are not called.
    ///
    /// # Errors
    ///
    /// A tag or metadata that cannot be used.
    pub fn in_memory(self) -> Result<(PromptLayer, InMemory), Error> {
        let captured = InMemory::new(self.provider.clone());
        let layer = self.finish(Box::new(Arc::clone(&captured.0)))?;
        Ok((layer, captured))
    }

    fn finish(self, destination: Box<dyn Destination>) -> Result<PromptLayer, Error> {
        let capture_content = self.capture_content.unwrap_or_else(|| {
            let said = self.env.get(CAPTURE_CONTENT).map(|value| value.to_lowercase());
            !said.is_some_and(|said| OFF.contains(&said.as_str()))
        });
        check_metadata(&self.metadata)?;
        let sink = Sink {
            destination,
            root: Arc::new(Inherited { tags: Tags::new(self.tags)?, metadata: self.metadata, prompt: None }),
            provider: self.provider,
            capture_content,
            redact: self.redact,
            sample: self.sample.unwrap_or(1.0),
            gen_ai_fields: self.gen_ai_fields.unwrap_or(true),
            keeps_trace: self.wire == Wire::SpansBulk,
        };
        Ok(PromptLayer::new(Arc::new(sink), self.export_spans))
    }

    /// What the traces say they come from: `OTEL_SERVICE_NAME`, else the program's own name.
    fn service_name(&self) -> String {
        self.env.get(SERVICE_NAME).unwrap_or_else(|| {
            std::env::current_exe()
                .ok()
                .and_then(|path| Some(path.file_stem()?.to_str()?.to_owned()))
                .unwrap_or_else(|| "unknown_service:rust".to_owned())
        })
    }
}
