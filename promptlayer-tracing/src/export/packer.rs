//! Finished spans to parcels, and parcels to batches.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::time::Instant;

use super::courier::Batch;
use super::encode::{self, Resource};
use super::ledger::{DropReason, End};
use super::parcel::{Content, Note, Parcel, Ticket};
use super::store::SpoolMode;
use super::{BatchLimits, Item, Pipeline, Queued, Wire, shrink};
use crate::client::Error;
use crate::sink::{Outgoing, Said};

/// How spans are written.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) wire: Wire,
    pub(crate) resource: Resource,
    /// The layer's provider.
    pub(crate) provider: Option<String>,
    pub(crate) batch: BatchLimits,
}

/// Takes items out of the queue, in order, and makes batches of them.
pub(crate) struct Packer {
    pipeline: Arc<Pipeline>,
    form: Arc<Form>,
    /// Taken out already, but with no place in the batch before it.
    held: Option<Parcel>,
}

impl Packer {
    pub(crate) fn new(pipeline: Arc<Pipeline>, form: Arc<Form>) -> Self {
        Self { pipeline, form, held: None }
    }

    /// The next batch; nothing if nothing waits. `report` is told of what cannot be written.
    pub(crate) fn next(&mut self, report: &impl Fn(Error)) -> Option<Batch> {
        let limits = self.form.batch;
        let (mut parcels, mut size) = (Vec::new(), encode::FRAME_BYTES);
        while parcels.len() < limits.spans {
            let Some(parcel) = self.held.take().or_else(|| self.take(report)) else { break };
            if self.writes_ahead() && self.pipeline.store(&parcel, report) {
                parcel.ticket.spool();
                continue;
            }
            let goes_alone = !matches!(parcel.content, Content::Span { .. });
            let fits = !goes_alone && size + parcel.bytes.len() < limits.bytes;
            if !parcels.is_empty() && !fits {
                self.held = Some(parcel);
                break;
            }
            // The comma after it counts.
            size += parcel.bytes.len() + 1;
            parcels.push(parcel);
            if goes_alone {
                break;
            }
        }
        (!parcels.is_empty()).then_some(Batch { parcels, is_in_doubt: false })
    }

    /// Counts all that waits as dropped, or puts it on disk.
    pub(crate) fn give_up(&mut self, reason: DropReason, report: &impl Fn(Error)) {
        while let Some(parcel) = self.held.take().or_else(|| self.take_to_give_up(reason, report)) {
            if self.pipeline.store(&parcel, report) {
                parcel.ticket.spool();
            } else {
                parcel.ticket.settle(End::Dropped(reason));
            }
        }
    }

    /// Takes the next item out; without a spool, there is no point in writing it.
    fn take_to_give_up(&self, reason: DropReason, report: &impl Fn(Error)) -> Option<Parcel> {
        if self.pipeline.store.is_none() {
            self.pipeline.queue.drop_waiting(reason);
            self.pipeline.progress.notify();
            return None;
        }
        self.take(report)
    }

    fn writes_ahead(&self) -> bool {
        self.pipeline.store.as_ref().is_some_and(|store| store.mode() != SpoolMode::OnFailure)
    }

    /// Takes the oldest item that can be written out of the queue.
    fn take(&self, report: &impl Fn(Error)) -> Option<Parcel> {
        loop {
            let (taken, Queued { item, accepted_at }) = self.pipeline.queue.take()?;
            let ticket = Ticket::new(Arc::clone(&self.pipeline), taken);
            let packed = match item {
                Item::Span(outgoing) => self.form.pack(&outgoing),
                Item::Track(call) => Some((Content::Track { path: call.path.into() }, Ok(call.body))),
            };
            match packed {
                Some((content, Ok(bytes))) => {
                    let mut parcel = Parcel {
                        ticket,
                        accepted_at: Instant::from_std(accepted_at),
                        content,
                        bytes,
                        stored: None,
                    };
                    parcel.ticket.resize(parcel.bytes.len());
                    return Some(parcel);
                }
                Some((_, Err(source))) => {
                    ticket.settle(End::Dropped(DropReason::Unwritable));
                    report(Error::Encode { what: "a span", source });
                }
                // A conversion that panicked.
                None => ticket.settle(End::Dropped(DropReason::Unwritable)),
            }
        }
    }
}

/// What something is, and its JSON.
pub(crate) type Packed = (Content, Result<Vec<u8>, serde_json::Error>);

impl Form {
    /// Converts and writes a span; `None` where that panicked, which it should not.
    pub(crate) fn pack(&self, outgoing: &Outgoing) -> Option<Packed> {
        catch_unwind(AssertUnwindSafe(|| self.write(outgoing))).ok()
    }

    fn write(&self, outgoing: &Outgoing) -> Packed {
        let converted;
        let said = match &outgoing.said {
            Some(said) => said,
            None => {
                converted = Said::of(&outgoing.span, self.provider.as_deref());
                &converted
            }
        };
        let note = Note::of(outgoing, said);
        let (trace_id, span_id) = (outgoing.span.place.trace_id, outgoing.span.place.span_id);
        let (content, written) = match (self.wire, note, &said.log) {
            (Wire::LogRequest, Some(note), Some(log)) => {
                (Content::Log { trace_id, span_id, note }, serde_json::to_vec(log))
            }
            (_, note, _) => (
                Content::Span { trace_id, span_id, note },
                encode::span_bytes(outgoing, said, &self.resource),
            ),
        };
        (content, written.map(|bytes| self.within_bounds(bytes)))
    }

    /// Makes what is too large for a batch of its own smaller, as far as that goes.
    fn within_bounds(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        while bytes.len() + encode::FRAME_BYTES > self.batch.bytes {
            match shrink::smaller(&bytes) {
                Some(smaller) => bytes = smaller,
                None => break,
            }
        }
        bytes
    }
}
