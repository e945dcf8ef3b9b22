//! The pipeline's use of the spool: what goes on disk, when, and what comes back from it.

mod settings;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

pub use self::settings::{SpoolMode, SpoolSettings};
use super::Pipeline;
use super::encode;
use super::ledger::{DropReason, End};
use super::parcel::{Batch, Content, Origin, Parcel, Ticket};
use super::queue::Class;
use super::retry::RetryPolicy;
use super::spool::{Record, RecordId, RecordKind, Spool, SpoolError, SpoolLimits, Tally};

use crate::client::{Error, LOG_REQUEST_PATH, TrackPath};
use crate::hook::OwnHook;

/// The place of a parcel on disk. When it is dropped, nobody waits for the parcel any more.
#[derive(Debug)]
pub(crate) struct Stored {
    id: RecordId,
    pipeline: Arc<Pipeline>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        if let Some(store) = &self.pipeline.store {
            store.left.fetch_add(1, SeqCst);
        }
        self.pipeline.progress.notify();
    }
}

/// What is behind the lock.
#[derive(Debug)]
struct Files {
    spool: Spool,
    /// Given already, but with no place in the batch before it.
    held: Option<(RecordId, Record)>,
    /// The hooks of functions whose requests wait here.
    own_hooks: BTreeMap<RecordId, OwnHook>,
}

/// The spool of a pipeline.
///
/// What is put there or taken out is entered in the ledger before the lock is given up, so that whoever
/// finds a record finds it entered.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    files: Mutex<Files>,
    mode: SpoolMode,
    max_age: Duration,
    opened_at: Instant,
    /// Files and parts of files that could not be read when it was opened.
    set_aside: u64,
    /// Records that were put there, or found.
    entered: AtomicU64,
    /// Records of these for which nobody waits any more.
    left: AtomicU64,
}

impl Store {
    /// Opens the folder, and tells how many spans and tracking calls of earlier runs are in it.
    pub(crate) fn open(settings: &SpoolSettings) -> Result<(Self, Tally), Error> {
        let limits =
            SpoolLimits { bytes: settings.bytes, max_age: settings.max_age, ..SpoolLimits::default() };
        let (spool, recovered) = Spool::open(&settings.path, limits).map_err(failed)?;
        let found = recovered.records;
        let store = Self {
            path: settings.path.clone(),
            files: Mutex::new(Files { spool, held: None, own_hooks: BTreeMap::new() }),
            mode: settings.mode,
            max_age: settings.max_age,
            opened_at: Instant::now(),
            set_aside: recovered.set_aside,
            entered: AtomicU64::new(found.total()),
            left: AtomicU64::new(0),
        };
        Ok((store, found))
    }

    pub(crate) fn mode(&self) -> SpoolMode {
        self.mode
    }

    /// Files and parts of files that could not be read when it was opened.
    pub(crate) fn set_aside(&self) -> u64 {
        self.set_aside
    }

    /// What was wrong with what an earlier run left.
    pub(crate) fn trouble(&self) -> Option<Error> {
        let trouble = || failed(SpoolError::SetAside { path: self.path.clone(), count: self.set_aside });
        (self.set_aside > 0).then(trouble)
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many records were ever entered.
    pub(crate) fn entered(&self) -> u64 {
        self.entered.load(SeqCst)
    }

    /// Whether nobody waits for as many records any more.
    pub(crate) fn have_left(&self, count: u64) -> bool {
        self.left.load(SeqCst) >= count
    }
}

/// Something that is to be put on disk.
pub(crate) struct Entry<'a> {
    pub(crate) content: &'a Content,
    pub(crate) bytes: &'a [u8],
    pub(crate) accepted_at: Instant,
    /// Whether it was sent, and nobody knows whether it arrived.
    pub(crate) is_in_doubt: bool,
}

impl Entry<'_> {
    /// Its age counts from when it was accepted.
    fn record(&self) -> Record {
        let (kind, key) = match self.content {
            Content::Span { .. } => (RecordKind::Span, ""),
            Content::Log { .. } => (RecordKind::Span, LOG_REQUEST_PATH),
            Content::Track { path } => (RecordKind::Track, path.as_str()),
        };
        let now = SystemTime::now();
        Record {
            kind,
            accepted_at: now.checked_sub(self.accepted_at.elapsed()).unwrap_or(now),
            is_of_hook: self.content.note().is_some_and(|note| note.is_of_hook),
            is_in_doubt: self.is_in_doubt,
            key: key.into(),
            body: self.bytes.into(),
        }
    }
}

impl Pipeline {
    /// The retry policy of what is on disk: it may grow older there.
    pub(crate) fn stored_policy(&self, retry: RetryPolicy) -> RetryPolicy {
        self.store.as_ref().map_or(retry, |store| retry.max_age(store.max_age))
    }

    /// Puts a parcel on disk. Gives it back where there is no spool, or it cannot be written to.
    pub(crate) fn store(
        &self,
        parcel: Parcel,
        is_in_doubt: bool,
        report: impl FnOnce(Error),
    ) -> Option<Parcel> {
        if self.store.is_none() {
            return Some(parcel);
        }
        let Parcel { ticket, accepted_at, content, bytes, stored } = parcel;
        let entry = Entry { content: &content, bytes: &bytes, accepted_at, is_in_doubt };
        let mut ticket = Some(ticket);
        let written = self.write(&entry, || {
            if let Some(ticket) = ticket.take() {
                ticket.spool();
            }
            true
        });
        match (written, ticket) {
            (Err(error), Some(ticket)) => {
                report(error);
                Some(Parcel { ticket, accepted_at, content, bytes, stored })
            }
            _ => None,
        }
    }

    /// Writes something to the disk, then enters it by `enter`; where that says `false`, it goes again.
    pub(crate) fn write(&self, entry: &Entry<'_>, enter: impl FnOnce() -> bool) -> Result<(), Error> {
        let Some(store) = &self.store else { return Err(Error::Closed) };
        let record = entry.record();
        let own_hook = entry.content.note().and_then(|note| note.own_hook);
        let mut files = store.lock();
        let appended = files.spool.append(&record);
        self.enter_lost(store, &mut files);
        let id = appended.map_err(failed)?;
        if enter() {
            store.entered.fetch_add(1, SeqCst);
            files.own_hooks.extend(own_hook.map(|hook| (id, hook)));
        } else {
            // Where that fails, the next run has it.
            let _ = files.spool.done(id);
        }
        Ok(())
    }

    /// Marks what is on disk as done.
    pub(crate) fn store_done(&self, stored: &Stored, report: impl FnOnce(Error)) {
        let Some(store) = &self.store else { return };
        let done = store.lock().spool.done(stored.id);
        if let Err(error) = done {
            report(failed(error));
        }
    }

    /// Whether something that was put on disk is there still.
    pub(crate) fn keeps(&self, stored: &Stored) -> bool {
        self.store.as_ref().is_some_and(|store| store.lock().spool.keeps(stored.id))
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
    fn enter_lost(&self, store: &Store, files: &mut Files) {
        let lost = files.spool.take_lost();
        let reasons = [
            (lost.evicted, DropReason::SpoolFull),
            (lost.expired, DropReason::Expired),
            (lost.damaged, DropReason::SpoolDamaged),
        ];
        let mut count = 0;
        for (tally, reason) in reasons {
            self.queue.settle_spooled(Class::Span, End::Dropped(reason), tally.spans);
            self.queue.settle_spooled(Class::Track, End::Dropped(reason), tally.tracks);
            count += tally.total();
        }
        if count > 0 {
            let Files { spool, own_hooks, .. } = files;
            own_hooks.retain(|id, _| spool.keeps(*id));
            store.left.fetch_add(count, SeqCst);
            self.progress.notify();
        }
    }

    /// The next batch from disk, oldest first. A tracking call, and a request of its own wire, goes alone.
    pub(crate) fn next_stored(
        self: &Arc<Self>,
        spans: usize,
        bytes: usize,
        report: &impl Fn(Error),
    ) -> Option<Batch> {
        let store = self.store.as_ref()?;
        let mut parcels = Vec::new();
        let mut in_doubt_since = None;
        for found in self.take_stored(store, spans, bytes, report) {
            if found.may_have_arrived && is_of_span(&found.record) {
                // An earlier run sent it, if at all, before this one began.
                let since = if found.origin.is_replayed { store.opened_at } else { Instant::now() };
                in_doubt_since = in_doubt_since.max(Some(since));
            } else if found.origin.is_replayed && found.record.kind == RecordKind::Span {
                // It cannot be read back, and may have been on its way when the earlier run was killed.
                self.counters.possible_duplicates.fetch_add(1, SeqCst);
            }
            parcels.extend(self.parcel_of(found));
        }
        (!parcels.is_empty()).then_some(Batch { parcels, in_doubt_since, is_retry: false })
    }

    /// Takes what fits into one request out of the spool.
    fn take_stored(
        self: &Arc<Self>,
        store: &Store,
        spans: usize,
        bytes: usize,
        report: &impl Fn(Error),
    ) -> Vec<Found> {
        let mut found = Vec::new();
        let mut size = encode::FRAME_BYTES;
        let mut files = store.lock();
        while found.len() < spans {
            let given = match files.held.take() {
                Some(held) => Ok(Some(held)),
                None => files.spool.next(),
            };
            let (id, record) = match given {
                Ok(Some(given)) => given,
                Ok(None) => break,
                Err(error) => {
                    report(failed(error));
                    break;
                }
            };
            let is_alone = !is_of_span(&record);
            if !found.is_empty() && (is_alone || size + record.body.len() >= bytes) {
                files.held = Some((id, record));
                break;
            }
            size += record.body.len() + 1;
            let class = match record.kind {
                RecordKind::Span => Class::Span,
                RecordKind::Track => Class::Track,
            };
            let is_replayed = files.spool.is_adopted(id);
            let own_hook = files.own_hooks.remove(&id);
            found.push(Found {
                ticket: Ticket::new(Arc::clone(self), self.queue.unspool(class, record.body.len())),
                stored: Stored { id, pipeline: Arc::clone(self) },
                origin: Origin { own_hook, is_of_hook: record.is_of_hook, is_replayed },
                may_have_arrived: record.is_in_doubt || is_replayed,
                record,
            });
            if is_alone {
                break;
            }
        }
        self.enter_lost(store, &mut files);
        found
    }

    /// Reads what was found; where it is not one of ours, for all its checksum, that is its end.
    fn parcel_of(&self, found: Found) -> Option<Parcel> {
        let Found { ticket, stored, origin, record, .. } = found;
        let content = match (record.kind, &*record.key) {
            (RecordKind::Track, path) => TrackPath::of(path).map(|path| Content::Track { path }),
            (RecordKind::Span, "") => Content::of_stored_span(&record.body, origin),
            (RecordKind::Span, LOG_REQUEST_PATH) => Content::of_stored_log(&record.body, origin),
            (RecordKind::Span, _) => None,
        };
        let Some(content) = content else {
            self.store_done(&stored, drop);
            ticket.settle(End::Dropped(DropReason::SpoolDamaged));
            return None;
        };
        let age = SystemTime::now().duration_since(record.accepted_at).unwrap_or_default();
        Some(Parcel {
            ticket,
            accepted_at: Instant::now().checked_sub(age).unwrap_or_else(Instant::now),
            content,
            bytes: record.body.into(),
            stored: Some(stored),
        })
    }
}

/// What was taken out of the spool. It is there until it is done.
struct Found {
    ticket: Ticket,
    stored: Stored,
    origin: Origin,
    may_have_arrived: bool,
    record: Record,
}

/// Whether a record is a span that goes with others in one request.
fn is_of_span(record: &Record) -> bool {
    record.kind == RecordKind::Span && record.key.is_empty()
}

fn failed(error: SpoolError) -> Error {
    Error::Spool { source: Box::new(error) }
}
