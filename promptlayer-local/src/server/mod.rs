//! The server: its thread, its async runtime and its address. `connections` accepts and limits connections,
//! `maintenance` does the work that no request waits for, `logged` reads the logged requests for tests.

mod connections;
mod logged;
mod maintenance;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use axum::Router;
use connections::Limits;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::access::Access;
use crate::app::App;
#[cfg(feature = "replay")]
use crate::replay::Replay;
use crate::router::router;
use crate::store::{Retention, Store};
use crate::{Config, Error};

/// A running server, which stops when it is dropped.
///
/// It runs on its own thread with its own async runtime. It therefore works the same outside an async
/// runtime, inside one, and while one is being dropped. It prints nothing and emits no `tracing` events.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
///
/// let server = promptlayer_local::Server::start(promptlayer_local::Config::default())?;
///
/// let mut stream = TcpStream::connect(server.address())?;
/// stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
/// let mut answer = String::new();
/// stream.read_to_string(&mut answer)?;
/// assert!(answer.starts_with("HTTP/1.0 200 OK"));
/// assert!(answer.contains("No requests yet"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    url: String,
    store: Store,
    /// The runtime on the server's thread.
    runtime: Handle,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Opens the database, binds the address, and returns once the server accepts requests.
    ///
    /// # Errors
    ///
    /// - [`Error::KeyNeeded`], [`Error::ApiKey`] or [`Error::AllowedHost`] if the configuration is not valid. With the
    ///   feature `replay`, also `Error::Provider` and `Error::ProviderClient`.
    /// - [`Error::Database`], [`Error::ForeignDatabase`] or [`Error::NewerDatabase`] if the database cannot
    ///   be used.
    /// - [`Error::Bind`] if the server cannot listen on the address.
    /// - [`Error::Thread`] if the server's thread or its async runtime cannot start.
    #[expect(clippy::needless_pass_by_value, reason = "a configuration is made for one server")]
    pub fn start(config: Config) -> Result<Self, Error> {
        let access = Access::new(&config)?;
        #[cfg(feature = "replay")]
        let replay = Replay::new(&config)?;
        let store = Store::open(&config.database)?;
        let retention = config.retention;
        if retention.is_limited() {
            store.allow_shrinking();
        }
        let (listener, address) =
            listen(config.address).map_err(|source| Error::Bind { address: config.address, source })?;
        let url = format!("http://{}", reachable(address));
        let limits = Limits { connections: config.connection_limit, header_timeout: config.header_timeout };
        let (stop, stopped) = watch::channel(false);
        let app =
            App::new(store.clone(), access.on_port(address.port()), &config, url.clone(), stopped.clone());
        #[cfg(feature = "replay")]
        let app = app.with_replay(replay);
        let router = router(app);

        let (started, start) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("promptlayer-local".to_owned())
            .spawn({
                let store = store.clone();
                move || run(listener, router, store, limits, retention, stopped, &started)
            })
            .map_err(|source| Error::Thread { source })?;
        // The channel is empty only if the thread ended before it sent its result.
        let outcome =
            start.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended before it began")));
        let runtime = outcome.map_err(|source| Error::Thread { source })?;
        Ok(Self { address, url, store, runtime, stop, thread: Some(thread) })
    }

    /// Returns the base URL for clients on this machine, without a trailing slash: `http://127.0.0.1:7780`.
    ///
    /// If the server listens on all interfaces, the URL contains the loopback address;
    /// [`address`](Self::address) returns the address that the server listens on.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the address that the server listens on, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the database.
    #[cfg(feature = "cli")]
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Stops the server. Requests in progress have two seconds to finish, then all connections are closed.
    /// Dropping the server does the same.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Returns the address that a client on this machine connects to. An unspecified address (`0.0.0.0` or
/// `[::]`) becomes loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Runs on the server's thread: builds the runtime, reports the result, and serves until stopped.
fn run(
    listener: TcpListener,
    router: Router,
    store: Store,
    limits: Limits,
    retention: Retention,
    stopped: watch::Receiver<bool>,
    started: &mpsc::Sender<io::Result<Handle>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                let _ = started.send(Ok(Handle::current()));
                tokio::spawn(maintenance::index(store.clone(), stopped.clone()));
                if retention.is_limited() {
                    tokio::spawn(maintenance::delete_old(store, retention, stopped.clone()));
                }
                connections::serve(listener, router, limits, stopped).await;
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn unspecified_address_is_reached_by_loopback() {
        assert_eq!(reachable("0.0.0.0:7780".parse().unwrap()).to_string(), "127.0.0.1:7780");
        assert_eq!(reachable("[::]:7780".parse().unwrap()).to_string(), "[::1]:7780");
        assert_eq!(reachable("10.0.0.7:80".parse().unwrap()).to_string(), "10.0.0.7:80");
    }
}
