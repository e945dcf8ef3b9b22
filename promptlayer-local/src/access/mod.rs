//! Who may ask, and for what: `host` checks where a request comes from, `key` what it may see, `unread` deals with the
//! bodies of those that may not.

pub(crate) mod host;
mod key;
mod unread;

use axum::http::HeaderMap;

use crate::{Config, Error};
pub(crate) use host::{AllowedHosts, Refusal};
pub(crate) use key::{ApiKey, Sessions};
pub(crate) use unread::discard_unread;

/// What decides whether a request is answered.
pub(crate) struct Access {
    hosts: AllowedHosts,
    key: Option<ApiKey>,
    sessions: Sessions,
}

impl Access {
    /// # Errors
    ///
    /// [`Error::AllowedHost`] and [`Error::ApiKey`] if one of the two cannot be used, [`Error::KeyNeeded`] if others
    /// than this machine can reach the server and there is no key.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let hosts = AllowedHosts::new(&config.allowed_hosts).map_err(|host| Error::AllowedHost { host })?;
        let key = config.api_key.clone().filter(|key| !key.is_empty());
        let key = key.map(ApiKey::new).transpose().map_err(|reason| Error::ApiKey { reason })?;
        if key.is_none() && !config.address.ip().to_canonical().is_loopback() {
            return Err(Error::KeyNeeded { address: config.address });
        }
        Ok(Self { hosts, key, sessions: Sessions::new(config.address.port()) })
    }

    /// Sets the port that was taken, where any free one was asked for.
    pub(crate) fn on_port(self, port: u16) -> Self {
        Self { sessions: Sessions::new(port), ..self }
    }

    /// Which hosts and origins a request may name.
    pub(crate) fn hosts(&self) -> &AllowedHosts {
        &self.hosts
    }

    /// Returns `true` if the API answers a request with this key.
    pub(crate) fn accepts(&self, given: Option<&str>) -> bool {
        match (&self.key, given) {
            (Some(key), Some(given)) => key.is(given),
            (None, Some(given)) => !given.is_empty(),
            (_, None) => false,
        }
    }

    /// Returns `true` if the pages are shown to those who have the key only.
    pub(crate) fn needs_key(&self) -> bool {
        self.key.is_some()
    }

    /// Returns `true` if the pages are shown to the client that sent these headers.
    pub(crate) fn may_see_pages(&self, headers: &HeaderMap) -> bool {
        !self.needs_key() || self.sessions.has(headers) || self.accepts(key_of(headers))
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

/// The key in a request's header.
pub(crate) fn key_of(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-api-key").and_then(|key| key.to_str().ok())
}
