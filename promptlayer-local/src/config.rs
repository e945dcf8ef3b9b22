use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Where a [`Server`](crate::Server) keeps what is logged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Database {
    /// In memory; gone when the server stops.
    #[default]
    Memory,
    /// In this file, which is created if there is none. On Unix, only its owner can read and write it (0600); a file
    /// with more rights loses them. A file of another program is refused and left as it is.
    File(PathBuf),
}

impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => formatter.write_str("in memory"),
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}

/// How a [`Server`](crate::Server) runs; the default keeps everything in memory on a free loopback port.
///
/// ```
/// use promptlayer_local::{Config, Server};
///
/// let config = Config::default().api_key("only-this-key");
/// let server = Server::start(config)?;
/// assert_ne!(server.address().port(), 0);
/// # Ok::<(), promptlayer_local::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    pub(crate) database: Database,
    pub(crate) address: SocketAddr,
    pub(crate) api_key: Option<String>,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) body_limit: usize,
    pub(crate) connection_limit: usize,
    pub(crate) header_timeout: Duration,
}

impl Config {
    /// The address listened on unless [`address`](Self::address) says otherwise: loopback, any free port.
    pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// The largest body accepted unless [`body_limit`](Self::body_limit) says otherwise: 64 MiB.
    pub const DEFAULT_BODY_LIMIT: usize = 64 * 1024 * 1024;

    /// How many connections are open at once unless [`connection_limit`](Self::connection_limit) says otherwise: 512.
    pub const DEFAULT_CONNECTION_LIMIT: usize = 512;

    /// How long a request's headers may take unless [`header_timeout`](Self::header_timeout) says otherwise: 30 seconds.
    pub const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_secs(30);

    /// Keeps what is logged there. Default: [`Database::Memory`].
    #[must_use]
    pub fn database(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// Listens on this address; port 0 takes any free one. Default: [`DEFAULT_ADDRESS`](Self::DEFAULT_ADDRESS).
    ///
    /// An address other than loopback needs an [`api_key`](Self::api_key).
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Accepts this key only, and asks for it before it shows a page. By default any `X-API-KEY` that is not empty is
    /// accepted and the pages need none; an empty key means the same.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Answers requests that call the server by this name, such as `box.lan`, too; may be given more than once. Requests
    /// that name a host other than an IP address, `localhost` and these get 421.
    #[must_use]
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.allowed_hosts.push(name.into());
        self
    }

    /// Answers 413 to a body of more than this many bytes. Default: [`DEFAULT_BODY_LIMIT`](Self::DEFAULT_BODY_LIMIT).
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Keeps at most this many connections open, at least one; further ones wait until one is closed. Default:
    /// [`DEFAULT_CONNECTION_LIMIT`](Self::DEFAULT_CONNECTION_LIMIT).
    #[must_use]
    pub fn connection_limit(mut self, connections: usize) -> Self {
        self.connection_limit = connections.max(1);
        self
    }

    /// Closes a connection on which no request's headers have arrived for this long, idle ones included. Default:
    /// [`DEFAULT_HEADER_TIMEOUT`](Self::DEFAULT_HEADER_TIMEOUT).
    #[must_use]
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: Database::default(),
            address: Self::DEFAULT_ADDRESS,
            api_key: None,
            allowed_hosts: Vec::new(),
            body_limit: Self::DEFAULT_BODY_LIMIT,
            connection_limit: Self::DEFAULT_CONNECTION_LIMIT,
            header_timeout: Self::DEFAULT_HEADER_TIMEOUT,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Config")
            .field("database", &self.database)
            .field("address", &self.address)
            // A key is a secret even on one machine: it may be the one used against the real service.
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .field("allowed_hosts", &self.allowed_hosts)
            .field("body_limit", &self.body_limit)
            .field("connection_limit", &self.connection_limit)
            .field("header_timeout", &self.header_timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn the_key_is_not_in_the_debug_output() {
        let shown = format!("{:?}", Config::default().api_key("pl_secret"));
        assert!(shown.contains("[redacted]") && !shown.contains("pl_secret"), "{shown}");
    }
}
