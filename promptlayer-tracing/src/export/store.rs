//! The pipeline's use of the spool: what goes on disk, when, and what comes back from it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::Pipeline;
use super::courier::Batch;
use super::encode;
use super::ledger::{DropReason, End};
use super::parcel::{Content, Parcel, Ticket};
use super::queue::Class;
use super::retry::RetryPolicy;
use super::spool::{Record, RecordId, RecordKind, Spool, SpoolError, SpoolLimits, Tally};
use crate::client::{Error, LOG_REQUEST_PATH};

/// What is put on disk, and when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoolMode {
    /// What cannot be delivered for as long as one waits for it in memory, and what is left at the
    /// shutdown. Costs nothing while all is well; a program that is killed loses what was in memory.
    #[default]
    OnFailure,
    /// Everything, by the export thread, before it is sent. A program that is killed loses what was in the
    /// queue: at most what it recorded since the last batch interval.
    WriteAhead,
    /// Everything, by the thread that recorded it, before its call returns. A program that is killed loses
    /// nothing; each call pays for its conversion and one write to the file. (The system may hold the write
    /// back: a machine that loses its power may lose it.)
    Synchronous,
}

/// A folder where what cannot be delivered is kept, and delivered from by the next run.
///
/// ```no_run
/// use promptlayer_tracing::{SpoolMode, SpoolSettings};
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// let spool = SpoolSettings::new("/var/lib/my-service/promptlayer").mode(SpoolMode::WriteAhead);
/// let (layer, guard) = promptlayer_tracing::layer().spool(spool).build()?;
/// # drop((layer, guard));
/// # Ok(())
/// # }
/// ```
///
/// Each process has a folder of its own in it, under a file lock, so that any number of them may share
/// the path; what one left behind, the next one takes over. Files are readable by their owner alone (0600),
/// hold prompts and answers as they were to be sent, and no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    path: PathBuf,
    mode: SpoolMode,
    bytes: u64,
    max_age: Duration,
}

impl SpoolSettings {
    /// The default of [`bytes`](Self::bytes): 256 MiB.
    pub const DEFAULT_BYTES: u64 = 256 << 20;
    /// The default of [`max_age`](Self::max_age): 7 days.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// A spool in this folder, which is made if it does not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            mode: SpoolMode::default(),
            bytes: Self::DEFAULT_BYTES,
            max_age: Self::DEFAULT_MAX_AGE,
        }
    }

    /// What is put there, and when. Defaults to [`SpoolMode::OnFailure`].
    #[must_use]
    pub fn mode(mut self, mode: SpoolMode) -> Self {
        self.mode = mode;
        self
    }

    /// The greatest number of bytes on disk. When there would be more, the oldest are dropped and counted.
    /// Defaults to [`DEFAULT_BYTES`](Self::DEFAULT_BYTES).
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// How old something may become there before it is dropped and counted. Defaults to
    /// [`DEFAULT_MAX_AGE`](Self::DEFAULT_MAX_AGE).
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }
}

impl<P: Into<PathBuf>> From<P> for SpoolSettings {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}

/// The place of a parcel on disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored(RecordId);

/// What is behind the lock.
#[derive(Debug)]
struct Files {
    spool: Spool,
    /// Given already, but with no place in the batch before it.
    held: Option<(RecordId, Record)>,
}

/// The spool of a pipeline.
#[derive(Debug)]
pub(crate) struct Store {
    files: Mutex<Files>,
    mode: SpoolMode,
    max_age: Duration,
    /// What was put there before this is of an earlier run.
    opened_at: SystemTime,
    /// Records that were put there, or found.
    entered: AtomicU64,
    /// Records of these that have an end.
    left: AtomicU64,
}

impl Store {
    /// Opens the folder, and tells how many spans and tracking calls of earlier runs are in it.
    pub(crate) fn open(settings: &SpoolSettings) -> Result<(Self, Tally), Error> {
        let opened_at = SystemTime::now();
        let limits =
            SpoolLimits { bytes: settings.bytes, max_age: settings.max_age, ..SpoolLimits::default() };
        let (spool, recovered) = Spool::open(&settings.path, limits).map_err(failed)?;
        let found = recovered.records;
        let store = Self {
            files: Mutex::new(Files { spool, held: None }),
            mode: settings.mode,
            max_age: settings.max_age,
            opened_at,
            entered: AtomicU64::new(found.total()),
            left: AtomicU64::new(0),
        };
        Ok((store, found))
    }

    pub(crate) fn mode(&self) -> SpoolMode {
        self.mode
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many records were ever entered.
    pub(crate) fn entered(&self) -> u64 {
        self.entered.load(SeqCst)
    }

    /// Whether as many records have an end.
    pub(crate) fn have_left(&self, count: u64) -> bool {
        self.left.load(SeqCst) >= count
    }
}

impl Pipeline {
    /// The retry policy of what is on disk: it may grow older there.
    pub(crate) fn stored_policy(&self, retry: RetryPolicy) -> RetryPolicy {
        self.store.as_ref().map_or(retry, |store| retry.max_age(store.max_age))
    }

    /// Puts a parcel on disk; `false` if there is no spool, or it cannot be written to.
    pub(crate) fn store(&self, parcel: &Parcel, report: impl FnOnce(Error)) -> bool {
        if self.store.is_none() {
            return false;
        }
        let written = self.write_record(&parcel.content, &parcel.bytes, parcel.accepted_at);
        written.map_err(report).is_ok()
    }

    /// Writes something to the disk. Its age counts from when it was accepted.
    pub(crate) fn write_record(
        &self,
        content: &Content,
        bytes: &[u8],
        accepted_at: Instant,
    ) -> Result<(), Error> {
        let Some(store) = &self.store else { return Err(Error::Closed) };
        let (kind, key, is_request) = match content {
            Content::Span { note, .. } => (RecordKind::Span, "", note.is_some()),
            Content::Log { .. } => (RecordKind::Span, LOG_REQUEST_PATH, true),
            Content::Track { path } => (RecordKind::Track, &**path, false),
        };
        let now = SystemTime::now();
        let accepted_at = now.checked_sub(accepted_at.elapsed()).unwrap_or(now);
        let record = Record { kind, accepted_at, is_request, key: key.into(), body: bytes.into() };
        let appended = store.lock().spool.append(&record).map_err(failed);
        self.enter_lost(store);
        appended?;
        store.entered.fetch_add(1, SeqCst);
        Ok(())
    }

    /// Marks what is on disk as done.
    pub(crate) fn store_done(&self, stored: Stored, report: impl FnOnce(Error)) {
        let Some(store) = &self.store else { return };
        let done = store.lock().spool.done(stored.0);
        store.left.fetch_add(1, SeqCst);
        self.progress.notify();
        if let Err(error) = done {
            report(failed(error));
        }
    }

    /// Whether something that was put on disk is there still.
    pub(crate) fn keeps(&self, stored: Stored) -> bool {
        self.store.as_ref().is_some_and(|store| store.lock().spool.keeps(stored.0))
    }

    /// Waits until the disk has all that was put there, so that it survives the end of the system too.
    pub(crate) fn sync_store(&self, report: impl FnOnce(Error)) {
        let Some(store) = &self.store else { return };
        let synced = store.lock().spool.sync();
        if let Err(error) = synced {
            report(failed(error));
        }
    }

    /// Enters what the spool had and will not give.
    fn enter_lost(&self, store: &Store) {
        let lost = store.lock().spool.take_lost();
        let reasons = [
            (lost.evicted, DropReason::SpoolFull),
            (lost.expired, DropReason::Expired),
            (lost.damaged, DropReason::SpoolDamaged),
        ];
        for (tally, reason) in reasons {
            self.queue.settle_spooled(Class::Span, End::Dropped(reason), tally.spans);
            self.queue.settle_spooled(Class::Track, End::Dropped(reason), tally.tracks);
            store.left.fetch_add(tally.total(), SeqCst);
        }
    }

    /// The next batch from disk, oldest first. A tracking call, and a request of its own wire, goes alone.
    pub(crate) fn next_stored(self: &Arc<Self>, spans: usize, bytes: usize) -> Option<Batch> {
        let store = self.store.as_ref()?;
        let mut batch = Batch { parcels: Vec::new(), is_in_doubt: false };
        let mut size = encode::FRAME_BYTES;
        while batch.parcels.len() < spans {
            let mut files = store.lock();
            let given = files.held.take().or_else(|| files.spool.next());
            let Some((id, record)) = given else { break };
            let is_alone = !is_of_span(&record);
            if !batch.parcels.is_empty() && (is_alone || size + record.body.len() >= bytes) {
                files.held = Some((id, record));
                break;
            }
            drop(files);
            // What an earlier run left, or this one gave up, may have arrived all the same.
            batch.is_in_doubt |= record.accepted_at < store.opened_at || store.mode == SpoolMode::OnFailure;
            size += record.body.len() + 1;
            match self.parcel_of(id, record) {
                Ok(parcel) => batch.parcels.push(parcel),
                Err(ticket) => {
                    // Not one of ours, for all its checksum.
                    self.store_done(Stored(id), |_| {});
                    ticket.settle(End::Dropped(DropReason::Unwritable));
                }
            }
            if is_alone {
                break;
            }
        }
        self.enter_lost(store);
        batch.is_in_doubt &=
            batch.parcels.iter().all(|parcel| matches!(parcel.content, Content::Span { .. }));
        (!batch.parcels.is_empty()).then_some(batch)
    }

    fn parcel_of(self: &Arc<Self>, id: RecordId, record: Record) -> Result<Parcel, Ticket> {
        let class = match record.kind {
            RecordKind::Span => Class::Span,
            RecordKind::Track => Class::Track,
        };
        let ticket = Ticket::new(Arc::clone(self), self.queue.unspool(class, record.body.len()));
        let age = SystemTime::now().duration_since(record.accepted_at).unwrap_or_default();
        let content = match (record.kind, &*record.key) {
            (RecordKind::Track, path) => Some(Content::Track { path: path.to_owned().into() }),
            (RecordKind::Span, "") => Content::of_stored_span(&record.body),
            (RecordKind::Span, _) => Content::of_stored_log(&record.body),
        };
        match content {
            Some(content) => Ok(Parcel {
                ticket,
                accepted_at: Instant::now().checked_sub(age).unwrap_or_else(Instant::now),
                content,
                bytes: record.body.into(),
                stored: Some(Stored(id)),
            }),
            None => Err(ticket),
        }
    }
}

/// Whether a record is a span that goes with others in one request.
fn is_of_span(record: &Record) -> bool {
    record.kind == RecordKind::Span && record.key.is_empty()
}

fn failed(error: SpoolError) -> Error {
    Error::Spool { source: Box::new(error) }
}
