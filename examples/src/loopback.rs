//! A server on a loopback port, with its own thread and runtime.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A server on a loopback port that stops on drop.
///
/// It has its own thread and current-thread runtime. Therefore it also works if the caller has no runtime, is
/// inside a runtime, or shuts its runtime down. The port is chosen by the system.
///
/// ```
/// use axum::{Router, routing::get};
/// use examples::loopback::Loopback;
///
/// let server = Loopback::start("greeter", |listener| async move {
///     let router = Router::new().route("/", get(|| async { "hello" }));
///     axum::serve(listener, router).await
/// })?;
/// assert!(server.address().ip().is_loopback());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Loopback {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Loopback {
    /// Binds a port and runs `serve` on a new thread called `name`. Connections are accepted once this
    /// returns.
    ///
    /// # Errors
    ///
    /// Returns an error if the port cannot be bound, or the thread or its runtime cannot be started.
    pub fn start<F, S>(name: &str, serve: F) -> io::Result<Self>
    where
        F: FnOnce(TcpListener) -> S + Send + 'static,
        S: Future<Output = io::Result<()>>,
    {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, started) = mpsc::sync_channel(1);
        // Create the runtime on its own thread, because dropping a runtime inside the caller's runtime
        // panics.
        let thread = Builder::new().name(name.to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error))),
            };
            runtime.block_on(async {
                let listener = match TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                let serving = serve(listener);
                drop(ready.send(Ok(())));
                tokio::select! {
                    _ = serving => {}
                    _ = stopped => {}
                }
            });
        })?;
        started.recv().map_err(|_| {
            io::Error::other(format!("the thread of the server {name:?} ended before it was ready"))
        })??;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        // Open connections are closed without waiting, because a client with a keep-alive connection would
        // delay the shutdown.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    fn idle() -> Loopback {
        Loopback::start("idle", |listener| async move {
            let (_connection, _) = listener.accept().await?;
            std::future::pending().await
        })
        .unwrap()
    }

    #[test]
    fn dropped_server_closes_its_connections() {
        let server = idle();
        let mut connection = TcpStream::connect(server.address()).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        drop(server);
        match connection.read(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            other => panic!("the connection is still open: {other:?}"),
        }
    }

    #[tokio::test]
    async fn server_starts_and_stops_inside_a_runtime() {
        let server = idle();
        assert!(TcpStream::connect(server.address()).is_ok());
        drop(server);
    }

    #[test]
    fn two_servers_have_different_ports() {
        let (one, other) = (idle(), idle());
        assert_ne!(one.address().port(), other.address().port());
    }
}
