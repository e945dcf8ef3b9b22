//! Where the spans of a layer go, by the settings of its builder.

use std::time::Duration;

use promptlayer_client::exporter::Redactor;
#[cfg(feature = "otlp")]
use promptlayer_client::exporter::{self, TRACES_PATH};
use promptlayer_client::{Client, ClientBuilder, Env};

use crate::error::Error;
#[cfg(feature = "otlp")]
use crate::export::{Connection, Destination, Encoding, Otlp, resource_attributes};
use crate::export::{Format, Wire};

/// The environment variable for the service name.
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// The destinations of a layer. Hooks receive the ids of the first one.
pub(super) struct Destinations {
    pub(super) first: To,
    #[cfg(feature = "otlp")]
    pub(super) second: Option<To>,
    #[cfg(not(feature = "otlp"))]
    pub(super) second: Option<std::convert::Infallible>,
}

/// One destination.
pub(super) struct To {
    pub(super) client: Client,
    pub(super) format: Format,
    /// A hash that stands for the destination. The spool has a folder for each.
    pub(super) hash: String,
}

impl Destinations {
    fn only(first: To) -> Self {
        Self { first, second: None }
    }

    /// Returns a redactor of the secrets of all destinations.
    pub(super) fn redactor(&self) -> Redactor {
        let redactor = self.first.client.http().redactor().clone();
        #[cfg(feature = "otlp")]
        if let Some(second) = &self.second {
            return redactor.and(second.client.http().redactor());
        }
        redactor
    }
}

impl To {
    fn promptlayer(client: Client, format: Format) -> Self {
        Self { hash: client.http().destination(), client, format }
    }
}

/// The settings of a builder that say where spans go.
pub(super) struct Chosen<'a> {
    pub(super) wire: Wire,
    #[cfg(feature = "otlp")]
    pub(super) otlp: Option<&'a Otlp>,
    #[cfg(feature = "otlp")]
    pub(super) env: &'a Env,
    pub(super) settings: &'a ClientBuilder,
    pub(super) client: Option<&'a Client>,
    /// The settings that were given and that a client has too.
    #[cfg(feature = "otlp")]
    pub(super) of_client: &'a [&'static str],
    /// The time limit of a request, if one is set.
    pub(super) timeout: Option<Duration>,
}

impl Chosen<'_> {
    /// Returns the destinations, or an error if settings contradict each other.
    pub(super) fn destinations(&self) -> Result<Destinations, Error> {
        match self.wire {
            #[cfg(feature = "otlp")]
            Wire::SpansBulk | Wire::LogRequest if self.otlp.is_some() => Err(contradiction(
                "`.wire(…)` selects another one; to send to both, use `Wire::SpansBulkAndOtlp`",
            )),
            Wire::SpansBulk => {
                Ok(Destinations::only(To::promptlayer(self.promptlayer()?, Format::SpansBulk)))
            }
            Wire::LogRequest => {
                Ok(Destinations::only(To::promptlayer(self.promptlayer()?, Format::LogRequest)))
            }
            #[cfg(feature = "otlp")]
            Wire::Otlp => self.to_otlp(false).map(Destinations::only),
            #[cfg(feature = "otlp")]
            Wire::SpansBulkAndOtlp => {
                if self.otlp.is_none() {
                    let reason = "it needs a second destination; give it with `.otlp(…)`";
                    return Err(exporter::invalid_argument("wire `SpansBulkAndOtlp`", reason).into());
                }
                let first = To::promptlayer(self.promptlayer()?, Format::SpansBulk);
                let redactor = first.client.http().redactor().clone();
                let second = self.to_otlp(true).map_err(|error| error.redacted(&redactor))?;
                let url = |to: &To| {
                    let url = to.client.base_url();
                    if url.ends_with(TRACES_PATH) { url.to_owned() } else { format!("{url}{TRACES_PATH}") }
                };
                if url(&first) == url(&second) {
                    return Err(contradiction(
                        "both wires lead to the same PromptLayer, which would log each call twice; use one of them",
                    ));
                }
                Ok(Destinations { first, second: Some(second) })
            }
        }
    }

    /// Returns the client of PromptLayer, as given or by the settings.
    fn promptlayer(&self) -> Result<Client, Error> {
        match self.client {
            Some(client) => Ok(client.clone()),
            None => {
                let settings = self.settings.clone();
                let settings = match self.timeout {
                    Some(timeout) => settings.timeout(timeout),
                    None => settings,
                };
                Ok(settings.build()?)
            }
        }
    }

    #[cfg(feature = "otlp")]
    fn to_otlp(&self, is_second: bool) -> Result<To, Error> {
        let otlp = self.otlp.cloned().unwrap_or_default();
        let connection = Connection {
            env: self.env,
            settings: self.settings,
            has_base_url: self.of_client.contains(&"base_url"),
            client: self.client,
            timeout: self.timeout,
            is_second,
        };
        let Destination { client, is_promptlayer, gzip, messages, .. } = otlp.destination(&connection)?;
        if !is_promptlayer && !is_second {
            let unused = ["api_key", "base_url"].into_iter().find(|setting| self.of_client.contains(setting));
            if let Some(setting) = unused.or(self.client.is_some().then_some("client")) {
                return Err(contradiction(&format!(
                    "a collector is the only destination, and `.{setting}(…)` is for PromptLayer; to send to both, \
                     use `Wire::SpansBulkAndOtlp`"
                )));
            }
        }
        let service = self.env.get(SERVICE_NAME);
        let resource = resource_attributes(self.env, service.as_deref(), executable)?;
        Ok(To {
            hash: client.http().destination_of_traces(),
            client,
            format: Format::Otlp(Encoding::new(&resource, messages, gzip, is_promptlayer)),
        })
    }
}

#[cfg(feature = "otlp")]
fn contradiction(reason: &str) -> Error {
    exporter::invalid_argument("setting `.otlp(…)`", reason).into()
}

/// Returns the service name for the resource of the traces: `OTEL_SERVICE_NAME`, else the name of the executable.
pub(super) fn service_name(env: &Env) -> String {
    env.get(SERVICE_NAME).unwrap_or_else(executable)
}

/// Returns the name of the executable.
fn executable() -> String {
    std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .unwrap_or_else(|| "unknown_service:rust".to_owned())
}
