//! Errors of commands, as one line of text.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

/// Formats an error with all its causes on one line. Leaves out a cause that repeats the text so far.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = match error.downcast_ref() {
            // The `Display` text of this error contains the whole SQL statement after the message.
            Some(rusqlite::Error::SqlInputError { msg, .. }) => msg.clone(),
            _ => error.to_string(),
        };
        // `rusqlite` reports SQLite's error code as the cause of a message that already contains its meaning.
        let after_code = said.split_once(": ").filter(|(code, _)| code.starts_with("Error code "));
        let words = after_code.map_or(said.as_str(), |(_, words)| words);
        if !text.to_lowercase().contains(&words.to_lowercase()) && !words.is_empty() {
            let _ = write!(text, ": {said}");
        }
        cause = error.source();
    }
    text
}

/// Returns `true` if the reader of the output has closed it, such as `head` does. This is not a failure.
pub(super) fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fmt;

    use super::with_causes;

    #[derive(Debug)]
    struct Said(&'static str, Option<Box<Said>>);

    impl fmt::Display for Said {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl Error for Said {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn repeated_causes_are_left_out() {
        let code = Said("Error code 14: Unable to open the file", None);
        let cause = Said("unable to open the file: /x", Some(Box::new(code)));
        let error = Said("cannot use the database", Some(Box::new(cause)));
        assert_eq!(with_causes(&error), "cannot use the database: unable to open the file: /x");
        let other = Said("cannot listen", Some(Box::new(Said("address in use", None))));
        assert_eq!(with_causes(&other), "cannot listen: address in use");
    }
}
