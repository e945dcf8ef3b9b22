//! Reports errors that no caller receives: to the user's handler, or as lines on standard error.

use std::fmt;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use promptlayer_client::exporter::Redactor;
use tokio::sync::mpsc::WeakSender;

use super::progress::Progress;
use super::{News, OnError, announce};
use crate::error::{self, Error};

/// Reports errors that occur on the threads of the application.
///
/// These threads cannot handle such an error and must not be blocked by it, so the hook thread reports it.
#[derive(Default)]
pub(crate) struct Reporter {
    pub(super) connection: OnceLock<Connection>,
    /// `true` if the fork of the process has been reported.
    has_reported_fork: AtomicBool,
}

/// The connection of a [`Reporter`] to the hook thread.
pub(super) struct Connection {
    /// Weak, because the hook thread ends with the pipeline, and the layer may live longer.
    pub(super) news: WeakSender<News>,
    pub(super) progress: Arc<Progress>,
    /// Weak for the same reason. In a forked process the value is still available, because the thread that
    /// would drop it does not exist there.
    pub(super) handler: Weak<ErrorHandler>,
}

/// The error handler and the redactor for its errors.
pub(super) struct ErrorHandler {
    pub(super) on_error: Option<OnError>,
    pub(super) redactor: Redactor,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reporter").finish_non_exhaustive()
    }
}

impl Reporter {
    /// Sends an error to the hook thread, which reports it. Does not block.
    pub(crate) fn report(&self, error: Error) {
        if let Some(Connection { news, progress, .. }) = self.connection.get()
            && let Some(news) = news.upgrade()
        {
            // If the channel is full, enough errors are reported already.
            let _ = news.try_send(News::Failed(error, announce(progress)));
        }
    }

    /// Reports an error on the current thread, at most once.
    ///
    /// In a forked process the hook thread does not exist, and a lock that it held is never released.
    pub(crate) fn report_after_fork(&self, error: Error) {
        if self.has_reported_fork.swap(true, SeqCst) {
            return;
        }
        match self.connection.get().and_then(|connection| connection.handler.upgrade()).as_deref() {
            Some(ErrorHandler { on_error: Some(on_error), redactor }) => {
                let error = error.redacted(redactor);
                let _ = catch_unwind(AssertUnwindSafe(|| on_error(&error)));
            }
            _ => write_line(&error, 0),
        }
    }
}

/// The default error handler: rate-limited lines on standard error.
#[derive(Debug, Default)]
pub(super) struct Lines {
    last: Option<Instant>,
    /// The number of errors since the last line.
    kept_back: u64,
}

impl Lines {
    /// The minimum time between two lines: 10 s.
    const INTERVAL: Duration = Duration::from_secs(10);

    pub(super) fn write(&mut self, error: &Error) {
        if self.last.is_some_and(|last| last.elapsed() < Self::INTERVAL) {
            self.kept_back += 1;
            return;
        }
        self.last = Some(Instant::now());
        write_line(error, std::mem::take(&mut self.kept_back));
    }
}

/// Writes an error to standard error, with the number of errors suppressed before it.
pub(crate) fn write_line(error: &Error, kept_back: u64) {
    let kept_back = match kept_back {
        0 => String::new(),
        count => format!(" (and {count} more errors before)"),
    };
    // Ignore the result, because standard error may be closed.
    let _ = writeln!(io::stderr(), "promptlayer: {}{kept_back}", error::chain(error));
}
