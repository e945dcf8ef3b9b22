//! Records outcomes in the ledger and on disk, and passes request ids to the hooks.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use crate::error::Error;
use crate::export::batch::item::Parcel;
use crate::export::delivery::transport::Transport;
use crate::export::delivery::{Courier, GivenUp};
use crate::export::encode::content::Content;
use crate::export::queue::ledger::{DropReason, End};
use crate::hooks::{Logged, LoggedRequest};
use promptlayer_blueprint::RequestId;

impl<T: Transport> Courier<T> {
    /// Records a delivery and passes the request id to the hooks.
    pub(crate) fn logged(&self, parcel: Parcel, id: Option<RequestId>) {
        let (trace_id, span_id, note) = match &parcel.content {
            Content::Span { trace_id, span_id, note: Some(note) }
            | Content::Log { trace_id, span_id, note } => (*trace_id, *span_id, note.clone()),
            Content::Span { note: None, .. } | Content::Track { .. } => {
                return self.settle(parcel, End::Delivered);
            }
        };
        // Update the ledger before the hook runs, so that a caller that sees the id also sees the delivery.
        // Announce the hook before that, so that a caller that waits for the delivery also waits for its
        // hook.
        let announced = self.hooks.announce();
        self.settle(parcel, End::Delivered);
        let Some(id) = id else { return self.hooks.missing() };
        let (own_hook, is_of_hook) = (note.own_hook, note.is_of_hook);
        let request = LoggedRequest::new(Logged {
            id,
            trace_id,
            span_id,
            name: note.name,
            tags: note.tags,
            metadata: note.metadata,
            is_replayed: note.is_replayed,
            client: self.hook_client.clone(),
            enqueue: Arc::clone(&self.pipeline) as _,
        });
        self.hooks.logged(request, own_hook, is_of_hook, announced);
    }

    /// Records an outcome, in the ledger and on disk.
    pub(crate) fn settle(&self, parcel: Parcel, end: End) {
        // Update the ledger first: a caller that is notified reads it.
        parcel.ticket.settle(end);
        if let Some(stored) = parcel.stored {
            self.pipeline.store_done(&stored, |error| self.report(error));
        }
    }

    /// Records the same outcome for all items.
    pub(crate) fn settle_all(&self, parcels: Vec<Parcel>, end: End) {
        for parcel in parcels {
            self.settle(parcel, end);
        }
    }

    /// Records the delivery of a span whose request the service skipped.
    pub(crate) fn skipped(&self, parcel: Parcel, error: Error) {
        self.pipeline.counters.skipped.fetch_add(1, SeqCst);
        self.hooks.failed(error);
        self.settle(parcel, End::Delivered);
    }

    /// Writes items that are not retried to the spool, if there is one. Otherwise records their outcome.
    pub(crate) fn give_up(&self, parcels: Vec<Parcel>, why: GivenUp) {
        let is_in_doubt = matches!(why, GivenUp::InDoubt);
        let end = match why {
            GivenUp::Expired => End::Dropped(DropReason::Expired),
            GivenUp::Unsent => End::Dropped(DropReason::Deadline),
            GivenUp::InDoubt => End::Unknown,
            GivenUp::Refused(reason) => End::Rejected(reason),
        };
        for parcel in parcels {
            let left = match (&parcel.stored, &parcel.content) {
                // A request that may have arrived and cannot be read back must not be sent by another run.
                (_, Content::Log { .. }) if is_in_doubt => Some(parcel),
                (None, _) => {
                    let stored = self.pipeline.store(parcel, is_in_doubt, |error| self.report(error));
                    stored.err().map(|unstored| unstored.parcel)
                }
                // At shutdown, everything stays on disk for the next run.
                (Some(_), _) if self.is_ending() => self.pipeline.put_back(parcel, is_in_doubt, None),
                // Its trace could not be read for a long time. It is read again later, until the record
                // exceeds the spool's maximum age.
                (Some(_), Content::Span { .. }) if is_in_doubt => {
                    self.pipeline.put_back(parcel, is_in_doubt, Some(self.retry.longest_delay))
                }
                // All other items were tried for as long as allowed.
                (Some(_), _) => Some(parcel),
            };
            if let Some(parcel) = left {
                self.settle(parcel, end);
            }
        }
    }
}
