//! The thread of a proxy: accepts connections until it is shut down.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::forward::Forwarder;
use crate::error::{Error, Repr};

const THREAD: &str = "pl-proxy";
/// How long requests in progress go on after the proxy was dropped.
const GRACE: Duration = Duration::from_secs(30);
/// The pause after a connection could not be accepted, for example because there are no file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The handle of a proxy's thread. Dropping it ends the thread, and does not wait for it.
#[derive(Debug)]
pub(super) struct Server {
    port: u16,
    /// How long requests may still take, once the proxy ends.
    end: watch::Sender<Option<Duration>>,
    /// Receives whether all requests ended by themselves, when the thread ends.
    ended: Receiver<bool>,
}

impl Server {
    /// Starts the thread. `forwarder` is given the port.
    pub(super) fn start(forwarder: impl FnOnce(u16) -> Forwarder) -> Result<Self, Error> {
        let failed = |reason| move |error: io::Error| Repr::Proxy { reason, source: Some(error.into()) };
        let listener =
            StdListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed("there is no port for it"))?;
        let prepared = listener.set_nonblocking(true).and_then(|()| listener.local_addr());
        let port = prepared.map_err(failed("its socket cannot be set up"))?.port();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed("its runtime cannot be set up"))?;
        let forwarder = Arc::new(forwarder(port));
        let (end, ends) = watch::channel(None);
        let (end_of_all, ended) = channel();
        let run = move || {
            let is_whole = run(&runtime, listener, &forwarder, ends);
            // What is still in progress ends with the runtime, and is logged then.
            drop(runtime);
            drop(forwarder);
            let _ = end_of_all.send(is_whole);
        };
        thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(run)
            .map_err(|source| Repr::ThreadStart { name: THREAD, source })?;
        Ok(Self { port, end, ended })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Ends the thread. Returns `false` if requests had to be dropped, or the thread has not ended.
    pub(super) fn shutdown(&mut self, limit: Duration) -> bool {
        self.end.send_replace(Some(limit));
        // The thread needs a moment to drop what is still in progress.
        self.ended.recv_timeout(limit.saturating_add(Duration::from_secs(1))).unwrap_or(false)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.send_if_modified(|end| {
            let is_first = end.is_none();
            end.get_or_insert(GRACE);
            is_first
        });
    }
}

/// Accepts connections until the proxy ends. Returns `true` if all requests ended by themselves.
fn run(
    runtime: &Runtime,
    listener: StdListener,
    forwarder: &Arc<Forwarder>,
    mut ends: watch::Receiver<Option<Duration>>,
) -> bool {
    runtime.block_on(async {
        let Ok(listener) = TcpListener::from_std(listener) else { return true };
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = ends.wait_for(Option::is_some) => break,
            };
            // Forgets the connections that have ended.
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((connection, _)) => {
                    connections.spawn(serve(connection, Arc::clone(forwarder), ends.clone()));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
        drop(listener);
        let limit = ends.borrow().unwrap_or(GRACE);
        timeout(limit, async { while connections.join_next().await.is_some() {} }).await.is_ok()
    })
}

/// Serves the requests of a connection, one after the other.
async fn serve(
    connection: TcpStream,
    forwarder: Arc<Forwarder>,
    mut ends: watch::Receiver<Option<Duration>>,
) {
    // Each piece of a stream is sent at once.
    let _ = connection.set_nodelay(true);
    let service = service_fn(move |request| {
        let forwarder = Arc::clone(&forwarder);
        async move { Ok::<_, Infallible>(forwarder.forward(request).await) }
    });
    let mut served = pin!(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
    let is_over = tokio::select! {
        _ = served.as_mut() => true,
        _ = ends.wait_for(Option::is_some) => false,
    };
    if !is_over {
        // Ends the connection after the request in progress.
        served.as_mut().graceful_shutdown();
        let _ = served.await;
    }
}
