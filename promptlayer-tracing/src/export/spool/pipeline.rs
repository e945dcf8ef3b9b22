//! The pipeline's use of the spool: what is written to it and when, and how it is read.
//!
//! Every change is recorded in the ledger before the lock of the store is released, so that a thread that
//! sees a record also sees it counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use promptlayer_client::exporter::{LOG_REQUEST_PATH, TrackPath};
use tokio::time::Instant;

use crate::error::Error;
use crate::export::batch::item::{Batch, BatchItem, LedgerEntry, Stored};
use crate::export::delivery::retry::RetryPolicy;
use crate::export::encode::content::{Content, FollowUp, Origin, SpanForm};
use crate::export::pipeline::Pipeline;
use crate::export::queue::Class;
use crate::export::queue::ledger::{DropReason, End};
use crate::export::spool::disk::{Given, Record, RecordId, RecordKind, Selection, SpoolError};
use crate::export::spool::store::{Entry, Files, Store, failed};

/// A batch item that could not be written to disk.
#[derive(Debug)]
pub(crate) struct Unstored {
    pub(crate) item: BatchItem,
    /// Whether the item alone is larger than the spool. Other items may still fit.
    pub(crate) is_too_large: bool,
}

impl Pipeline {
    /// Returns the retry policy for items on disk, which has the spool's maximum age.
    pub(crate) fn stored_policy(&self, retry: RetryPolicy) -> RetryPolicy {
        self.store.as_ref().map_or(retry, |store| retry.max_age(store.max_age))
    }

    /// Writes an item to disk. Returns the item if there is no spool, or if it cannot be written.
    pub(crate) fn store(
        &self,
        item: BatchItem,
        is_ambiguous: bool,
        report: impl FnOnce(Error),
    ) -> Result<(), Box<Unstored>> {
        let Some(store) = self.store_here() else {
            return Err(Box::new(Unstored { item, is_too_large: false }));
        };
        let BatchItem { ledger_entry, accepted_at, content, bytes, stored } = item;
        let entry = Entry { content: &content, bytes: &bytes, accepted_at, is_ambiguous };
        let mut ledger_entry = Some(ledger_entry);
        let written = self.write(store, &entry, || {
            if let Some(ledger_entry) = ledger_entry.take() {
                ledger_entry.spool();
            }
            true
        });
        match (written, ledger_entry) {
            (Err(error), Some(ledger_entry)) => {
                let is_too_large = matches!(error, SpoolError::TooLarge { .. });
                report(failed(error));
                let item = BatchItem { ledger_entry, accepted_at, content, bytes, stored };
                Err(Box::new(Unstored { item, is_too_large }))
            }
            _ => Ok(()),
        }
    }

    /// Writes an entry to disk, then calls `enter` to count it. If `enter` returns `false`, the record is
    /// removed again.
    pub(crate) fn write(
        &self,
        store: &Store,
        entry: &Entry<'_>,
        enter: impl FnOnce() -> bool,
    ) -> Result<(), SpoolError> {
        let record = entry.record();
        let follow_up = follow_up(entry.content);
        let mut files = store.lock();
        let appended = files.spool.append(&record, entry.accepted_at);
        self.enter_lost(store, &mut files);
        let id = appended?;
        if enter() {
            store.enter(id);
            files.follow_ups.extend(follow_up.map(|follow_up| (id, follow_up)));
        } else {
            // If this fails, the next run sends the record.
            let _ = files.spool.done(id);
        }
        Ok(())
    }

    /// Records on disk whether requests with these items may have been written to a connection.
    pub(crate) fn store_sent(&self, items: &[BatchItem], may_be_sent: bool, report: impl FnOnce(Error)) {
        let Some(store) = self.store_here() else { return };
        let ids = items.iter().filter_map(|item| Some(item.stored.as_ref()?.id));
        let entered = store.lock().spool.set_sent(ids, may_be_sent);
        if let Err(error) = entered {
            report(failed(error));
        }
    }

    /// Marks a record as done.
    pub(crate) fn store_done(&self, stored: &Stored, report: impl FnOnce(Error)) {
        let Some(store) = self.store_here() else { return };
        let done = store.lock().spool.done(stored.id);
        if let Err(error) = done {
            report(failed(error));
        }
    }

    /// Leaves an item that came from disk there. This run reads it again after `again_after`, or else the
    /// next run does.
    ///
    /// Returns the item if its record was evicted.
    pub(crate) fn put_back(
        &self,
        item: BatchItem,
        is_ambiguous: bool,
        again_after: Option<Duration>,
    ) -> Option<BatchItem> {
        let (Some(store), Some(stored)) = (self.store_here(), &item.stored) else { return Some(item) };
        let mut files = store.lock();
        if !is_ambiguous {
            // If this fails, the next run reads the trace back before it sends the record.
            let _ = files.spool.set_sent([stored.id], false);
        }
        if !files.spool.put_back(stored.id) {
            drop(files);
            return Some(item);
        }
        if let Some(time) = again_after {
            files.rewind_at.get_or_insert(Instant::now() + time);
            files.follow_ups.extend(follow_up(&item.content).map(|follow_up| (stored.id, follow_up)));
        }
        // Count it before the lock is released: after that, the record can be evicted, and the eviction relies on
        // this count.
        item.ledger_entry.spool();
        None
    }

    /// Stops all callers from waiting for records on disk.
    pub(crate) fn leave_stored(&self) {
        if let Some(store) = self.store_here() {
            store.leave_unless(|_| false);
            self.progress.notify();
        }
    }

    /// Drops what this process would have done with the ids of requests that were lost, or, at the end, of all
    /// requests on disk.
    pub(crate) fn drop_follow_ups(&self, is_end: bool) {
        let Some(store) = self.store_here() else { return };
        let mut files = store.lock();
        let retired = std::mem::take(&mut files.retired);
        let rest = if is_end { std::mem::take(&mut files.follow_ups) } else { BTreeMap::new() };
        drop(files);
        drop((retired, rest));
    }

    /// Waits until the disk has stored all records, so that they survive a crash of the system.
    pub(crate) fn sync_store(&self, report: impl FnOnce(Error)) {
        let Some(store) = self.store_here() else { return };
        let mut files = store.lock();
        let synced = files.spool.sync();
        self.enter_lost(store, &mut files);
        // A deleted spool is the more useful error: it explains why a file could not be synced.
        if let Some(error) = files.spool.take_trouble().or(synced.err()) {
            drop(files);
            report(failed(error));
        }
    }

    /// Records what the spool has lost.
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
            let Files { spool, follow_ups, retired, .. } = files;
            let is_lost = |id: &&RecordId| !spool.is_open(**id);
            let lost: Vec<RecordId> = follow_ups.keys().filter(is_lost).copied().collect();
            retired.extend(lost.iter().filter_map(|id| follow_ups.remove(id)));
            store.leave_unless(|id| spool.is_open(id));
            self.progress.notify();
        }
    }

    /// Returns the next stored batch, of this run or of earlier runs, oldest first.
    ///
    /// Items that were never sent come before ambiguous ones. A tracking call is sent alone, and so is a
    /// request of `POST /log-request`.
    pub(crate) fn next_stored(
        self: &Arc<Self>,
        kind: RecordKind,
        is_adopted: bool,
        report: &impl Fn(Error),
    ) -> Option<Batch> {
        let store = self.store_here()?;
        for may_have_been_sent in [false, true] {
            let selection = Selection { kind, is_adopted, may_have_been_sent };
            loop {
                let found = self.take_stored(store, selection, report);
                if found.is_empty() {
                    break;
                }
                let batch = self.batch_of(store, selection, found);
                // If none of these records could be parsed, later ones may still be valid.
                if !batch.items.is_empty() {
                    return Some(batch);
                }
            }
        }
        None
    }

    fn batch_of(&self, store: &Store, selection: Selection, found: Vec<Found>) -> Batch {
        let is_of_spans = found.first().is_some_and(|found| is_of_span(&found.record));
        let (mut ambiguous_since, mut may_have_arrived) = (None, false);
        if selection.may_have_been_sent && is_of_spans && !self.encoder.format.can_be_read_back() {
            may_have_arrived = true;
        } else if selection.may_have_been_sent && is_of_spans {
            // If an earlier run sent the batch, it did so before this run started.
            ambiguous_since = Some(if selection.is_adopted { store.opened_at } else { Instant::now() });
        } else if selection.may_have_been_sent && selection.kind == RecordKind::Span {
            // It cannot be read back, and may have been in flight when the earlier run was killed.
            self.counters.possible_duplicates.fetch_add(found.len() as u64, SeqCst);
        }
        let items = found.into_iter().filter_map(|found| self.parcel_of(found)).collect();
        Batch { ambiguous_since, may_have_arrived, ..Batch::new(items) }
    }

    /// Reads as many records from the spool as fit into one request.
    fn take_stored(
        self: &Arc<Self>,
        store: &Store,
        selection: Selection,
        report: &impl Fn(Error),
    ) -> Vec<Found> {
        let limits = self.encoder.batch;
        let mut found = Vec::new();
        let format = &self.encoder.format;
        let mut size = format.frame_bytes();
        // The key of the first record. Spans of two forms do not share a request.
        let mut key = None;
        let mut files = store.lock();
        if files.rewind_at.take_if(|time| *time <= Instant::now()).is_some() {
            files.spool.rewind();
        }
        while found.len() < limits.spans {
            let given = match files.held.remove(&selection) {
                Some(held) => Ok(Some(held)),
                None => files.spool.next_of(selection),
            };
            let given = match given {
                Ok(Some(given)) => given,
                Ok(None) => break,
                Err(error) => {
                    report(failed(error));
                    break;
                }
            };
            let is_alone =
                !is_of_span(&given.record) || key.as_ref().is_some_and(|key| *key != given.record.key);
            if !found.is_empty() && (is_alone || size + given.record.body.len() >= limits.bytes) {
                files.held.insert(selection, given);
                break;
            }
            let Given { id, record, age, .. } = given;
            size += record.body.len() + format.item_bytes();
            key.get_or_insert_with(|| record.key.clone());
            let class = match record.kind {
                RecordKind::Span => Class::Span,
                RecordKind::Track => Class::Track,
            };
            let follow_up = files.follow_ups.remove(&id).unwrap_or_default();
            found.push(Found {
                ledger_entry: LedgerEntry::new(
                    Arc::clone(self),
                    self.queue.unspool(class, record.body.len()),
                ),
                stored: Stored { id, pipeline: Arc::clone(self) },
                origin: Origin {
                    follow_up,
                    is_of_hook: record.is_of_hook,
                    is_replayed: selection.is_adopted,
                },
                // The age may be longer than this system has been running.
                accepted_at: Instant::now().checked_sub(age).unwrap_or_else(Instant::now),
                record,
            });
            if is_alone {
                break;
            }
        }
        self.enter_lost(store, &mut files);
        if let Some(error) = files.spool.take_trouble() {
            drop(files);
            report(failed(error));
        }
        found
    }

    /// Parses a record. If its content is invalid despite a correct checksum, the record is dropped as
    /// damaged.
    fn parcel_of(&self, found: Found) -> Option<BatchItem> {
        let Found { ledger_entry, stored, origin, accepted_at, record } = found;
        let content = match (record.kind, &*record.key) {
            (RecordKind::Track, path) => TrackPath::from_path(path).map(|path| Content::Track { path }),
            (RecordKind::Span, LOG_REQUEST_PATH) => Content::of_stored_log(&record.body, origin),
            (RecordKind::Span, key) => SpanForm::from_record_key(key)
                .and_then(|form| Content::of_stored_span(form, &record.body, origin)),
        };
        let Some(content) = content else {
            self.store_done(&stored, drop);
            ledger_entry.settle(End::Dropped(DropReason::SpoolDamaged));
            return None;
        };
        Some(BatchItem {
            ledger_entry,
            accepted_at,
            content,
            bytes: record.body.into(),
            stored: Some(stored),
        })
    }
}

/// A record that was read from the spool. It stays there until it is done.
struct Found {
    ledger_entry: LedgerEntry,
    stored: Stored,
    origin: Origin,
    accepted_at: Instant,
    record: Record,
}

/// Returns what this process does with the id of a request, if anything.
fn follow_up(content: &Content) -> Option<FollowUp> {
    let follow_up = &content.hook_payload()?.follow_up;
    (!follow_up.is_empty()).then(|| follow_up.clone())
}

/// Returns `true` if a record is a span that can share a request with others.
fn is_of_span(record: &Record) -> bool {
    record.kind == RecordKind::Span && SpanForm::from_record_key(&record.key).is_some()
}
