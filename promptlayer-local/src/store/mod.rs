//! The database: what is logged is written here and found again, a file a subject.
//!
//! [`Store`] is the handle that the rest of the crate has. A read runs on one of several connections, a write on the
//! one that writes, and both run on blocking threads, so that nothing here holds up the thread that answers requests.
//! With a write-ahead log, readers see the last committed state while a write is under way or waits for a lock.
//!
//! Nothing here knows HTTP, and everything written here has been checked at the edge.

mod error;
mod file;
mod list;
mod pool;
mod requests;
#[cfg(test)]
mod scale_tests;
mod schema;
mod spans;
mod templates;
#[cfg(test)]
mod tests;
mod tracking;
mod tree;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Statement, ToSql, Transaction, TransactionBehavior};
use serde::de::DeserializeOwned;

use crate::{Database, Error};
use pool::{Caller, Limits, Pool, WhenAbandoned};

pub(crate) use error::StoreError;
pub(crate) use list::{PageKey, RequestPage, RequestRow};
pub(crate) use requests::{NewRequest, StoredRequest};
pub(crate) use spans::{BulkReceipt, Closing, LoggedId, NewSpan, SpanStatus, StoredId, StoredSpan};
pub(crate) use templates::{
    ExternalId, NewTemplate, PublishError, StoredVersion, TemplateSummary, VersionChoice,
};
pub(crate) use tree::{SpanDetails, SpanNode};

/// How long a call waits for its turn, and a write for a lock that another process holds; then it fails as busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long SQLite itself waits for a lock. A write asks again until [`PATIENCE`] is over, and between two tries notices
/// that its caller has left.
const LOCK_SLICE: Duration = Duration::from_millis(100);

/// How many reads run at once. Each has a connection and, while it runs, a thread.
const READERS: usize = 8;

/// How many reads, and how many writes, may wait for their turn. A write that waits holds its body in memory.
const WAITING: usize = 256;

/// The write-ahead log is cut to this many bytes when it was larger.
const LOG_LIMIT: i64 = 16 * 1024 * 1024;

/// The database. Clones share it; the last one that is dropped closes it.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<Pools>);

#[derive(Debug)]
struct Pools {
    readers: Arc<Pool>,
    writer: Arc<Pool>,
    /// How long a call waits for its turn and for the lock.
    patience: Duration,
}

/// The queries that only read.
pub(crate) struct Reader<'c> {
    connection: &'c Connection,
}

/// One transaction that writes; it can also read.
pub(crate) struct Writer<'c>(Reader<'c>);

impl<'c> Deref for Writer<'c> {
    type Target = Reader<'c>;

    fn deref(&self) -> &Reader<'c> {
        &self.0
    }
}

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// A file that belongs to another program is left untouched.
    pub(crate) fn open(database: &Database) -> Result<Self, Error> {
        Self::open_with(database, PATIENCE)
    }

    /// The same, with another limit for how long calls wait.
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
        Ok(Self(Arc::new(Pools { readers: Arc::new(readers), writer: Arc::new(writers), patience })))
    }

    /// Runs queries that only read, all on the same state of the database.
    ///
    /// They are interrupted if the returned future is dropped.
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

    /// Runs one transaction that writes: all of it is stored if `changes` returns `Ok`, else nothing.
    ///
    /// If the returned future is dropped before the transaction has begun, nothing is stored; once it has begun, it is
    /// finished.
    pub(crate) async fn write<T, E>(
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

/// Begins to write, as soon as no other process does.
fn begin<'c>(
    connection: &'c Connection,
    deadline: Instant,
    caller: &Caller,
) -> Result<Transaction<'c>, StoreError> {
    loop {
        // A transaction that reads first and writes later would fail at once if another process wrote in between; one
        // that says from the start that it will write waits its turn.
        let begun = Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
        match begun.map_err(StoreError::from) {
            _ if caller.has_left() => return Err(StoreError::Interrupted),
            Err(StoreError::Busy) if Instant::now() < deadline => {}
            result => return result,
        }
    }
}

impl Drop for Pools {
    /// Closes the database. What was acknowledged is on disk afterwards, in the file or in its write-ahead log.
    fn drop(&mut self) {
        self.readers.drain().clear();
        for connection in self.writer.drain() {
            // Closing the last connection of a file does this too; while another program has the file open, it does
            // not. The log itself is synced to disk by it.
            let _ = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
        }
    }
}

/// Where the connections of a store lead.
#[derive(Debug, Clone)]
enum Place {
    /// A URI. Connections of one process that share a cache share a database in memory, while one of them is open.
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
            // Only now: until the schema is there, everything stays in the file itself, where the next start looks.
            let mode = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, String>(0));
            if mode("PRAGMA journal_mode")? != "wal" {
                mode("PRAGMA journal_mode = WAL")?;
            }
            // With a write-ahead log, NORMAL survives a crash of the program; only a power cut may cost the last writes.
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.pragma_update_and_check(None, "journal_size_limit", LOG_LIMIT, |_| Ok(()))?;
        }
        connection.busy_timeout(LOCK_SLICE)
    }

    fn connect_reader(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect(PATIENCE)?;
        if let Self::Memory(_) = self {
            // There is no write-ahead log in memory: a reader would wait for the writer and the writer for it. Without
            // these locks, a reader may see a transaction before it is committed.
            connection.pragma_update(None, "read_uncommitted", true)?;
        }
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }
}

/// A name that no other store of this process, and no other process of this moment, has.
fn unique_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Runs a statement whose texts may be as large as a body, and returns the id of the row that was inserted last.
///
/// Each text is freed once SQLite has copied it, because SQLite copies it again to build the row.
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

/// Reads a column that holds JSON.
fn json_column<T: DeserializeOwned>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<T> {
    let index = row.as_ref().column_index(column)?;
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// A count as SQLite takes it.
fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
