//! Reads the logged requests of a server, for tests.
//!
//! All of it runs on the server's runtime, so it works on any thread and in any async runtime.

use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Server;
use crate::store::{Store, StoreError};
use crate::{Error, LoggedRequest};

impl Server {
    /// Returns all logged requests, in the order in which they were logged.
    ///
    /// A program that logs in the background may not have sent its requests yet:
    /// [`wait_for_requests`](Self::wait_for_requests) waits for them. This method blocks the calling thread for the time
    /// of a query, inside an async runtime too.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Store`] if the database failed.
    ///
    /// ```
    /// use promptlayer_local::{Config, Server};
    ///
    /// let server = Server::start(Config::default())?;
    /// assert_eq!(server.requests()?, []);
    /// # Ok::<(), promptlayer_local::Error>(())
    /// ```
    pub fn requests(&self) -> Result<Vec<LoggedRequest>, Error> {
        self.block_on(all(self.store.clone()))
    }

    /// Waits until at least `count` requests are logged, and returns all of them in the order in which they were logged.
    ///
    /// This method blocks the calling thread.
    /// [`wait_for_requests_async`](Self::wait_for_requests_async) does the same for async tests.
    ///
    /// # Errors
    ///
    /// Returns [`Error::TooFewRequests`] after `timeout`, or [`Error::Store`] if the database failed.
    ///
    /// ```
    /// use std::io::Write;
    /// use std::net::TcpStream;
    /// use std::time::Duration;
    ///
    /// use promptlayer_local::{Config, Server};
    ///
    /// let server = Server::start(Config::default())?;
    /// # let body = r#"{ "provider": "openai", "model": "gpt-4o",
    /// #     "input": { "type": "chat", "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Why?" }] }] },
    /// #     "output": { "type": "chat", "messages": [{ "role": "assistant", "content": [{ "type": "text", "text": "So." }] }] },
    /// #     "request_start_time": "2026-01-15T10:30:00Z", "request_end_time": "2026-01-15T10:30:01Z" }"#;
    /// # let mut stream = TcpStream::connect(server.address())?;
    /// # write!(stream, "POST /log-request HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: k\r\nContent-Type: application/json\r\n")?;
    /// # write!(stream, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    /// // … run the program that logs to server.url() …
    /// let requests = server.wait_for_requests(1, Duration::from_secs(10))?;
    /// assert_eq!(requests[0].model, "gpt-4o");
    /// assert_eq!(requests[0].input.text(), "Why?");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_for_requests(&self, count: usize, timeout: Duration) -> Result<Vec<LoggedRequest>, Error> {
        self.block_on(at_least(self.store.clone(), count, timeout))
    }

    /// Waits like [`wait_for_requests`](Self::wait_for_requests), in any async runtime.
    ///
    /// # Errors
    ///
    /// Returns [`Error::TooFewRequests`] after `timeout`, or [`Error::Store`] if the database failed.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use promptlayer_local::{Config, Error, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let server = Server::start(Config::default())?;
    /// let waited = server.wait_for_requests_async(1, Duration::from_millis(10)).await;
    /// assert!(matches!(waited, Err(Error::TooFewRequests { expected: 1, found: 0, .. })));
    /// # Ok::<(), Error>(())
    /// # }).unwrap();
    /// ```
    pub fn wait_for_requests_async(
        &self,
        count: usize,
        timeout: Duration,
    ) -> impl Future<Output = Result<Vec<LoggedRequest>, Error>> + Send + use<> {
        let (mut sender, receiver) = oneshot::channel();
        let store = self.store.clone();
        self.runtime.spawn(async move {
            tokio::select! {
                result = at_least(store, count, timeout) => drop(sender.send(result)),
                // The caller has dropped the future.
                () = sender.closed() => {}
            }
        });
        async move { receiver.await.unwrap_or_else(|_| Err(stopped())) }
    }

    /// Deletes all logged requests, traces and groups, so that the next test begins with an empty server. Templates stay.
    ///
    /// This method blocks the calling thread until everything is deleted. New requests get ids that were not used before.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Store`] if the database failed.
    ///
    /// ```
    /// use promptlayer_local::{Config, Server};
    ///
    /// let server = Server::start(Config::default())?;
    /// server.clear()?;
    /// assert!(server.requests()?.is_empty());
    /// # Ok::<(), promptlayer_local::Error>(())
    /// ```
    pub fn clear(&self) -> Result<(), Error> {
        let store = self.store.clone();
        self.block_on(async move { store.clear().await.map_err(failed) })
    }

    /// Runs a future on the server's runtime, and blocks until it is complete.
    fn block_on<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = mpsc::channel();
        self.runtime.spawn(async move {
            let _ = sender.send(future.await);
        });
        receiver.recv().unwrap_or_else(|_| Err(stopped()))
    }
}

async fn all(store: Store) -> Result<Vec<LoggedRequest>, Error> {
    let requests =
        store.read(|store| store.all_requests().map_err(StoreError::from)).await.map_err(failed)?;
    Ok(requests.into_iter().map(LoggedRequest::from).collect())
}

async fn at_least(store: Store, count: usize, timeout: Duration) -> Result<Vec<LoggedRequest>, Error> {
    let mut writes = store.writes();
    let waiting = async {
        loop {
            writes.mark_unchanged();
            if number(&store).await? >= count {
                return Ok(());
            }
            if writes.changed().await.is_err() {
                return Err(stopped());
            }
        }
    };
    match tokio::time::timeout(timeout, waiting).await {
        Ok(waited) => waited?,
        Err(_) => {
            let found = number(&store).await?;
            if found < count {
                return Err(Error::TooFewRequests { expected: count, found, timeout });
            }
        }
    }
    all(store).await
}

async fn number(store: &Store) -> Result<usize, Error> {
    store.read(|store| store.request_count().map_err(StoreError::from)).await.map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "passed to map_err")]
fn failed(error: StoreError) -> Error {
    Error::Store { reason: error.to_string() }
}

fn stopped() -> Error {
    Error::Store { reason: "the server has stopped".to_owned() }
}
