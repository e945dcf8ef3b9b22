//! The packer: converts finished spans to batch items, and groups them into batches.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::export::batch::item::{Batch, Parcel, Ticket};
use crate::export::encode::content::Content;
use crate::export::encode::encoder::{Form, Packed};
use crate::export::encode::spans_bulk;
use crate::export::pipeline::{Item, Pipeline, Queued};
use crate::export::queue::ledger::{DropReason, End};
use crate::export::spool::SpoolMode;
use crate::export::spool::pipeline::Unstored;
use promptlayer_client::exporter;

use crate::error::Error;

/// Takes items out of the queue, in order, and builds batches.
pub(crate) struct Packer {
    pipeline: Arc<Pipeline>,
    form: Arc<Form>,
    /// Items that were taken out of the queue but did not fit into the last batch, or could not be written to
    /// disk.
    ready: VecDeque<Parcel>,
    /// The same for tracking calls. They are separate so that they do not block the spans behind them.
    tracking: VecDeque<Parcel>,
    /// Whether the last write to disk failed.
    disk_fails: bool,
}

impl Packer {
    pub(crate) fn new(pipeline: Arc<Pipeline>, form: Arc<Form>) -> Self {
        Self { pipeline, form, ready: VecDeque::new(), tracking: VecDeque::new(), disk_fails: false }
    }

    /// Returns the next batch of spans, or the next request log that is sent on its own. Returns `None` if no
    /// item waits in memory.
    pub(crate) fn next(&mut self, report: &impl Fn(Error)) -> Option<Batch> {
        let limits = self.form.batch;
        let (mut parcels, mut size) = (Vec::new(), spans_bulk::FRAME_BYTES);
        while parcels.len() < limits.spans {
            let Some(parcel) = self.ready.pop_front().or_else(|| self.take_unwritten(report)) else { break };
            if matches!(parcel.content, Content::Track { .. }) {
                self.tracking.push_back(parcel);
                continue;
            }
            let goes_alone = matches!(parcel.content, Content::Log { .. });
            let fits = !goes_alone && size + parcel.bytes.len() < limits.bytes;
            if !parcels.is_empty() && !fits {
                self.ready.push_front(parcel);
                break;
            }
            // Includes the comma after the span.
            size += parcel.bytes.len() + 1;
            parcels.push(parcel);
            if goes_alone {
                break;
            }
        }
        (!parcels.is_empty()).then(|| Batch::new(parcels))
    }

    /// Returns the next tracking call that waits in memory.
    pub(crate) fn next_tracking(&mut self) -> Option<Batch> {
        self.tracking.pop_front().map(|parcel| Batch::new(vec![parcel]))
    }

    /// Writes the waiting items to disk, until a write fails.
    pub(crate) fn spill(&mut self, report: &impl Fn(Error)) {
        // Stop at the items that are queued now. Otherwise nothing is sent if the program records faster than
        // the disk writes.
        let end = self.pipeline.queue.next_number();
        while self.pipeline.queue.first_number() < end
            && let Some(parcel) = self.take(report)
        {
            let Err(unstored) = self.pipeline.store(parcel, false, report) else {
                self.disk_fails = false;
                continue;
            };
            let Unstored { parcel, is_too_large } = *unstored;
            self.ready.push_back(parcel);
            if !is_too_large {
                self.disk_fails = true;
                return;
            }
        }
    }

    /// Writes all waiting items to disk, or counts them as dropped.
    pub(crate) fn give_up(&mut self, reason: DropReason, report: &impl Fn(Error)) {
        let taken: Vec<Parcel> = self.ready.drain(..).chain(self.tracking.drain(..)).collect();
        for parcel in taken {
            if let Err(unstored) = self.pipeline.store(parcel, false, report) {
                unstored.parcel.ticket.settle(End::Dropped(reason));
            }
        }
        if self.pipeline.store.is_some() {
            self.spill(report);
        }
        // Items that could not be written to disk.
        for parcel in self.ready.drain(..) {
            parcel.ticket.settle(End::Dropped(reason));
        }
        self.pipeline.queue.drop_waiting(reason);
        self.pipeline.progress.notify();
    }

    /// Returns `true` if every item is written to disk before it is sent.
    pub(crate) fn writes_ahead(&self) -> bool {
        self.pipeline.store.as_ref().is_some_and(|store| store.mode() != SpoolMode::OnFailure)
    }

    /// Takes the oldest item out of the queue, unless it must be written to disk first.
    fn take_unwritten(&mut self, report: &impl Fn(Error)) -> Option<Parcel> {
        if self.writes_ahead() && !self.disk_fails {
            return None;
        }
        self.take(report)
    }

    /// Takes the oldest item that can be serialized out of the queue.
    fn take(&self, report: &impl Fn(Error)) -> Option<Parcel> {
        loop {
            let (taken, Queued { item, accepted_at }) = self.pipeline.queue.take()?;
            let mut ticket = Ticket::new(Arc::clone(&self.pipeline), taken);
            let packed = match item {
                Item::Span(outgoing) => self.form.pack(&outgoing),
                Item::Track(call) => Some(Packed::of_track(call)),
            };
            match packed {
                Some(Packed { content, bytes: Ok(mut bytes), is_shrunk }) => {
                    // Free unused capacity, which may be as large as the data: the item is kept until it is
                    // delivered.
                    bytes.shrink_to_fit();
                    self.pipeline.counters.shrunk.fetch_add(is_shrunk.into(), Relaxed);
                    ticket.resize(bytes.len());
                    return Some(Parcel { ticket, accepted_at, content, bytes, stored: None });
                }
                Some(Packed { bytes: Err(source), .. }) => {
                    ticket.settle(End::Dropped(DropReason::Unwritable));
                    report(exporter::encode_error("a span", source).into());
                }
                // The conversion panicked.
                None => ticket.settle(End::Dropped(DropReason::Unwritable)),
            }
        }
    }
}
