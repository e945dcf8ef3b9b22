//! Deletes the oldest data, by age or by size, and returns its space to the file system.
//!
//! Everything is deleted in short transactions with pauses between them, so a write waits about 25 milliseconds. A step
//! that merges the index of texts of a large database can take longer, up to a second. The rows that belong to a request
//! are deleted with it, by foreign keys and triggers. Each transaction leaves a consistent database. Templates are never
//! deleted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Row, Statement};

use super::{Reader, Store, StoreError, Writer};
use crate::timestamp::Timestamp;

/// The time after which a transaction that deletes ends. Committing it takes some more.
const GROUP_TIME: Duration = Duration::from_millis(25);

/// The pause between two transactions. A program that waits for the lock polls for it.
const PAUSE: Duration = Duration::from_millis(5);

/// The number of requests, and of spans, that are looked up for one transaction.
const GROUP: i64 = 500;

/// The number of pages that one step merges in the index of texts, or returns to the file system.
const PAGES: i64 = 32;

/// The size of the write-ahead log in pages, while data is deleted, at which a write copies it into the file itself.
const LOG_PAGES: i64 = 16_384;

/// The number of transactions after which the write-ahead log is copied into the file.
const UNTIL_CHECKPOINT: usize = 8;

/// The number of deleted requests or spans after which the size is read again.
const UNTIL_SIZE: usize = 16;

/// The limits for stored data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Retention {
    /// The age after which requests and traces are deleted.
    pub(crate) age: Option<Duration>,
    /// The size of the database in bytes above which the oldest requests and spans are deleted.
    pub(crate) size: Option<u64>,
}

impl Retention {
    pub(crate) fn is_limited(self) -> bool {
        self.age.is_some() || self.size.is_some()
    }
}

impl Store {
    /// Lets the file shrink when data is deleted. New files can shrink; a file of an earlier version is rewritten once.
    ///
    /// If another program uses the file, or the disk has no room for the copy, the file stays as it is: the space of
    /// deleted data is then used for new data.
    pub(crate) fn allow_shrinking(&self) {
        for connection in self.0.writer.drain() {
            let mode = connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0));
            if mode.is_ok_and(|mode| mode == 0) {
                let _ = connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
            }
            self.0.writer.add(connection);
        }
    }

    /// Deletes the requests that began before this time, with their spans, and all traces whose spans all began before
    /// it. Returns the number of deleted requests and spans.
    pub(crate) async fn delete_older(&self, before: Timestamp) -> Result<usize, StoreError> {
        let before = before.nanoseconds();
        if !self.read(move |store| Ok::<_, StoreError>(store.has_older(before)?)).await? {
            return Ok(0);
        }
        self.set_log_pages(LOG_PAGES).await?;
        let mut deleted =
            self.in_groups(move |store, until| store.delete_old_requests(before, until)).await?;
        loop {
            // This query can read many spans of younger traces, so it does not run in the write transaction.
            let spans = self.read(move |store| Ok::<_, StoreError>(store.old_spans(before)?)).await?;
            if spans.is_empty() {
                break;
            }
            let mut spans = Arc::new(spans);
            while !spans.is_empty() {
                let group = spans.clone();
                let (taken, rows) = self
                    .change(move |store| {
                        Ok::<_, StoreError>(store.delete_spans(&group, Instant::now() + GROUP_TIME)?)
                    })
                    .await?;
                deleted += rows;
                Arc::make_mut(&mut spans).drain(..taken);
                tokio::time::sleep(PAUSE).await;
            }
        }
        if deleted > 0 {
            self.change(move |store| Ok::<_, StoreError>(store.delete_empty(before)?)).await?;
            self.in_groups(|store, until| store.merge_texts(PAGES, until)).await?;
        }
        self.finish_deleting(deleted > 0).await?;
        Ok(deleted)
    }

    /// If the data takes more than this number of bytes, deletes the oldest requests and spans until it takes a tenth
    /// less. Returns the number of deleted requests and spans.
    pub(crate) async fn shrink_below(&self, bytes: u64) -> Result<usize, StoreError> {
        let used = self.read(|store| Ok::<_, StoreError>(store.used_bytes()?)).await?;
        if used <= bytes {
            return Ok(0);
        }
        let target = bytes / 10 * 9;
        self.set_log_pages(LOG_PAGES).await?;
        let deleted = self.in_groups(move |store, until| store.delete_oldest(target, until)).await?;
        self.finish_deleting(deleted > 0).await?;
        Ok(deleted)
    }

    /// Deletes all requests, spans and groups. Templates stay.
    pub(crate) async fn clear(&self) -> Result<(), StoreError> {
        self.write(|store| {
            Ok::<_, StoreError>(store.connection.execute_batch(
                "DELETE FROM requests; DELETE FROM spans; DELETE FROM closed_traces; DELETE FROM request_groups",
            )?)
        })
        .await
    }

    /// Runs transactions until one of them does nothing. Returns the sum of what they did.
    async fn in_groups(
        &self,
        group: impl Fn(&Writer<'_>, Instant) -> rusqlite::Result<usize> + Copy + Send + 'static,
    ) -> Result<usize, StoreError> {
        let (mut total, mut groups) = (0, 0_usize);
        loop {
            let done =
                self.change(move |store| Ok::<_, StoreError>(group(store, Instant::now() + GROUP_TIME)?));
            match done.await? {
                0 => return Ok(total),
                done => total += done,
            }
            groups += 1;
            if groups.is_multiple_of(UNTIL_CHECKPOINT) {
                self.checkpoint().await?;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Copies the write-ahead log into the file. Writes go on meanwhile, because it is not the writer that copies.
    async fn checkpoint(&self) -> Result<(), StoreError> {
        self.0
            .readers
            .run(|connection, _| {
                connection.pragma_update(None, "query_only", false)?;
                let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
                connection.pragma_update(None, "query_only", true)?;
                Ok::<_, StoreError>(copied?)
            })
            .await
    }

    /// Sets the size of the write-ahead log at which a write copies it into the file. The write takes that much longer.
    async fn set_log_pages(&self, pages: i64) -> Result<(), StoreError> {
        self.0
            .writer
            .run(move |connection, _| {
                let set = connection.pragma_update_and_check(None, "wal_autocheckpoint", pages, |_| Ok(()));
                Ok::<_, StoreError>(set?)
            })
            .await
    }

    /// Tells open pages that data was deleted, and returns free space to the file system.
    pub(super) async fn finish_deleting(&self, is_changed: bool) -> Result<(), StoreError> {
        if is_changed {
            self.0.writes.send_modify(|writes| *writes = writes.wrapping_add(1));
            self.in_groups(|store, until| store.return_pages(PAGES, until)).await?;
            self.checkpoint().await?;
            self.0
                .writer
                .run(|connection, _| {
                    let truncated = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
                    Ok::<_, StoreError>(truncated?)
                })
                .await?;
        }
        self.set_log_pages(super::LOG_PAGES).await
    }
}

impl Reader<'_> {
    /// Returns the size of the stored data in bytes, without the free pages of the file.
    pub(crate) fn used_bytes(&self) -> rusqlite::Result<u64> {
        let value = |name| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let pages = value("page_count")?.saturating_sub(value("freelist_count")?);
        Ok(u64::try_from(pages.saturating_mul(value("page_size")?)).unwrap_or_default())
    }

    /// Returns `true` if a request or a span began before this time.
    fn has_older(&self, before: i64) -> rusqlite::Result<bool> {
        self.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM request_facts WHERE start_ns < ?1)
                 OR EXISTS (SELECT 1 FROM spans WHERE start_ns < ?1)",
            [before],
            |row| row.get(0),
        )
    }

    /// Returns some of the spans that began before this time and whose traces have no younger span.
    fn old_spans(&self, before: i64) -> rusqlite::Result<Vec<i64>> {
        self.connection
            .prepare(
                "SELECT old.id FROM spans AS old INDEXED BY spans_by_time WHERE old.start_ns < ?1 AND NOT EXISTS
                     (SELECT 1 FROM spans AS young WHERE young.trace_id = old.trace_id AND young.start_ns >= ?1)
                 ORDER BY old.start_ns LIMIT ?2",
            )?
            .query_map([before, GROUP], |row| row.get(0))?
            .collect()
    }
}

impl Writer<'_> {
    fn delete_old_requests(&self, before: i64, until: Instant) -> rusqlite::Result<usize> {
        let requests: Vec<i64> = self
            .connection
            .prepare(
                "SELECT request_id FROM request_facts INDEXED BY facts_by_time WHERE start_ns < ?
                 ORDER BY start_ns LIMIT ?",
            )?
            .query_map([before, GROUP], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut rows = Deleter::new(self.connection)?;
        let half = until.checked_sub(GROUP_TIME / 2).unwrap_or(until);
        let mut deleted = 0;
        for request in requests {
            deleted += rows.delete_request(request)?;
            if Instant::now() > half {
                break;
            }
        }
        // A merge writes a few pages, but reads all deleted words before it has written them. So the index is merged
        // before many of its words are deleted.
        self.merge_texts(PAGES, until)?;
        Ok(deleted)
    }

    /// Deletes spans, and their requests, until the time is over. Returns the number of spans it dealt with, and of
    /// deleted rows.
    fn delete_spans(&self, spans: &[i64], until: Instant) -> rusqlite::Result<(usize, usize)> {
        let mut rows = Deleter::new(self.connection)?;
        let (mut taken, mut deleted) = (0, 0);
        for span in spans {
            deleted += rows.delete_span(*span)?;
            taken += 1;
            if Instant::now() > until {
                break;
            }
        }
        Ok((taken, deleted))
    }

    /// Deletes the oldest requests and spans, in the order in which they were stored, until the data takes this
    /// number of bytes.
    fn delete_oldest(&self, target: u64, until: Instant) -> rusqlite::Result<usize> {
        let half = until.checked_sub(GROUP_TIME / 2).unwrap_or(until);
        let mut rows = Deleter::new(self.connection)?;
        let mut deleted = 0;
        while self.used_bytes()? > target {
            for _ in 0..UNTIL_SIZE {
                match rows.delete_oldest()? {
                    0 => return Ok(deleted),
                    count => deleted += count,
                }
            }
            if Instant::now() > half {
                break;
            }
        }
        // The index of texts keeps the words of deleted requests until it is merged.
        self.merge_texts(PAGES, until)?;
        Ok(deleted)
    }

    /// Deletes what is left of old traces and groups: their closures, and groups without requests.
    fn delete_empty(&self, before: i64) -> rusqlite::Result<()> {
        self.connection.execute(
            "DELETE FROM closed_traces WHERE closed_ns < ?
                 AND NOT EXISTS (SELECT 1 FROM spans WHERE spans.trace_id = closed_traces.trace_id)",
            [before],
        )?;
        self.connection.execute(
            "DELETE FROM request_groups WHERE created_ns < ?
                 AND NOT EXISTS (SELECT 1 FROM group_members WHERE group_id = request_groups.id)",
            [before],
        )?;
        Ok(())
    }

    /// Merges parts of the index of texts, which removes the words of deleted requests. Returns the number of steps.
    fn merge_texts(&self, pages: i64, until: Instant) -> rusqlite::Result<usize> {
        let mut merge =
            self.connection.prepare("INSERT INTO request_texts (request_texts, rank) VALUES ('merge', ?)")?;
        let mut steps = 0;
        while Instant::now() < until {
            let before = self.connection.total_changes();
            merge.execute([pages])?;
            // A step that found nothing to merge changes one row of the index at most.
            if self.connection.total_changes().saturating_sub(before) < 2 {
                break;
            }
            steps += 1;
        }
        Ok(steps)
    }

    /// Returns free pages to the file system. Returns their number.
    fn return_pages(&self, pages: i64, until: Instant) -> rusqlite::Result<usize> {
        let free = || self.connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
        let before = free()?;
        let mut left = before;
        while left > 0 && Instant::now() < until {
            // Each step of the statement returns one page.
            let mut statement = self.connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            let now = free()?;
            if now >= left {
                break;
            }
            left = now;
        }
        Ok(usize::try_from(before.saturating_sub(left)).unwrap_or_default())
    }
}

/// The prepared statements that delete requests and spans. One instance serves a transaction.
struct Deleter<'c> {
    oldest_request: Statement<'c>,
    oldest_span: Statement<'c>,
    span_of_request: Statement<'c>,
    request: Statement<'c>,
    request_of_span: Statement<'c>,
    span: Statement<'c>,
}

impl<'c> Deleter<'c> {
    fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            oldest_request: connection
                .prepare("SELECT request_id, start_ns FROM request_facts ORDER BY request_id LIMIT 1")?,
            oldest_span: connection.prepare("SELECT id, start_ns FROM spans ORDER BY id LIMIT 1")?,
            span_of_request: connection.prepare("SELECT span_row FROM requests WHERE id = ?")?,
            request: connection.prepare("DELETE FROM requests WHERE id = ?")?,
            request_of_span: connection.prepare("DELETE FROM requests WHERE span_row = ?")?,
            span: connection.prepare("DELETE FROM spans WHERE id = ?")?,
        })
    }

    /// Deletes a request with its span. Returns the number of deleted rows.
    fn delete_request(&mut self, id: i64) -> rusqlite::Result<usize> {
        let span: Option<i64> = self.span_of_request.query_row([id], |row| row.get(0))?;
        let deleted = self.request.execute([id])?;
        match span {
            Some(span) => Ok(deleted + self.span.execute([span])?),
            None => Ok(deleted),
        }
    }

    /// Deletes a span with its request. Returns the number of deleted rows.
    fn delete_span(&mut self, id: i64) -> rusqlite::Result<usize> {
        Ok(self.request_of_span.execute([id])? + self.span.execute([id])?)
    }

    /// Deletes the request or the span that was stored first. Returns the number of deleted rows: 0 if nothing is stored.
    fn delete_oldest(&mut self) -> rusqlite::Result<usize> {
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let request: Option<(i64, i64)> = self.oldest_request.query_row([], read).optional()?;
        let span: Option<(i64, i64)> = self.oldest_span.query_row([], read).optional()?;
        match (request, span) {
            (Some((request, at)), Some((_, start))) if at <= start => self.delete_request(request),
            (_, Some((span, _))) => self.delete_span(span),
            (Some((request, _)), None) => self.delete_request(request),
            (None, None) => Ok(0),
        }
    }
}
