//! Connections to the database, and the threads that queries run on.
//!
//! A query runs on one of the runtime's blocking threads, never on the thread that answers requests. Each pool has a
//! fixed number of connections, so it also bounds how many of these threads are used; callers beyond that number wait
//! without a thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle};
use tokio::sync::Semaphore;

use super::StoreError;

/// Opens another connection to the same database.
type Open = Box<dyn Fn() -> rusqlite::Result<Connection> + Send + Sync>;

/// What becomes of a query whose caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenAbandoned {
    /// It is interrupted: nobody reads its result.
    Interrupt,
    /// It runs to its end, so that a write is never half done.
    Finish,
}

/// The limits of a [`Pool`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many queries run at once, each on a connection of its own.
    pub(super) connections: usize,
    /// How many callers may wait for a connection; further ones are refused at once.
    pub(super) waiting: usize,
    /// How long a caller waits for a connection.
    pub(super) patience: Duration,
}

/// Connections that are used by one query each at a time, opened when they are first needed.
pub(super) struct Pool {
    open: Open,
    idle: Mutex<Vec<Connection>>,
    /// One permit a connection.
    turns: Arc<Semaphore>,
    /// One permit for each caller that runs or waits.
    places: Arc<Semaphore>,
    patience: Duration,
    when_abandoned: WhenAbandoned,
}

/// The caller of a query, as the query sees it.
#[derive(Default)]
pub(super) struct Caller {
    has_left: AtomicBool,
    /// Set while the query runs and may be interrupted.
    running: Mutex<Option<InterruptHandle>>,
}

/// A connection while a query uses it. It is given back when dropped, also by a panic.
struct Lent<'p> {
    pool: &'p Pool,
    caller: &'p Caller,
    connection: Option<Connection>,
}

/// Held by the caller's future; notes that the caller has left when it is dropped early.
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

    /// Runs `work` with a connection, on a blocking thread.
    ///
    /// If the returned future is dropped before its turn has come, nothing runs. If it is dropped later, the query is
    /// interrupted or finished, as the pool says.
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
            // Moved here, so that they are given back when the query ends, not when its caller leaves.
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

    /// Gives a connection that is open already to the pool.
    pub(super) fn add(&self, connection: Connection) {
        lock(&self.idle).push(connection);
    }

    /// Takes all connections that are in no use.
    pub(super) fn drain(&self) -> Vec<Connection> {
        std::mem::take(&mut *lock(&self.idle))
    }
}

impl Caller {
    /// Returns `true` once nobody waits for the query any more.
    pub(super) fn has_left(&self) -> bool {
        self.has_left.load(Ordering::Acquire)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // From here on the connection serves another caller, whom a late interrupt must not reach.
        *lock(&self.caller.running) = None;
        // One with a transaction that could not be rolled back is closed instead.
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
    // Nothing that holds one of these locks can panic in the middle of a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
