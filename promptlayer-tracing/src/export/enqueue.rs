//! Puts spans and tracking calls into the queue, or into the spool, on the calling thread.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use promptlayer_client::exporter::{self, Enqueue, TrackCall};
use tokio::time::Instant;

use crate::error::{Error, Repr};
use crate::export::encode::encoder::EncodedItem;
use crate::export::pipeline::{Pipeline, QueueItem, Queued};
use crate::export::queue::ledger::DropReason;
use crate::export::queue::{Class, Refused, Weight};
use crate::export::spool::SpoolMode;
use crate::export::spool::store::Entry;
use crate::process::{ProcessedSpan, SpanExporter};

impl Pipeline {
    /// Puts an item into the queue, or counts it as dropped and returns the reason.
    fn push(&self, weight: Weight, item: QueueItem) -> Result<(), DropReason> {
        match self.queue.push(weight, Queued { item, accepted_at: Instant::now() }) {
            Ok(held) => {
                // Wake the worker only when a batch becomes full: waking it costs more than recording a span.
                let limits = self.encoder.batch;
                let was_below = held.bytes - weight.bytes < limits.bytes;
                let becomes_full = held.waiting == limits.spans || (was_below && held.bytes >= limits.bytes);
                if becomes_full && self.waits_for_batch.load(SeqCst) {
                    self.wake.notify_one();
                }
                Ok(())
            }
            Err(Refused::Full(_)) => Err(DropReason::QueueFull),
            Err(Refused::Closed(_)) => Err(DropReason::Closed),
        }
    }

    /// Writes an item to the spool on the calling thread, if the spool mode is synchronous. Returns `None` if
    /// the item was written, or came too late.
    fn store_at_once(&self, item: QueueItem) -> Option<QueueItem> {
        let Some(store) = self.store_here().filter(|store| store.mode() == SpoolMode::Synchronous) else {
            return Some(item);
        };
        let class = item.class();
        if self.queue.is_closed_to(class) {
            // The queue counts the item as dropped. No record on disk is evicted for it.
            return Some(item);
        }
        let encoded = match &item {
            QueueItem::Span(processed) => self.encoder.pack(processed),
            #[cfg(feature = "otlp")]
            QueueItem::Shared(span) => self.encoder.pack_shared(span),
            QueueItem::Track(call) => Some(EncodedItem::from_track(call.clone())),
        };
        let Some(EncodedItem { content, bytes: Ok(bytes), is_shrunk, measures }) = encoded else {
            return Some(item);
        };
        let accepted_at = Instant::now();
        let entry = Entry { content: &content, bytes: &bytes, accepted_at, is_ambiguous: false };
        let admit = || self.queue.admit_to_spool(class).is_ok();
        let enter = || match &self.encoder.calls {
            Some(calls) => calls.keep_if(measures, &self.counters.unmeasured, || {
                let is_accepted = admit();
                (is_accepted, is_accepted && item.is_measured_here())
            }),
            None => admit(),
        };
        if self.write(store, &entry, enter).is_err() {
            // Fall back to the queue. The export thread reports the problem with the disk.
            return Some(item);
        }
        self.counters.shrunk.fetch_add(is_shrunk.into(), Relaxed);
        self.wake.notify_one();
        None
    }
}

impl Pipeline {
    /// Accepts a span of this size. A span that cannot be queued is counted as dropped.
    pub(crate) fn accept(&self, bytes: usize, is_request: bool, item: QueueItem) {
        if self.is_forked() {
            self.refuse_forked(Class::Span);
            return;
        }
        // A span without a request log may not use the last quarter of the queue.
        let weight = Weight { class: Class::Span, bytes, yields: !is_request };
        let is_awaited = item.is_awaited();
        if let Some(item) = self.store_at_once(item) {
            // The ledger counts the reason.
            let _ = self.push(weight, item);
        }
        if is_awaited {
            self.wake.notify_one();
        }
    }
}

impl SpanExporter for Arc<Pipeline> {
    fn take(&self, processed: ProcessedSpan) {
        self.accept(processed.size, processed.span.is_request, QueueItem::Span(processed));
    }

    fn report(&self, error: Error) {
        self.reporter.report(error);
    }

    fn left_out(&self, spans: usize) {
        self.counters.left_out.fetch_add(spans as u64, Relaxed);
    }

    fn evicted(&self, spans: usize) {
        self.counters.evicted.fetch_add(spans as u64, Relaxed);
    }

    fn lost_scores(&self, function: &'static str, count: usize) {
        // In a forked process, the lock may be held forever.
        if self.is_forked() {
            self.forked.tracking.fetch_add(count as u64, SeqCst);
            return;
        }
        self.queue.refuse(Class::Track, DropReason::NoRequest, count as u64);
        self.report(Repr::ScoresLost { function, count }.into());
    }

    fn hurry(&self) {
        if !self.is_forked() {
            self.wake.notify_one();
        }
    }
}

impl Enqueue for Pipeline {
    fn enqueue(&self, call: TrackCall) -> Result<(), promptlayer_client::Error> {
        if self.is_forked() {
            return Err(self.refuse_forked(Class::Track));
        }
        // Tracking calls leave the last quarter of the queue to requests.
        let weight = Weight { class: Class::Track, bytes: call.body.len(), yields: true };
        let Some(item) = self.store_at_once(QueueItem::Track(call)) else { return Ok(()) };
        self.push(weight, item).map_err(|reason| match reason {
            DropReason::Closed => exporter::closed(),
            _ => exporter::queue_full(),
        })
    }
}
