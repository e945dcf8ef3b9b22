use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// An error that prevents a [`Server`](crate::Server) from starting, or of reading its logged requests.
///
/// ```
/// use promptlayer_local::{Config, Error, Server};
///
/// let first = Server::start(Config::default())?;
/// let second = Server::start(Config::default().address(first.address()));
/// assert!(matches!(second, Err(Error::Bind { address, .. }) if address == first.address()));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot listen on the address: it is in use, not an address of this machine, or not
    /// permitted.
    #[error("cannot listen on {address}; choose another address, or port 0 for any free port")]
    Bind {
        /// The requested address.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },

    /// The address is not a loopback address and no API key is set, so other machines could read the prompts.
    #[error(
        "{address} can be reached from other machines, so the server needs an API key; set \
         PROMPTLAYER_LOCAL_API_KEY or give --api-key-file, or listen on 127.0.0.1"
    )]
    KeyNeeded {
        /// The requested address.
        address: SocketAddr,
    },

    /// The API key is not valid.
    #[error("the API key cannot be used: {reason}")]
    ApiKey {
        /// The reason why the key is not valid.
        reason: &'static str,
    },

    /// A name to allow is not a valid host name.
    #[error("cannot allow the host {host:?}; give a name without scheme or port, such as box.lan")]
    AllowedHost {
        /// The invalid name.
        host: String,
    },

    /// A provider for the page Replay is not valid.
    #[cfg(feature = "replay")]
    #[error("the provider {name:?} cannot be used: {reason}")]
    Provider {
        /// The name of the provider.
        name: String,
        /// The reason why the provider is not valid.
        reason: &'static str,
    },

    /// The HTTP client for the providers of the page Replay cannot be created.
    #[cfg(feature = "replay")]
    #[error("cannot create the HTTP client for the providers; check the root certificates of this system")]
    ProviderClient {
        /// The error of the HTTP client.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The database cannot be opened, or the file is not a SQLite database.
    #[error("cannot use the database {database}; check that it is a file this program may read and write")]
    Database {
        /// The requested database.
        database: String,
        /// The error of SQLite or of the operating system.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The file belongs to another program. It was not changed.
    #[error(
        "the file {database} is not a database of promptlayer-local: {found}; choose another file (this one was not \
         changed)"
    )]
    ForeignDatabase {
        /// The requested database.
        database: String,
        /// The property of the file that shows that it belongs to another program.
        found: String,
    },

    /// A newer version of this program wrote the database.
    #[error(
        "the database {database} has schema version {found}, this program knows up to {known}; \
         use a newer promptlayer-local or another file"
    )]
    NewerDatabase {
        /// The requested database.
        database: String,
        /// The schema version of the database.
        found: i64,
        /// The newest schema version that this program supports.
        known: i64,
    },

    /// The logged requests could not be read or deleted.
    #[error("cannot read or change the logged requests: {reason}")]
    Store {
        /// The reason that the database gave.
        reason: String,
    },

    /// Fewer requests than expected were logged in time.
    #[error("{found} of {expected} requests were logged within {timeout:?}")]
    TooFewRequests {
        /// The number of requests to wait for.
        expected: usize,
        /// The number of requests that were logged.
        found: usize,
        /// The time to wait.
        timeout: Duration,
    },

    /// The server's thread, or the async runtime on it, could not start.
    #[error("cannot start the server's thread; the machine may be out of threads or file descriptors")]
    Thread {
        /// The error of the operating system.
        source: io::Error,
    },
}
