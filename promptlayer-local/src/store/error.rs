//! Errors of the store, with messages that fit a response or an error message.

use std::fmt;

use rusqlite::ErrorCode;

/// The reason why a read or a write failed.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// Too many calls are waiting, or another process kept the database locked. Nothing was stored; the same
    /// call can succeed later.
    Busy,
    /// SQLite refused the call. Nothing was stored.
    Database(rusqlite::Error),
    /// The caller left, or the server is stopping. Nothing was stored.
    Interrupted,
}

impl StoreError {
    /// Returns the error for a query that panicked. Unlike [`Busy`](Self::Busy), it must not be retried,
    /// because the query would panic again.
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

/// Returns SQLite's message without the SQL. For an error in one statement of a script, the error of
/// `rusqlite` contains the whole script.
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
