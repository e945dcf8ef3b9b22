//! Connections: accepted, limited in number, and closed when the server stops.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};

/// How long a stopping server waits for requests it has begun to answer.
const GRACE: Duration = Duration::from_secs(2);

/// How long the server waits before it accepts again when the operating system has no room for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What connections are held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) header_timeout: Duration,
}

/// Serves until `stopped`.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stopped: oneshot::Receiver<()>,
) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    let service = TowerToHyperService::new(router);
    let slots = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    // Every connection holds a receiver, so the channel closes with the last of them.
    let (closing, _) = watch::channel(false);

    let accepting = async {
        loop {
            // The semaphore is never closed.
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let stream = accept(&listener).await;
            let connection = builder.serve_connection(TokioIo::new(stream), service.clone());
            let mut closing = closing.subscribe();
            tokio::spawn(async move {
                let mut connection = pin!(connection);
                tokio::select! {
                    // A broken connection concerns its client only.
                    _ = connection.as_mut() => {}
                    _ = closing.changed() => {
                        connection.as_mut().graceful_shutdown();
                        let _ = connection.await;
                    }
                }
                drop(slot);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = stopped => {}
    }
    drop(listener);
    closing.send_replace(true);
    // A client that began a request and never ends it must not keep the server from stopping.
    let _ = tokio::time::timeout(GRACE, closing.closed()).await;
}

/// Accepts a connection. An error ends neither the server nor the connections it has.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and written at once; waiting to fill a packet only delays them.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) if is_of_one_connection(&error) => {}
            // Out of file descriptors or memory: both come back when connections end.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
