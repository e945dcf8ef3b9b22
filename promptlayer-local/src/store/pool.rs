//! A pool of database connections, and the threads that run the queries.
//!
//! A query runs on one of the runtime's blocking threads, never on the thread that serves requests. Each pool
//! has a fixed number of connections, which also limits the number of these threads. Further callers wait
//! without a thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle};
use tokio::sync::Semaphore;

use super::StoreError;

/// A function that opens another connection to the same database.
type Open = Box<dyn Fn() -> rusqlite::Result<Connection> + Send + Sync>;

/// The action for a query whose caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenAbandoned {
    /// Interrupts the query, because its result is not needed.
    Interrupt,
    /// Runs the query to its end, so that a write is never half done.
    Finish,
}

/// The limits of a [`Pool`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The maximum number of concurrent queries. Each has its own connection.
    pub(super) connections: usize,
    /// The maximum number of callers that wait for a connection. Further callers fail at once.
    pub(super) waiting: usize,
    /// The maximum time that a caller waits for a connection.
    pub(super) patience: Duration,
}

/// A pool of connections. One query at a time uses a connection, and connections are opened when they are
/// first needed.
pub(super) struct Pool {
    open: Open,
    idle: Mutex<Vec<Connection>>,
    /// One permit for each connection.
    turns: Arc<Semaphore>,
    /// One permit for each caller that runs or waits.
    places: Arc<Semaphore>,
    patience: Duration,
    when_abandoned: WhenAbandoned,
}

/// The state of a query's caller, for the query.
#[derive(Default)]
pub(super) struct Caller {
    has_left: AtomicBool,
    /// The interrupt handle of the query, set while the query runs and can be interrupted.
    running: Mutex<Option<InterruptHandle>>,
}

/// A connection that a query uses. It returns to the pool when dropped, even after a panic.
struct Lent<'p> {
    pool: &'p Pool,
    caller: &'p Caller,
    connection: Option<Connection>,
}

/// A guard in the caller's future. If it is dropped early, it marks the caller as gone.
struct Presence(Arc<Caller>);

impl Pool {
    pub(super) fn new(limits: Limits, when_abandoned: WhenAbandoned, open: Open) -> Self {
        Self {
            open,
            idle: Mutex::default(),
            turns: Arc::new(Semaphore::new(limits.connections)),
            places: Arc::new(Semaphore::new(limits.connections.saturating_add(limits.waiting))),
            patience: limits.patience,
            when_abandoned,
        }
    }

    /// Runs `work` with a connection on a blocking thread.
    ///
    /// If the returned future is dropped before the query has started, nothing runs. If it is dropped later,
    /// the query is interrupted or finished, depending on [`WhenAbandoned`].
    pub(super) async fn run<T, E>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Connection, &Caller) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let place = self.places.clone().try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let turn = tokio::time::timeout(self.patience, self.turns.clone().acquire_owned())
            .await
            .map_err(|_| StoreError::Busy)?
            .map_err(|_| StoreError::Interrupted)?;

        let caller = Arc::new(Caller::default());
        let presence = Presence(caller.clone());
        let pool = self.clone();
        let query = tokio::task::spawn_blocking(move || {
            // The permits move into the task, so they are released when the query ends and not when its
            // caller leaves.
            let held = (place, turn);
            let result = pool.run_now(&caller, work);
            drop(pool);
            drop(held);
            result
        });
        let result = query.await;
        drop(presence);
        result.unwrap_or_else(|error| {
            Err(if error.is_panic() { StoreError::panicked() } else { StoreError::Interrupted }.into())
        })
    }

    fn run_now<T, E: From<StoreError>>(
        &self,
        caller: &Caller,
        work: impl FnOnce(&mut Connection, &Caller) -> Result<T, E>,
    ) -> Result<T, E> {
        let idle = lock(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => (self.open)().map_err(StoreError::from)?,
        };
        if self.when_abandoned == WhenAbandoned::Interrupt {
            *lock(&caller.running) = Some(connection.get_interrupt_handle());
        }
        let mut lent = Lent { pool: self, caller, connection: Some(connection) };
        match &mut lent.connection {
            Some(connection) if !caller.has_left() => work(connection, caller),
            _ => Err(StoreError::Interrupted.into()),
        }
    }

    /// Adds an open connection to the pool.
    pub(super) fn add(&self, connection: Connection) {
        lock(&self.idle).push(connection);
    }

    /// Removes and returns all idle connections.
    pub(super) fn drain(&self) -> Vec<Connection> {
        std::mem::take(&mut *lock(&self.idle))
    }
}

impl Caller {
    /// Returns `true` if the caller no longer waits for the query.
    pub(super) fn has_left(&self) -> bool {
        self.has_left.load(Ordering::Acquire)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // The connection serves another caller from here on. A late interrupt must not reach that caller.
        *lock(&self.caller.running) = None;
        // A connection whose transaction could not be rolled back is closed instead.
        if let Some(connection) = self.connection.take().filter(Connection::is_autocommit) {
            self.pool.add(connection);
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.has_left.store(true, Ordering::Release);
        if let Some(query) = &*lock(&self.0.running) {
            query.interrupt();
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pool").field("when_abandoned", &self.when_abandoned).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Code that holds one of these locks cannot panic in the middle of a change, so the data is consistent.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
