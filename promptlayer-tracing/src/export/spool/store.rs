//! The store: the pipeline's view of the spool. It holds the files behind one lock, and tracks the open
//! records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use promptlayer_client::exporter::LOG_REQUEST_PATH;
use tokio::time::Instant;

use crate::error::{Error, Repr};
use crate::export::encode::content::{Content, FollowUp};
use crate::export::spool::disk::{
    Given, LeftAlone, Record, RecordId, RecordKind, Selection, Spool, SpoolError, SpoolLimits, Tally,
};
use crate::export::spool::{SpoolMode, SpoolSettings};

/// The state behind the lock.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) spool: Spool,
    /// Records that were read from the spool but did not fit into the last batch.
    pub(crate) held: BTreeMap<Selection, Given>,
    /// What this process does with the ids of the requests that are on disk.
    pub(crate) follow_ups: BTreeMap<RecordId, FollowUp>,
    /// The same for requests that were lost. They are dropped when the lock is not held, because this may send scores.
    pub(crate) retired: Vec<FollowUp>,
    /// When records that were put back can be read again.
    pub(crate) rewind_at: Option<Instant>,
}

/// The spool of a pipeline.
///
/// Every change is recorded in the ledger before the lock is released, so that a thread that sees a record
/// also sees it counted.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    files: Mutex<Files>,
    mode: SpoolMode,
    pub(crate) max_age: Duration,
    pub(crate) opened_at: Instant,
    /// What was found when the spool was opened and is not sent.
    left: LeftAlone,
    /// The records that a caller may wait for, in the order in which they were written. This lock is taken
    /// last.
    open: Mutex<BTreeSet<RecordId>>,
}

impl Store {
    /// Opens the spool folder for a destination, which is identified by the hash `destination`.
    ///
    /// `siblings` are the destinations of the other pipelines of the layer.
    /// Also returns how many spans and tracking calls earlier runs left for this destination.
    pub(crate) fn open(
        settings: &SpoolSettings,
        destination: &str,
        siblings: &[&str],
    ) -> Result<(Self, Tally), Error> {
        let limits =
            SpoolLimits { bytes: settings.bytes, max_age: settings.max_age, ..SpoolLimits::default() };
        let (spool, recovered) =
            Spool::open(&settings.path, destination, siblings, limits).map_err(failed)?;
        let found = recovered.records;
        let open = spool.waiting().collect();
        let store = Self {
            path: spool.root().to_owned(),
            files: Mutex::new(Files {
                spool,
                held: BTreeMap::new(),
                follow_ups: BTreeMap::new(),
                retired: Vec::new(),
                rewind_at: None,
            }),
            mode: settings.mode,
            max_age: settings.max_age,
            opened_at: Instant::now(),
            left: recovered.left,
            open: Mutex::new(open),
        };
        Ok((store, found))
    }

    pub(crate) fn mode(&self) -> SpoolMode {
        self.mode
    }

    /// Returns how many files and parts of files could not be read when the spool was opened.
    pub(crate) fn set_aside(&self) -> u64 {
        self.left.set_aside
    }

    /// Returns an error that describes what was found when the spool was opened and is not sent.
    pub(crate) fn trouble(&self) -> Option<Error> {
        let trouble = || failed(SpoolError::LeftAlone { path: self.path.clone(), left: self.left });
        (!self.left.is_empty()).then(trouble)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a record that a caller may wait for.
    pub(crate) fn enter(&self, id: RecordId) {
        self.opened().insert(id);
    }

    /// Removes a record: callers no longer wait for it.
    pub(crate) fn leave(&self, id: RecordId) {
        self.opened().remove(&id);
    }

    /// Removes all records that are not kept.
    pub(crate) fn leave_unless(&self, is_kept: impl Fn(RecordId) -> bool) {
        self.opened().retain(|id| is_kept(*id));
    }

    /// Returns the last record that a caller may wait for.
    pub(crate) fn last_open(&self) -> Option<RecordId> {
        self.opened().last().copied()
    }

    /// Returns `true` if callers no longer wait for this record or any record before it.
    pub(crate) fn is_settled_to(&self, last: Option<RecordId>) -> bool {
        last.is_none_or(|last| self.opened().first().is_none_or(|first| *first > last))
    }

    fn opened(&self) -> MutexGuard<'_, BTreeSet<RecordId>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An item to write to disk.
pub(crate) struct Entry<'a> {
    pub(crate) content: &'a Content,
    pub(crate) bytes: &'a [u8],
    pub(crate) accepted_at: Instant,
    /// Whether the item is ambiguous: it was sent, and it is not known whether it arrived.
    pub(crate) is_ambiguous: bool,
}

impl Entry<'_> {
    pub(crate) fn record(&self) -> Record {
        let (kind, key) = match self.content {
            Content::Span { form, .. } => (RecordKind::Span, form.record_key()),
            Content::Log { .. } => (RecordKind::Span, LOG_REQUEST_PATH),
            Content::Track { path } => (RecordKind::Track, path.as_str()),
        };
        Record {
            kind,
            is_of_hook: self.content.hook_payload().is_some_and(|hook_payload| hook_payload.is_of_hook),
            is_ambiguous: self.is_ambiguous,
            key: key.into(),
            body: self.bytes.into(),
        }
    }
}

/// Wraps a spool error in the crate's error.
pub(crate) fn failed(error: SpoolError) -> Error {
    Repr::Spool { source: Box::new(error) }.into()
}
