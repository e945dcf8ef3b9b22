//! Accepts connections, limits their number, and closes them when the server stops.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// The time that a stopping server waits for requests in progress.
const GRACE: Duration = Duration::from_secs(2);

/// The pause before the next accept after the operating system had no resources for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The limits for connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) header_timeout: Duration,
}

/// Accepts and serves connections until `stopped` is `true`.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    let service = TowerToHyperService::new(router);
    let slots = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    // Every connection holds a receiver, so the channel closes when the last connection ends.
    let (closing, _) = watch::channel(false);

    let accepting = async {
        loop {
            // The semaphore is never closed, so this does not fail.
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let stream = accept(&listener).await;
            let connection = builder.serve_connection(TokioIo::new(stream), service.clone());
            let mut closing = closing.subscribe();
            tokio::spawn(async move {
                let mut connection = pin!(connection);
                tokio::select! {
                    // An error on a connection affects its own client only.
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
        _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
    }
    drop(listener);
    closing.send_replace(true);
    // The timeout is needed because a client could begin a request and never finish it.
    let _ = tokio::time::timeout(GRACE, closing.closed()).await;
}

/// Accepts a connection. An error does not stop the server or affect existing connections.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Responses are small and written at once, so Nagle's algorithm would only delay them.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) if is_of_one_connection(&error) => {}
            // The process has no file descriptors or memory left. Both become available when connections end.
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
