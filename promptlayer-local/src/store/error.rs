//! Why a call of the store failed, in words that an answer or an error message can carry.

use std::fmt;

use rusqlite::ErrorCode;

/// Why a read or a write did not happen.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// Too many calls wait already, or another process kept the database locked. Nothing was stored; the same call can
    /// succeed later.
    Busy,
    /// SQLite refused the call. Nothing was stored.
    Database(rusqlite::Error),
    /// The caller left, or the server is stopping. Nothing was stored.
    Interrupted,
}

impl StoreError {
    /// The query panicked, and would again: not an error to retry, as [`Busy`](Self::Busy) is.
    pub(super) fn panicked() -> Self {
        Self::Database(rusqlite::Error::ToSqlConversionFailure("a query panicked".into()))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Database(error),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => formatter.write_str(
                "The database is busy: too many calls wait, or another program holds its lock; try again later",
            ),
            Self::Database(error) => write!(formatter, "The database failed: {}", reason(error)),
            Self::Interrupted => formatter.write_str("The database call was interrupted; try again"),
        }
    }
}

/// What SQLite said, once and without the SQL: rusqlite repeats a whole script for an error in one statement of it.
pub(crate) fn reason(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqliteFailure(code, None) => {
            let text = code.to_string();
            // "Error code 14: Unable to open the database file"
            text.split_once(": ").map_or(text.clone(), |(_, meaning)| meaning.to_owned())
        }
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::reason;

    #[test]
    fn reason_has_no_sql_and_no_repetition() {
        let connection = Connection::open_in_memory().unwrap();
        let error = connection.execute_batch("CREATE TABLE a (b); CREATE TABLE a (c); SELECT 1").unwrap_err();
        assert_eq!(reason(&error), "table a already exists");
        let error = Connection::open("/no/such/folder/x.db").unwrap_err();
        assert_eq!(reason(&error).matches("unable to open database file").count(), 1, "{}", reason(&error));
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(14), None);
        assert!(!reason(&error).contains("Error code"), "{}", reason(&error));
    }
}
