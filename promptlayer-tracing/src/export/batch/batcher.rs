//! The batcher: converts finished spans to batch items, and groups them into batches.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use promptlayer_client::exporter;

use crate::error::Error;
use crate::export::batch::item::{Batch, BatchItem, LedgerEntry};
use crate::export::encode::content::Content;
use crate::export::encode::encoder::{EncodedItem, Encoder};
use crate::export::pipeline::{Pipeline, QueueItem, Queued};
use crate::export::queue::ledger::{DropReason, End};
use crate::export::spool::SpoolMode;
use crate::export::spool::pipeline::Unstored;

/// Takes items out of the queue, in order, and builds batches.
pub(crate) struct Batcher {
    pipeline: Arc<Pipeline>,
    encoder: Arc<Encoder>,
    /// Items that were taken out of the queue but did not fit into the last batch, or could not be written to
    /// disk.
    ready: VecDeque<BatchItem>,
    /// The same for tracking calls. They are separate so that they do not block the spans behind them.
    tracking: VecDeque<BatchItem>,
    /// Whether the last write to disk failed.
    disk_fails: bool,
}

impl Batcher {
    pub(crate) fn new(pipeline: Arc<Pipeline>, encoder: Arc<Encoder>) -> Self {
        Self { pipeline, encoder, ready: VecDeque::new(), tracking: VecDeque::new(), disk_fails: false }
    }

    /// Returns the next batch of spans, or the next request log that is sent on its own. Returns `None` if no
    /// item waits in memory.
    pub(crate) fn next(&mut self, report: &impl Fn(Error)) -> Option<Batch> {
        let limits = self.encoder.batch;
        let (mut items, mut size) = (Vec::new(), self.encoder.format.frame_bytes());
        while items.len() < limits.spans {
            let Some(item) = self.ready.pop_front().or_else(|| self.take_unwritten(report)) else { break };
            if matches!(item.content, Content::Track { .. }) {
                self.tracking.push_back(item);
                continue;
            }
            let goes_alone = matches!(item.content, Content::Log { .. });
            let fits = !goes_alone && size + item.bytes.len() < limits.bytes;
            if !items.is_empty() && !fits {
                self.ready.push_front(item);
                break;
            }
            size += item.bytes.len() + self.encoder.format.item_bytes();
            items.push(item);
            if goes_alone {
                break;
            }
        }
        (!items.is_empty()).then(|| Batch::new(items))
    }

    /// Returns the next tracking call that waits in memory.
    pub(crate) fn next_tracking(&mut self) -> Option<Batch> {
        self.tracking.pop_front().map(|item| Batch::new(vec![item]))
    }

    /// Writes the waiting items to disk, until a write fails.
    pub(crate) fn spill(&mut self, report: &impl Fn(Error)) {
        // Stop at the items that are queued now. Otherwise nothing is sent if the program records faster than
        // the disk writes.
        let end = self.pipeline.queue.next_number();
        while self.pipeline.queue.first_number() < end
            && let Some(item) = self.take(report)
        {
            let Err(unstored) = self.pipeline.store(item, false, report) else {
                self.disk_fails = false;
                continue;
            };
            let Unstored { item, is_too_large } = *unstored;
            self.ready.push_back(item);
            if !is_too_large {
                self.disk_fails = true;
                return;
            }
        }
    }

    /// Writes all waiting items to disk, or counts them as dropped.
    pub(crate) fn give_up(&mut self, reason: DropReason, report: &impl Fn(Error)) {
        let taken: Vec<BatchItem> = self.ready.drain(..).chain(self.tracking.drain(..)).collect();
        for item in taken {
            if let Err(unstored) = self.pipeline.store(item, false, report) {
                unstored.item.ledger_entry.settle(End::Dropped(reason));
            }
        }
        if self.pipeline.store.is_some() {
            self.spill(report);
        }
        // Items that could not be written to disk.
        for item in self.ready.drain(..) {
            item.ledger_entry.settle(End::Dropped(reason));
        }
        // Items that have arrived since are written to disk next time.
        if self.pipeline.store.is_none() || self.disk_fails {
            self.pipeline.queue.drop_waiting(reason);
        }
        self.pipeline.progress.notify();
    }

    /// Returns `true` if every item is written to disk before it is sent.
    pub(crate) fn writes_ahead(&self) -> bool {
        self.pipeline.store.as_ref().is_some_and(|store| store.mode() != SpoolMode::OnFailure)
    }

    /// Takes the oldest item out of the queue, unless it must be written to disk first.
    fn take_unwritten(&mut self, report: &impl Fn(Error)) -> Option<BatchItem> {
        if self.writes_ahead() && !self.disk_fails {
            return None;
        }
        self.take(report)
    }

    /// Records the measures of a call, if it has some and `is_mine` says that no other pipeline does.
    fn record(&self, encoded: Option<&EncodedItem>, is_mine: impl FnOnce() -> bool) {
        if let (Some(calls), Some(encoded)) = (&self.encoder.calls, encoded)
            && let Some(measures) = &encoded.measures
            && is_mine()
        {
            calls.record(measures, &self.pipeline.counters.unmeasured);
        }
    }

    /// Takes the oldest item that can be serialized out of the queue.
    fn take(&self, report: &impl Fn(Error)) -> Option<BatchItem> {
        loop {
            let (taken, Queued { item, accepted_at }) = self.pipeline.queue.take()?;
            let mut ledger_entry = LedgerEntry::new(Arc::clone(&self.pipeline), taken);
            let encoded = match item {
                QueueItem::Span(processed) => {
                    let encoded = self.encoder.pack(&processed);
                    self.record(encoded.as_ref(), || true);
                    encoded
                }
                #[cfg(feature = "otlp")]
                QueueItem::Shared(span) => {
                    let encoded = self.encoder.pack_shared(&span);
                    self.record(encoded.as_ref(), || span.is_measured_here());
                    encoded
                }
                QueueItem::Track(call) => Some(EncodedItem::from_track(call)),
            };
            match encoded {
                Some(EncodedItem { content, bytes: Ok(mut bytes), is_shrunk, .. }) => {
                    // Free unused capacity, which may be as large as the data: the item is kept until it is
                    // delivered.
                    bytes.shrink_to_fit();
                    self.pipeline.counters.shrunk.fetch_add(is_shrunk.into(), Relaxed);
                    ledger_entry.resize(bytes.len());
                    return Some(BatchItem { ledger_entry, accepted_at, content, bytes, stored: None });
                }
                Some(EncodedItem { bytes: Err(source), .. }) => {
                    ledger_entry.settle(End::Dropped(DropReason::Unwritable));
                    report(exporter::encode_error("a span", source).into());
                }
                // The conversion panicked.
                None => ledger_entry.settle(End::Dropped(DropReason::Unwritable)),
            }
        }
    }
}
