//! The database: writes logged data and reads it back. Each file has one subject.
//!
//! [`Store`] is the handle for the rest of the crate. A read runs on one of several connections, a write on
//! the only connection that writes. Both run on blocking threads, so the database never blocks the thread
//! that serves requests. With a write-ahead log, readers see the last committed state while a write is
//! running or waits for a lock.
//!
//! This module does not depend on HTTP. Its callers have already validated everything that it writes.

mod error;
mod external_ids;
mod facts;
mod file;
mod labels;
mod pool;
mod preview;
mod query;
#[cfg(feature = "cli")]
mod read_only;
mod requests;
mod retention;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
mod scale_tests;
mod schema;
mod schema_templates;
mod schema_traces;
mod spans;
mod templates;
#[cfg(test)]
mod tests;
mod texts;
mod trace_facts;
mod tracking;
#[cfg(feature = "cli")]
pub(crate) mod transfer;
mod tree;
mod unfinished;

use std::ops::{Deref, RangeInclusive};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) use error::StoreError;
pub(crate) use external_ids::ExternalId;
pub(crate) use facts::{CACHED_TOKENS, REASONING_TOKENS};
pub(crate) use labels::Label;
use pool::{Caller, Limits, Pool, WhenAbandoned};
pub(crate) use query::{
    Bucket, Comparison, Figures, Filter, Found, FoundTraces, Groups, Interval, Links, Member, Number,
    NumberField, PageKey, Part, RequestRow, Series, Side, Sort, SortBy, TextField, TextTest, TraceFilter,
    TraceRow, Words,
};
#[cfg(feature = "cli")]
pub(crate) use read_only::ReadOnly;
pub(crate) use requests::{DEFAULT_SCORE, NewLink, NewRequest, StoredRequest};
pub(crate) use retention::Retention;
use rusqlite::{Connection, OpenFlags, Statement, ToSql, Transaction, TransactionBehavior};
use serde::de::DeserializeOwned;
pub(crate) use spans::{
    BulkReceipt, Closing, LoggedId, NewSpan, Resent, SpanContext, SpanOptions, SpanStatus, StoredId,
    StoredSpan,
};
pub(crate) use templates::{
    NewTemplate, PublishError, Published, StoredVersion, TemplateSummary, VersionChoice, VersionSummary,
};
use tokio::sync::watch;
pub(crate) use tracking::TrackedRequest;
#[cfg(test)]
pub(crate) use tree::NodeRequest;
pub(crate) use tree::{SpanDetails, SpanNode};

use crate::{Database, Error};

/// The maximum time that a call waits for its turn, and that a write waits for the lock of another process.
/// After that, the call fails as busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// The time that SQLite itself waits for a lock. A write retries until [`PATIENCE`] is over, and checks
/// between two attempts whether its caller has left.
const LOCK_SLICE: Duration = Duration::from_millis(100);

/// The maximum number of concurrent reads. Each has a connection and, while it runs, a thread.
const READERS: usize = 8;

/// The maximum number of waiting reads, and of waiting writes. A waiting write holds its body in memory.
const WAITING: usize = 256;

/// The size in bytes to which SQLite truncates a larger write-ahead log.
const LOG_LIMIT: i64 = 16 * 1024 * 1024;

/// The number of pages of 4 KiB in the write-ahead log from which on SQLite writes them into the file: 16 MiB. A page
/// that changes often, such as one of an index, is then written less often.
const LOG_PAGES: i64 = 4_000;

/// The size of a page cache: a part of the file, within limits.
struct Cache {
    /// The cache is this part of the file: one of so many.
    part: i64,
    /// The limits in KiB.
    limits: RangeInclusive<i64>,
}

/// The writer's cache has 1 to 64 MiB. Each request changes a page of about twenty indexes, which would otherwise be
/// read from the file again. A body of 64 MiB fills the whole cache, so the lower limit counts towards its memory.
const WRITER_CACHE: Cache = Cache { part: 64, limits: 1024..=64 * 1024 };

/// A reader's cache has 2 to 16 MiB.
const READER_CACHE: Cache = Cache { part: 256, limits: 2 * 1024..=16 * 1024 };

/// A handle to the database. Clones share the database, and it is closed when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<Pools>);

#[derive(Debug)]
struct Pools {
    readers: Arc<Pool>,
    writer: Arc<Pool>,
    /// The maximum time that a call waits for its turn and for the lock.
    patience: Duration,
    /// The number of writes so far.
    writes: watch::Sender<u64>,
}

/// The queries that only read.
pub(crate) struct Reader<'c> {
    connection: &'c Connection,
}

/// A write transaction, which can also read.
pub(crate) struct Writer<'c>(Reader<'c>);

impl<'c> Deref for Writer<'c> {
    type Target = Reader<'c>;

    fn deref(&self) -> &Reader<'c> {
        &self.0
    }
}

impl Store {
    /// Opens the database and migrates its schema to the current version.
    ///
    /// A file that belongs to another program is not changed.
    pub(crate) fn open(database: &Database) -> Result<Self, Error> {
        Self::open_with(database, PATIENCE)
    }

    /// Opens the database with another limit for the waiting time of calls.
    fn open_with(database: &Database, patience: Duration) -> Result<Self, Error> {
        let unusable =
            |reason: String| Error::Database { database: database.to_string(), source: reason.into() };
        let failed = |error: &rusqlite::Error| unusable(error::reason(error));
        let foreign = |found| Error::ForeignDatabase { database: database.to_string(), found };
        let place = match database {
            Database::Memory => {
                Place::Memory(format!("file:promptlayer-{}?mode=memory&cache=shared", unique_name()))
            }
            Database::File(path) => Place::File(file::prepare(path).map_err(|error| match error {
                file::Unusable::Io(error) => unusable(error.to_string()),
                file::Unusable::Unreadable(reason) => unusable(reason),
                file::Unusable::Foreign(found) => foreign(found),
            })?),
        };

        let writer = place.connect(PATIENCE).map_err(|error| failed(&error))?;
        let is_new = |pages: i64| pages == 0;
        if writer.pragma_query_value(None, "page_count", |row| row.get(0)).is_ok_and(is_new) {
            // Lets the file shrink when data is deleted. SQLite decides this before the first table exists.
            writer.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(|error| failed(&error))?;
        }
        schema::migrate(&writer).map_err(|refused| match refused {
            schema::Refused::TooNew { found } => {
                Error::NewerDatabase { database: database.to_string(), found, known: schema::VERSION }
            }
            schema::Refused::Foreign(found) => foreign(found),
            schema::Refused::Failed(error) => failed(&error),
        })?;
        place.prepare_writer(&writer).map_err(|error| failed(&error))?;

        let limits = |connections| Limits { connections, waiting: WAITING, patience };
        let readers_place = place.clone();
        let readers = Pool::new(
            limits(READERS),
            WhenAbandoned::Interrupt,
            Box::new(move || readers_place.connect_reader()),
        );
        let writers = Pool::new(
            limits(1),
            WhenAbandoned::Finish,
            Box::new(move || {
                let connection = place.connect(LOCK_SLICE)?;
                place.prepare_writer(&connection)?;
                Ok(connection)
            }),
        );
        writers.add(writer);
        Ok(Self(Arc::new(Pools {
            readers: Arc::new(readers),
            writer: Arc::new(writers),
            patience,
            writes: watch::Sender::new(0),
        })))
    }

    /// Runs queries that only read. All of them see the same state of the database.
    ///
    /// The queries are interrupted if the returned future is dropped.
    pub(crate) async fn read<T, E>(
        &self,
        queries: impl FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let run = move |connection: &mut Connection, _: &Caller| {
            let state = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)
                .map_err(StoreError::from)?;
            queries(&Reader { connection: &state })
        };
        self.0.readers.run(run).await
    }

    /// Runs a write transaction. Everything is stored if `changes` returns `Ok`, otherwise nothing.
    ///
    /// If the returned future is dropped before the transaction has begun, nothing is stored. A transaction
    /// that has begun is finished.
    pub(crate) async fn write<T, E>(
        &self,
        changes: impl FnOnce(&Writer<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let result = self.change(changes).await;
        if result.is_ok() {
            self.0.writes.send_modify(|writes| *writes = writes.wrapping_add(1));
        }
        result
    }

    /// Returns a receiver that changes with each successful [`write`](Self::write).
    pub(crate) fn writes(&self) -> watch::Receiver<u64> {
        self.0.writes.subscribe()
    }

    /// Runs a write transaction like [`write`](Self::write), for a change that no page shows.
    async fn change<T, E>(
        &self,
        changes: impl FnOnce(&Writer<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let deadline = Instant::now() + self.0.patience;
        let run = move |connection: &mut Connection, caller: &Caller| {
            let transaction = begin(connection, deadline, caller)?;
            let result = changes(&Writer(Reader { connection: &transaction }))?;
            transaction.commit().map_err(StoreError::from)?;
            Ok(result)
        };
        self.0.writer.run(run).await
    }
}

/// Begins a write transaction as soon as no other process writes.
fn begin<'c>(
    connection: &'c Connection,
    deadline: Instant,
    caller: &Caller,
) -> Result<Transaction<'c>, StoreError> {
    loop {
        // A deferred transaction that reads first and writes later fails at once if another process wrote in
        // between. An immediate transaction waits for its turn instead.
        let begun = Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
        match begun.map_err(StoreError::from) {
            _ if caller.has_left() => return Err(StoreError::Interrupted),
            Err(StoreError::Busy) if Instant::now() < deadline => {}
            result => return result,
        }
    }
}

impl Drop for Pools {
    /// Closes the database. All acknowledged data is on disk afterwards, in the file or in its write-ahead
    /// log.
    fn drop(&mut self) {
        self.readers.drain().clear();
        for connection in self.writer.drain() {
            // Closing the last connection to a file does this too, but not while another program has the file
            // open. The checkpoint also syncs the write-ahead log to disk.
            let _ = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
        }
    }
}

/// The location that the connections of a store open.
#[derive(Debug, Clone)]
enum Place {
    /// A URI. Connections of one process with a shared cache share an in-memory database, as long as one of
    /// them is open.
    Memory(String),
    File(std::path::PathBuf),
}

impl Place {
    fn connect(&self, lock_wait: Duration) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match self {
            Self::Memory(uri) => {
                let flags = flags | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_URI;
                Connection::open_with_flags(uri, flags)?
            }
            Self::File(path) => Connection::open_with_flags(path, flags)?,
        };
        connection.busy_timeout(lock_wait)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    }

    fn prepare_writer(&self, connection: &Connection) -> rusqlite::Result<()> {
        if let Self::File(_) = self {
            // WAL mode is set only after the schema exists. Until then, all data is in the file itself, where
            // the check at the next start looks for it.
            let mode = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, String>(0));
            if mode("PRAGMA journal_mode")? != "wal" {
                mode("PRAGMA journal_mode = WAL")?;
            }
            // With a write-ahead log, NORMAL survives a crash of the program. Only a power failure can lose
            // the last writes.
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.pragma_update_and_check(None, "journal_size_limit", LOG_LIMIT, |_| Ok(()))?;
            connection.pragma_update_and_check(None, "wal_autocheckpoint", LOG_PAGES, |_| Ok(()))?;
            WRITER_CACHE.adapt(connection)?;
        }
        connection.busy_timeout(LOCK_SLICE)
    }

    fn connect_reader(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect(PATIENCE)?;
        if let Self::Memory(_) = self {
            // An in-memory database has no write-ahead log, so a reader and the writer would wait for each
            // other. `read_uncommitted` avoids these locks, but a reader can then see a transaction before it
            // is committed.
            connection.pragma_update(None, "read_uncommitted", true)?;
        }
        READER_CACHE.adapt(&connection)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }
}

impl Cache {
    /// Sets the size of the cache for the size of the file.
    fn adapt(&self, connection: &Connection) -> rusqlite::Result<()> {
        let value = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let file = value("page_count")?.saturating_mul(value("page_size")?) / 1024;
        let size = (file / self.part).clamp(*self.limits.start(), *self.limits.end());
        // A negative number is one of KiB.
        connection.pragma_update(None, "cache_size", -size)
    }
}

/// Returns a name that is unique among the stores of this process and among all running processes.
fn unique_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Runs a statement whose texts can be as large as a body, and returns the id of the last inserted row.
///
/// Each text is freed as soon as SQLite has copied it, because SQLite copies it again to build the row.
fn run_with_texts<T: ToSql, const N: usize>(
    connection: &Connection,
    statement: &mut Statement<'_>,
    texts: [(&str, T); N],
    values: &[(&str, &dyn ToSql)],
) -> rusqlite::Result<i64> {
    for (name, text) in texts {
        bind(statement, name, &text)?;
    }
    for (name, value) in values {
        bind(statement, name, value)?;
    }
    let inserted = statement.raw_execute();
    statement.clear_bindings();
    inserted?;
    Ok(connection.last_insert_rowid())
}

fn bind(statement: &mut Statement<'_>, name: &str, value: &dyn ToSql) -> rusqlite::Result<()> {
    let index = statement.parameter_index(name)?;
    let index = index.ok_or_else(|| rusqlite::Error::InvalidParameterName(name.to_owned()))?;
    statement.raw_bind_parameter(index, value)
}

/// Deserializes a column that contains JSON.
fn json_column<T: DeserializeOwned>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<T> {
    let index = row.as_ref().column_index(column)?;
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// Reads a count.
fn count_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<usize> {
    Ok(usize::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
}

/// Converts a count to SQLite's integer type.
fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
