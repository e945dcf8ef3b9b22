use std::io;
use std::net::SocketAddr;

/// Why a [`Server`](crate::Server) could not start.
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
    /// The address could not be listened on: taken, not of this machine, or not permitted.
    #[error("cannot listen on {address}; choose another address, or port 0 for any free port")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },

    /// The address is not loopback, and there is no key: every machine that reaches it could read the prompts.
    #[error(
        "{address} can be reached from other machines, so the server needs an API key; set \
         PROMPTLAYER_LOCAL_API_KEY or give --api-key-file, or listen on 127.0.0.1"
    )]
    KeyNeeded {
        /// The address that was asked for.
        address: SocketAddr,
    },

    /// The API key cannot be used.
    #[error("the API key cannot be used: {reason}")]
    ApiKey {
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A host to allow is no host name.
    #[error("cannot allow the host {host:?}; give a name without scheme or port, such as box.lan")]
    AllowedHost {
        /// The host that was given.
        host: String,
    },

    /// The database could not be opened, or is no database.
    #[error("cannot use the database {database}; check that it is a file this program may read and write")]
    Database {
        /// The database that was asked for.
        database: String,
        /// What SQLite or the operating system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The file belongs to another program. It was left untouched.
    #[error(
        "the file {database} is not a database of promptlayer-local: {found}; choose another file (this one was not \
         changed)"
    )]
    ForeignDatabase {
        /// The database that was asked for.
        database: String,
        /// What shows that it is another program's.
        found: String,
    },

    /// The database was written by a newer version of this program.
    #[error(
        "the database {database} has schema version {found}, this program knows up to {known}; \
         use a newer promptlayer-local or another file"
    )]
    NewerDatabase {
        /// The database that was asked for.
        database: String,
        /// The schema version found in it.
        found: i64,
        /// The newest schema version this program knows.
        known: i64,
    },

    /// The thread the server runs on, or the runtime on it, could not start.
    #[error("cannot start the server's thread; the machine may be out of threads or file descriptors")]
    Thread {
        /// What the operating system said.
        source: io::Error,
    },
}
