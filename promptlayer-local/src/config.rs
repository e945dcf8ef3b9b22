use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "replay")]
use secrecy::SecretString;

use crate::store::Retention;

/// The storage that a [`Server`](crate::Server) uses for logged data.
///
/// ```
/// use promptlayer_local::{Config, Database, Server};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("promptlayer.db");
/// let database = Database::File(path);
/// println!("logged requests are kept: {database}");
/// let server = Server::start(Config::default().database(database))?;
/// # drop(server);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Database {
    /// In-memory storage. The data is lost when the server stops.
    #[default]
    Memory,
    /// A SQLite file. The server creates it if it does not exist. On Unix, only the owner can read and write
    /// it (0600); the server removes the permissions of other users from an existing file. The server refuses
    /// a file of another program and does not change it.
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

/// The configuration of a [`Server`](crate::Server). By default, it stores data in memory and listens on a
/// free loopback port.
///
/// ```
/// use std::time::Duration;
///
/// use promptlayer_local::{Config, Server};
///
/// let config = Config::default()
///     .address(([127, 0, 0, 1], 0).into())
///     .api_key("only-this-key")
///     .allow_host("box.lan")
///     .body_limit(8 << 20) // 8 MiB
///     .connection_limit(16)
///     .header_timeout(Duration::from_secs(5))
///     .retain(Duration::from_secs(30 * 24 * 60 * 60)) // 30 days
///     .max_size(2 << 30); // 2 GiB
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
    pub(crate) retention: Retention,
    #[cfg(feature = "replay")]
    pub(crate) providers: Vec<ProviderSettings>,
    #[cfg(feature = "replay")]
    pub(crate) provider_timeout: Duration,
}

/// A provider as it was configured, before it is checked.
#[cfg(feature = "replay")]
#[derive(Clone)]
pub(crate) struct ProviderSettings {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) key: Option<SecretString>,
}

impl Config {
    /// The default of [`address`](Self::address): loopback, any free port.
    pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// The default of [`body_limit`](Self::body_limit): 64 MiB.
    pub const DEFAULT_BODY_LIMIT: usize = 64 * 1024 * 1024;

    /// The default of [`connection_limit`](Self::connection_limit): 512 open connections.
    pub const DEFAULT_CONNECTION_LIMIT: usize = 512;

    /// The default of [`header_timeout`](Self::header_timeout): 30 seconds.
    pub const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_secs(30);

    /// The default of [`provider_timeout`](Self::provider_timeout): 120 seconds.
    #[cfg(feature = "replay")]
    pub const DEFAULT_PROVIDER_TIMEOUT: Duration = Duration::from_secs(120);

    /// Sets the storage for logged data. Default: [`Database::Memory`].
    #[must_use]
    pub fn database(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// Sets the address to listen on. Port 0 takes any free port. Default:
    /// [`DEFAULT_ADDRESS`](Self::DEFAULT_ADDRESS).
    ///
    /// An address other than loopback needs an [`api_key`](Self::api_key).
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets the only API key that the server accepts. The pages then require a login with this key.
    ///
    /// Without a key, the server accepts every non-empty `X-API-KEY`, and the pages need no login. An empty
    /// key has the same effect as no key.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Allows requests whose `Host` is this name, such as `box.lan`. Call it once for each name.
    ///
    /// Requests to a host other than an IP address, `localhost` or one of these names get 421.
    #[must_use]
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.allowed_hosts.push(name.into());
        self
    }

    /// Sets the maximum length of a body in bytes. Larger bodies get 413. Default:
    /// [`DEFAULT_BODY_LIMIT`](Self::DEFAULT_BODY_LIMIT).
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets the maximum number of open connections, at least one. Further connections wait until one is
    /// closed. Default: [`DEFAULT_CONNECTION_LIMIT`](Self::DEFAULT_CONNECTION_LIMIT).
    #[must_use]
    pub fn connection_limit(mut self, connections: usize) -> Self {
        self.connection_limit = connections.max(1);
        self
    }

    /// Sets the time after which a connection without complete request headers is closed. This includes idle
    /// connections. Default: [`DEFAULT_HEADER_TIMEOUT`](Self::DEFAULT_HEADER_TIMEOUT).
    #[must_use]
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// Deletes requests and traces once they are older than this. Default: they are kept.
    ///
    /// A request is as old as its start time, and is deleted with its span. Other spans are deleted once all spans of
    /// their trace are older. The server checks at least every minute, and deletes in short transactions, so that
    /// other writes wait little. Templates are never deleted.
    #[must_use]
    pub fn retain(mut self, age: Duration) -> Self {
        self.retention.age = Some(age);
        self
    }

    /// Sets the maximum size of the database in bytes. Above it, the oldest requests and spans are deleted, in the
    /// order in which they were stored, until the database is a tenth smaller. Default: no limit.
    ///
    /// The size is that of the database file. The write-ahead log beside it needs up to 64 MiB more while
    /// data is deleted. With retention, a
    /// database file that an earlier version created is rewritten once when the server starts, so that it can shrink.
    #[must_use]
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.retention.size = Some(bytes);
        self
    }

    /// Adds a provider that the page Replay can call. Call it once for each provider. Default: none, and Replay is off.
    ///
    /// `name` has at most 64 lower-case letters, digits, `.`, `-` and `_`, and is logged as the provider. `anthropic` is
    /// called with Anthropic's Messages API, every other name with OpenAI's chat completions. `url` is the base address
    /// that the SDK of the provider takes, such as `http://localhost:11434/v1`, `https://api.openai.com/v1` or
    /// `https://api.anthropic.com`. The server sends requests of the page to this address only, and follows no
    /// redirects.
    ///
    /// Without a key, none is sent. The key appears in no page, log, error or `Debug` output.
    /// [`Server::start`](crate::Server::start) returns [`Error::Provider`](crate::Error::Provider) if the name, the URL
    /// or the key is not valid, or if two providers have the same name.
    ///
    /// ```
    /// use promptlayer_local::{Config, Server};
    ///
    /// let config = Config::default()
    ///     .provider("ollama", "http://localhost:11434/v1", None)
    ///     .provider("openai", "https://api.openai.com/v1", Some("sk-…".to_owned()));
    /// # let config = Config::default().provider("ollama", "http://localhost:11434/v1", None);
    /// let server = Server::start(config)?;
    /// # Ok::<(), promptlayer_local::Error>(())
    /// ```
    #[cfg(feature = "replay")]
    #[must_use]
    pub fn provider(
        mut self,
        name: impl Into<String>,
        url: impl Into<String>,
        api_key: Option<String>,
    ) -> Self {
        let key = api_key.filter(|key| !key.is_empty()).map(SecretString::from);
        self.providers.push(ProviderSettings { name: name.into(), url: url.into(), key });
        self
    }

    /// Sets the maximum time of a call to a provider, from its start to the end of the response. A call that takes
    /// longer is logged as failed, with what arrived. Default:
    /// [`DEFAULT_PROVIDER_TIMEOUT`](Self::DEFAULT_PROVIDER_TIMEOUT).
    #[cfg(feature = "replay")]
    #[must_use]
    pub fn provider_timeout(mut self, timeout: Duration) -> Self {
        self.provider_timeout = timeout;
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
            retention: Retention::default(),
            #[cfg(feature = "replay")]
            providers: Vec::new(),
            #[cfg(feature = "replay")]
            provider_timeout: Self::DEFAULT_PROVIDER_TIMEOUT,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Config");
        shown
            .field("database", &self.database)
            .field("address", &self.address)
            // The key is secret even on one machine: it may also be valid for PromptLayer's hosted service.
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .field("allowed_hosts", &self.allowed_hosts)
            .field("body_limit", &self.body_limit)
            .field("connection_limit", &self.connection_limit)
            .field("header_timeout", &self.header_timeout)
            .field("retain", &self.retention.age)
            .field("max_size", &self.retention.size);
        #[cfg(feature = "replay")]
        {
            // Without the URLs, because some people write a password into them.
            let names: Vec<&str> = self.providers.iter().map(|provider| provider.name.as_str()).collect();
            shown.field("providers", &names).field("provider_timeout", &self.provider_timeout);
        }
        shown.finish()
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

    #[cfg(feature = "replay")]
    #[test]
    fn keys_of_providers_are_not_in_the_debug_output() {
        let config = Config::default().provider("openai", "http://me:pass@h", Some("sk-secret".to_owned()));
        let shown = format!("{config:?}");
        assert!(shown.contains("openai") && !shown.contains("sk-secret"), "{shown}");
        assert!(!shown.contains("pass"), "{shown}");
    }
}
