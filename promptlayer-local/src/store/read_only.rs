//! Reads a database file without changing it, also while a server has it open.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::{Reader, error, file, schema};
use crate::Error;

/// The maximum time that a read waits while another program recovers the file.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// A database file that is only read, on the calling thread.
pub(crate) struct ReadOnly {
    connection: Connection,
}

impl ReadOnly {
    /// Opens the file. It must have the tables of this version.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let database = || path.display().to_string();
        let unusable = |reason: String| Error::Database { database: database(), source: reason.into() };
        let path = file::locate(path).map_err(|found| match found {
            file::Unusable::Io(error) => unusable(error.to_string()),
            file::Unusable::Unreadable(reason) => unusable(reason),
            file::Unusable::Foreign(found) => Error::ForeignDatabase { database: database(), found },
        })?;
        let opened = connect(&path).and_then(|connection| {
            let version = connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
            Ok((connection, version))
        });
        // Without a write-ahead log, SQLite would create one. In a folder that cannot be written to, it reads the file
        // alone.
        let opened = opened.or_else(|_| {
            let connection = file::look(&path)?;
            let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((connection, version))
        });
        let (connection, version) =
            opened.map_err(|error: rusqlite::Error| unusable(error::reason(&error)))?;
        match version {
            schema::VERSION => Ok(Self { connection }),
            newer if newer > schema::VERSION => {
                Err(Error::NewerDatabase { database: database(), found: newer, known: schema::VERSION })
            }
            older => Err(unusable(format!(
                "it has schema version {older}, this program needs {}; start a server of this version on it once",
                schema::VERSION
            ))),
        }
    }

    /// Runs queries. All of them see the same state of the database.
    pub(crate) fn read<T>(
        &self,
        queries: impl FnOnce(&Reader<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let state = Transaction::new_unchecked(&self.connection, TransactionBehavior::Deferred)?;
        queries(&Reader { connection: &state })
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_WAIT)?;
    Ok(connection)
}

impl Reader<'_> {
    /// Returns the id of the last request, or 0, and of the last one in the index of texts.
    pub(crate) fn last_ids(&self) -> rusqlite::Result<(i64, i64)> {
        self.connection.query_row(
            "SELECT (SELECT coalesce(max(request_id), 0) FROM request_facts), last_id FROM indexed_requests",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }
}
