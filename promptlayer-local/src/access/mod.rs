//! Access control. `host` checks the host and origin of a request, `key` the API key and the browser
//! sessions, and `unread` discards the bodies of refused requests.

pub(crate) mod host;
mod key;
mod unread;

use axum::http::HeaderMap;
pub(crate) use host::{AllowedHosts, Refusal};
pub(crate) use key::{ApiKey, Sessions};
pub(crate) use unread::discard_unread;

use crate::{Config, Error};

/// The state that decides whether a request is allowed.
pub(crate) struct Access {
    hosts: AllowedHosts,
    key: Option<ApiKey>,
    sessions: Sessions,
}

impl Access {
    /// Creates the access rules of a configuration.
    ///
    /// # Errors
    ///
    /// Returns [`Error::AllowedHost`] or [`Error::ApiKey`] if a host name or the key is not valid. Returns
    /// [`Error::KeyNeeded`] if other machines can reach the server and no key is set.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let hosts = AllowedHosts::new(&config.allowed_hosts).map_err(|host| Error::AllowedHost { host })?;
        let key = config.api_key.clone().filter(|key| !key.is_empty());
        let key = key.map(ApiKey::new).transpose().map_err(|reason| Error::ApiKey { reason })?;
        if key.is_none() && !config.address.ip().to_canonical().is_loopback() {
            return Err(Error::KeyNeeded { address: config.address });
        }
        Ok(Self { hosts, key, sessions: Sessions::new(config.address.port()) })
    }

    /// Sets the actual port, for a server that was started on port 0.
    pub(crate) fn on_port(self, port: u16) -> Self {
        Self { sessions: Sessions::new(port), ..self }
    }

    /// Returns the check for the host and the origin of a request.
    pub(crate) fn hosts(&self) -> &AllowedHosts {
        &self.hosts
    }

    /// Returns `true` if the API accepts this key.
    pub(crate) fn accepts(&self, given: Option<&str>) -> bool {
        match (&self.key, given) {
            (Some(key), Some(given)) => key.is(given),
            (None, Some(given)) => !given.is_empty(),
            (_, None) => false,
        }
    }

    /// Returns `true` if the pages require the key.
    pub(crate) fn needs_key(&self) -> bool {
        self.key.is_some()
    }

    /// Returns `true` if the client that sent these headers may see the pages.
    pub(crate) fn may_see_pages(&self, headers: &HeaderMap) -> bool {
        !self.needs_key() || self.sessions.has(headers) || self.accepts(key_of(headers))
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

/// Returns the API key in the headers of a request.
pub(crate) fn key_of(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-api-key").and_then(|key| key.to_str().ok())
}
