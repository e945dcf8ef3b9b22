//! Records outcomes in the ledger and on disk, and passes request ids to the hooks.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use promptlayer_blueprint::RequestId;

use crate::error::Error;
use crate::export::batch::item::BatchItem;
use crate::export::delivery::transport::Transport;
use crate::export::delivery::{Deliverer, GivenUp};
use crate::export::encode::content::{Content, FollowUp};
use crate::export::queue::ledger::{DropReason, End};
use crate::hooks::{Logged, LoggedRequest};

impl<T: Transport> Deliverer<T> {
    /// Records a delivery and passes the request id to the hooks.
    pub(crate) fn logged(&self, mut item: BatchItem, id: Option<RequestId>) {
        let FollowUp { own_hook, subscriptions } = item.content.take_follow_up();
        let (trace_id, span_id, hook_payload) = match &mut item.content {
            Content::Span { trace_id, span_id, hook_payload, .. } => {
                (*trace_id, *span_id, hook_payload.take())
            }
            Content::Log { trace_id, span_id, hook_payload } => {
                (*trace_id, *span_id, Some(hook_payload.clone()))
            }
            Content::Track { .. } => return self.settle(item, End::Delivered),
        };
        let Some(hook_payload) = hook_payload else { return self.settle(item, End::Delivered) };
        // Count the id before the ledger is updated, so that a caller that sees the delivery also sees the count.
        let Some(id) = id else {
            self.hooks.missing();
            return self.settle(item, End::Delivered);
        };
        let has_hook = self.hooks.received(own_hook, hook_payload.is_of_hook);
        if !has_hook && subscriptions.is_empty() {
            return self.settle(item, End::Delivered);
        }
        let request = LoggedRequest::new(Logged {
            id,
            trace_id,
            span_id,
            name: hook_payload.name,
            tags: hook_payload.tags,
            metadata: hook_payload.metadata,
            is_replayed: hook_payload.is_replayed,
            client: self.hook_client.clone(),
            enqueue: Arc::clone(&self.pipeline) as _,
        });
        for waiting in &subscriptions {
            waiting.logged(&request);
        }
        // Update the ledger before anyone receives the id, so that a caller that sees the id also sees the delivery.
        // Announce the hook before that, so that a caller that waits for the delivery also waits for its hook, and
        // for the scores that are enqueued here.
        let announced = self.hooks.announce();
        self.settle(item, End::Delivered);
        drop(subscriptions);
        if has_hook {
            self.hooks.logged(request, own_hook, announced);
        }
    }

    /// Records an outcome, in the ledger and on disk.
    pub(crate) fn settle(&self, item: BatchItem, end: End) {
        // Update the ledger first: a caller that is notified reads it.
        item.ledger_entry.settle(end);
        if let Some(stored) = item.stored {
            self.pipeline.store_done(&stored, |error| self.report(error));
        }
    }

    /// Records the same outcome for all items.
    pub(crate) fn settle_all(&self, items: Vec<BatchItem>, end: End) {
        let _hold = self.pipeline.progress.hold();
        for item in items {
            self.settle(item, end);
        }
    }

    /// Records the delivery of a span whose request the service skipped.
    pub(crate) fn skipped(&self, item: BatchItem, error: Error) {
        self.pipeline.counters.skipped.fetch_add(1, SeqCst);
        self.hooks.failed(error);
        self.settle(item, End::Delivered);
    }

    /// Writes items that are not retried to the spool, if there is one. Otherwise records their outcome.
    pub(crate) fn give_up(&self, items: Vec<BatchItem>, why: GivenUp) {
        let is_ambiguous = matches!(why, GivenUp::Ambiguous);
        let end = match why {
            GivenUp::Expired => End::Dropped(DropReason::Expired),
            GivenUp::Unsent => End::Dropped(DropReason::Deadline),
            GivenUp::Ambiguous => End::Unknown,
            GivenUp::Refused(reason) => End::Rejected(reason),
        };
        for item in items {
            let left = match (&item.stored, &item.content) {
                // A request that may have arrived and cannot be read back must not be sent by another run.
                (_, Content::Log { .. }) if is_ambiguous => Some(item),
                (None, _) => {
                    let stored = self.pipeline.store(item, is_ambiguous, |error| self.report(error));
                    stored.err().map(|unstored| unstored.item)
                }
                // At shutdown, everything stays on disk for the next run.
                (Some(_), _) if self.is_ending() => self.pipeline.put_back(item, is_ambiguous, None),
                // Its trace could not be read for a long time. It is read again later, until the record
                // exceeds the spool's maximum age.
                (Some(_), Content::Span { .. }) if is_ambiguous => {
                    self.pipeline.put_back(item, is_ambiguous, Some(self.retry.longest_delay))
                }
                // All other items were tried for as long as allowed.
                (Some(_), _) => Some(item),
            };
            if let Some(item) = left {
                self.settle(item, end);
            }
        }
    }
}
