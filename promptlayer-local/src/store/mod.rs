//! What is kept, and how it is found again: one SQLite connection, a file a subject.
//!
//! Nothing here knows HTTP, and everything written here has been checked at the edge.

mod requests;
mod schema;
mod spans;
mod templates;
mod tracking;

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use serde::de::DeserializeOwned;

use crate::{Database, Error};

pub(crate) use requests::{NewRequest, RequestRow, StoredRequest};
pub(crate) use spans::{BulkReceipt, Closing, LoggedId, NewSpan, StoredId, StoredSpan};
pub(crate) use templates::{
    ExternalId, NewTemplate, PublishError, StoredVersion, TemplateSummary, VersionChoice,
};

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The database. Calls are short and synchronous; the server's thread makes them one after another.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the database and brings its schema up to date.
    pub(crate) fn open(database: &Database) -> Result<Self, Error> {
        let failed = |source: rusqlite::Error| Error::Database {
            database: database.to_string(),
            source: Box::new(source),
        };
        let mut connection = connect(database).map_err(failed)?;
        match schema::migrate(&mut connection).map_err(failed)? {
            schema::Migrated::Ready => Ok(Self { connection }),
            schema::Migrated::TooNew { found } => {
                Err(Error::NewerDatabase { database: database.to_string(), found, known: schema::VERSION })
            }
        }
    }
}

fn connect(database: &Database) -> rusqlite::Result<Connection> {
    let mut connection = match database {
        Database::Memory => Connection::open_in_memory()?,
        Database::File(path) => Connection::open(path)?,
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A transaction that reads first and writes later fails at once, whatever the timeout, if another process wrote in
    // between; one that says from the start that it will write waits its turn.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    connection.pragma_update(None, "foreign_keys", true)?;
    if matches!(database, Database::File(_)) {
        // With a write-ahead log, NORMAL survives a crash of the program; only a power cut may cost the last writes.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
    }
    Ok(connection)
}

/// Reads a column that holds JSON.
fn json_column<T: DeserializeOwned>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<T> {
    let index = row.as_ref().column_index(column)?;
    let text: String = row.get(index)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// A count or an offset as SQLite takes it.
fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Store;
    use crate::{Database, Error};

    #[test]
    fn a_file_has_a_write_ahead_log_and_keeps_its_references() {
        let path = std::env::temp_dir().join(format!("promptlayer-local-wal-{}.db", std::process::id()));
        let store = Store::open(&Database::File(path.clone())).unwrap();
        let pragma = |name| {
            store.connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
        };
        assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
        assert_eq!(pragma("foreign_keys").unwrap(), 1.into());
        assert_eq!(pragma("user_version").unwrap(), super::schema::VERSION.into());
        drop(store);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_database_of_a_newer_version_is_refused_by_name() {
        let path = std::env::temp_dir().join(format!("promptlayer-local-newer-{}.db", std::process::id()));
        rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
        let error = Store::open(&Database::File(path.clone())).unwrap_err();
        assert!(matches!(error, Error::NewerDatabase { found: 999, .. }), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        std::fs::remove_file(path).unwrap();
    }
}
