//! A destination for OTLP, from its settings and the environment.

use std::time::Duration;

use promptlayer_blueprint::semconv;
use promptlayer_client::exporter::{self, BASE_URL, Collector, SecretHeaders, TRACES_PATH};
use promptlayer_client::{Client, ClientBuilder, Env, Error};
use serde_json::{Map, Value};

use super::{Otlp, environment};
use crate::export::encode::spans_bulk::Resource;

/// A destination that can be connected to.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) client: Client,
    pub(crate) is_promptlayer: bool,
    pub(crate) gzip: bool,
    pub(crate) messages: bool,
}

/// What the layer knows of its own connection.
pub(crate) struct Connection<'a> {
    pub(crate) env: &'a Env,
    /// The settings of the connection, if no client was given.
    pub(crate) settings: &'a ClientBuilder,
    /// `true` if the settings have a base URL.
    pub(crate) has_base_url: bool,
    pub(crate) client: Option<&'a Client>,
    pub(crate) timeout: Option<Duration>,
    /// `true` if spans are sent to `POST /spans-bulk` too.
    pub(crate) is_second: bool,
}

impl Otlp {
    /// Checks the settings and builds a client. Sends nothing.
    pub(crate) fn destination(&self, layer: &Connection<'_>) -> Result<Destination, Error> {
        let gzip = match self.gzip {
            None if !self.is_promptlayer => environment::gzip(layer.env)?,
            given => given,
        };
        let of_environment = if self.is_promptlayer { Vec::new() } else { environment::headers(layer.env)? };
        let mut headers = SecretHeaders::default();
        for (name, value) in of_environment.iter().chain(&self.headers) {
            headers.set(name, value)?;
        }
        let client = if self.is_promptlayer {
            self.promptlayer_client(&headers, layer)
        } else {
            self.collector_client(&headers, layer)
        };
        let client = client.map_err(|error| error.redacted(headers.redactor()))?;
        Ok(Destination {
            client,
            is_promptlayer: self.is_promptlayer,
            gzip: gzip.unwrap_or(true),
            messages: self.messages,
        })
    }

    fn promptlayer_client(&self, headers: &SecretHeaders, layer: &Connection<'_>) -> Result<Client, Error> {
        if self.timeout.is_some() {
            let reason = "for PromptLayer, `.timeout(…)` of the layer is used";
            return Err(exporter::invalid_argument("setting `Otlp::timeout(…)`", reason));
        }
        let endpoint = self.endpoint.clone().or_else(|| layer.env.get(environment::PROMPTLAYER_ENDPOINT));
        let base_url = match endpoint.as_deref().map(|url| url.trim().strip_suffix(TRACES_PATH)) {
            None => None,
            Some(Some(base_url)) => Some(base_url.to_owned()),
            Some(None) => {
                let reason = format!(
                    "PromptLayer's ends in `{TRACES_PATH}`, so that traces can be read back from the same server; \
                     for another service, use `Otlp::collector()`"
                );
                return Err(exporter::invalid_argument("OTLP endpoint", reason));
            }
        };
        let client = match (layer.client, base_url) {
            (Some(client), None) => client.clone(),
            (Some(client), Some(base_url)) => {
                let built = layer.settings.clone().api_key("unused").base_url(base_url).build()?;
                if layer.is_second || built.base_url() != client.base_url() {
                    return Err(two_base_urls("`.client(…)`"));
                }
                client.clone()
            }
            (None, None) => connect(layer.settings.clone(), layer)?,
            (None, Some(base_url)) => {
                let has_base_url = layer.has_base_url || layer.env.get(BASE_URL).is_some();
                let built = connect(layer.settings.clone().base_url(base_url), layer)?;
                let is_other = || {
                    let own = connect(layer.settings.clone(), layer);
                    own.map(|own| own.base_url() != built.base_url())
                };
                if has_base_url && !layer.is_second && is_other()? {
                    return Err(two_base_urls("the base URL"));
                }
                built
            }
        };
        client.with_headers(headers)
    }

    fn collector_client(&self, headers: &SecretHeaders, layer: &Connection<'_>) -> Result<Client, Error> {
        let endpoint = self.endpoint.clone().or_else(|| environment::endpoint(layer.env));
        let endpoint = endpoint.unwrap_or_else(|| Self::DEFAULT_ENDPOINT.to_owned());
        let timeout = match self.timeout {
            Some(timeout) => Some(timeout),
            None => environment::timeout(layer.env)?,
        };
        let of_layer = || layer.timeout.or(layer.client.map(Client::timeout));
        let timeout = timeout.or_else(of_layer).unwrap_or(ClientBuilder::DEFAULT_TIMEOUT);
        let collector = Collector::new(&endpoint, headers.clone(), timeout)?;
        match layer.client {
            Some(client) => collector.client_like(client),
            None => collector.client(layer.settings),
        }
    }
}

fn connect(settings: ClientBuilder, layer: &Connection<'_>) -> Result<Client, Error> {
    match layer.timeout {
        Some(timeout) => settings.timeout(timeout).build(),
        None => settings.build(),
    }
}

fn two_base_urls(other: &str) -> Error {
    let reason = format!("it is not below {other}; give one of them");
    exporter::invalid_argument("OTLP endpoint", reason)
}

/// Returns the attributes of the resource of all spans. `service` is the name that is set apart from the list.
pub(crate) fn resource_attributes(
    env: &Env,
    service: Option<&str>,
    otherwise: impl FnOnce() -> String,
) -> Result<Map<String, Value>, Error> {
    let mut attributes: Map<String, Value> = Map::new();
    for (name, value) in environment::resource_attributes(env)? {
        attributes.insert(name, value.into());
    }
    let in_list = attributes.get(semconv::SERVICE_NAME).and_then(Value::as_str).map(str::to_owned);
    let service = service.map(str::to_owned).or(in_list).unwrap_or_else(otherwise);
    attributes.extend(Resource::attributes(&service));
    Ok(attributes)
}
