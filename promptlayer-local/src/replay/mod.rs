//! Calls of model providers for the page Replay.
//!
//! `provider` has the providers that the server was started with, `call` sends a request and reads the response,
//! `exchange` makes the request log of a call, and `running` are the calls that can be stopped. Requests are written and
//! responses are read by `promptlayer-blueprint`.

mod call;
mod exchange;
mod provider;
mod running;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use call::Piece;
pub(crate) use exchange::{Origin, Planned, written};
pub(crate) use provider::{Provider, WireApi};
use reqwest::Client;
use reqwest::redirect::Policy;
pub(crate) use running::{NoSlot, Running, Slot};

use crate::{Config, Error};

/// The maximum time to connect to a provider.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The providers that the server was started with, and what all calls share.
pub(crate) struct Replay {
    providers: Vec<Arc<Provider>>,
    client: Client,
    timeout: Duration,
    running: Running,
}

impl Replay {
    /// Checks the providers of a configuration. Returns `None` if it has none.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Provider`] if a provider is not valid, and [`Error::ProviderClient`] if the HTTP client cannot be
    /// created.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, Error> {
        if config.providers.is_empty() {
            return Ok(None);
        }
        let mut providers: Vec<Arc<Provider>> = Vec::new();
        for settings in &config.providers {
            let is_known = providers.iter().any(|provider| provider.name() == settings.name);
            let provider = if is_known { Err("it was given twice") } else { Provider::new(settings) };
            let provider =
                provider.map_err(|reason| Error::Provider { name: settings.name.clone(), reason })?;
            providers.push(Arc::new(provider));
        }
        Ok(Some(Self {
            client: client(&providers)?,
            providers,
            timeout: config.provider_timeout,
            running: Running::default(),
        }))
    }

    /// Returns all providers, in the order in which they were configured.
    pub(crate) fn providers(&self) -> &[Arc<Provider>] {
        &self.providers
    }

    /// Returns the provider of this name.
    pub(crate) fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| provider.name() == name)
    }

    /// Returns the calls that are running.
    pub(crate) fn running(&self) -> &Running {
        &self.running
    }
}

fn client(providers: &[Arc<Provider>]) -> Result<Client, Error> {
    let builder = || {
        Client::builder()
            // A redirect can send the key and the prompt to another host.
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("promptlayer-local/", env!("CARGO_PKG_VERSION")))
    };
    let built = builder().build();
    // On a system without root certificates, no certificate can be verified. Plain HTTP does not need any.
    let built = match built {
        Err(_) if providers.iter().all(|provider| provider.is_plain_http()) => {
            builder().tls_certs_only([]).build()
        }
        built => built,
    };
    built.map_err(|source| Error::ProviderClient { source: source.without_url().into() })
}
