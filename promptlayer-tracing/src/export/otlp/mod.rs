//! The settings of OTLP: where spans are sent in OpenTelemetry's protocol, and how.

mod destination;
mod environment;

use std::fmt;
use std::time::Duration;

pub(crate) use self::destination::{Connection, Destination, resource_attributes};

/// Settings for sending spans in OpenTelemetry's protocol, OTLP over HTTP with protobuf.
///
/// There are two kinds of destinations:
///
/// | | [`Otlp::promptlayer`] | [`Otlp::collector`] |
/// |---|---|---|
/// | endpoint | `PROMPTLAYER_OTLP_TRACES_ENDPOINT`, else the base URL and `/v1/traces` | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, else `OTEL_EXPORTER_OTLP_ENDPOINT` and `/v1/traces`, else [`DEFAULT_ENDPOINT`](Self::DEFAULT_ENDPOINT) |
/// | API key | in the header `X-API-KEY` | not needed, and never sent |
/// | headers | [`header`](Self::header) | `OTEL_EXPORTER_OTLP_TRACES_HEADERS`, else `OTEL_EXPORTER_OTLP_HEADERS`, and [`header`](Self::header) |
/// | gzip | [`gzip`](Self::gzip) | the same, else `OTEL_EXPORTER_OTLP_TRACES_COMPRESSION`, else `OTEL_EXPORTER_OTLP_COMPRESSION` |
/// | time-out | that of the layer | [`timeout`](Self::timeout), else `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`, else `OTEL_EXPORTER_OTLP_TIMEOUT` (milliseconds), else `timeout` of the layer |
/// | after a lost response | the trace is read back | the spans are sent again under the same ids |
/// | hooks | receive request ids, which are read from the trace | receive nothing |
///
/// `OTEL_RESOURCE_ATTRIBUTES` adds attributes to the resource of all spans. Values in lists of the environment are
/// percent-decoded. A value that cannot be used is an error of [`build`](crate::LayerBuilder::build).
///
/// ```
/// use promptlayer_tracing::export::Otlp;
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// // To a collector. PromptLayer and its key are not needed.
/// let otlp = Otlp::collector().endpoint("http://localhost:4318/v1/traces").header("x-tenant", "blue");
/// let (layer, guard) = promptlayer_tracing::layer().otlp(otlp).build()?;
/// # drop((layer, guard));
/// # Ok(())
/// # }
/// ```
///
/// To PromptLayer, with a request log for each model call, and to a collector at the same time:
///
/// ```
/// use std::time::Duration;
///
/// use promptlayer_tracing::export::{Otlp, Wire};
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let (layer, guard) = promptlayer_tracing::layer()
///     .api_key("pl_123")
/// #   .base_url("http://127.0.0.1:9")
///     .wire(Wire::SpansBulkAndOtlp)
///     .otlp(Otlp::collector())
///     .build()?;
/// // … the program …
/// let stats = guard.shutdown(Duration::from_secs(5));
/// println!("PromptLayer has {}, the collector {:?}", stats.spans.delivered, stats.otlp.map(|otlp| otlp.spans.delivered));
/// # drop(layer);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Otlp {
    is_promptlayer: bool,
    endpoint: Option<String>,
    headers: Vec<(String, String)>,
    gzip: Option<bool>,
    messages: bool,
    timeout: Option<Duration>,
}

impl Otlp {
    /// The endpoint of a collector if none is given: `http://localhost:4318/v1/traces`.
    pub const DEFAULT_ENDPOINT: &str = "http://localhost:4318/v1/traces";

    /// Sends spans to PromptLayer's OTLP endpoint, with the API key and the base URL of the layer.
    ///
    /// PromptLayer makes the request logs from the attributes of the spans.
    pub fn promptlayer() -> Self {
        Self::new(true)
    }

    /// Sends spans to an OpenTelemetry collector, or to another service that takes OTLP.
    pub fn collector() -> Self {
        Self::new(false)
    }

    fn new(is_promptlayer: bool) -> Self {
        Self {
            is_promptlayer,
            endpoint: None,
            headers: Vec::new(),
            gzip: None,
            messages: true,
            timeout: None,
        }
    }

    /// Sets the URL that spans are posted to, with its path: an `http` or `https` URL without a user and without a
    /// query.
    ///
    /// PromptLayer's has to end in `/v1/traces`: its traces are read back from the same server. Defaults to the
    /// environment.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Adds a header to every request, for example for authentication. A later value of the same name replaces an
    /// earlier one, and one of the environment.
    ///
    /// Values count as secrets: they are in no `Debug` output, and are removed from errors, except for values of less
    /// than four characters. [`build`](crate::LayerBuilder::build) returns an error for a header that cannot be sent
    /// or that the exporter sets itself.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets whether bodies of 1 KiB or more are compressed with gzip. Defaults to the environment for a collector, else
    /// to `true`.
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.gzip = Some(gzip);
        self
    }

    /// Sets whether spans of model calls carry what was said: the messages, the system instructions, the definitions of
    /// tools, and the variables of the prompt template. Defaults to `true`.
    ///
    /// Without them, PromptLayer's request logs have no input and no output. To record no content at all, in any span,
    /// use [`capture_content`](crate::LayerBuilder::capture_content).
    pub fn messages(mut self, messages: bool) -> Self {
        self.messages = messages;
        self
    }

    /// Sets the time limit for one request to a collector. It must be greater than zero, and is reduced to ten years.
    ///
    /// For PromptLayer, use [`LayerBuilder::timeout`](crate::LayerBuilder::timeout): both together are an error.
    /// Defaults to the environment, else to `timeout` of the layer, else to 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl Default for Otlp {
    /// Returns [`Otlp::promptlayer`].
    fn default() -> Self {
        Self::promptlayer()
    }
}

impl fmt::Debug for Otlp {
    /// Omits the values of the headers, and an endpoint that may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let endpoint = self.endpoint.as_deref().map(environment::shown_url);
        formatter
            .debug_struct("Otlp")
            .field("is_promptlayer", &self.is_promptlayer)
            .field("endpoint", &endpoint)
            .field("headers", &names)
            .field("gzip", &self.gzip)
            .field("messages", &self.messages)
            .field("timeout", &self.timeout)
            .finish()
    }
}
