//! Handling of the responses of an OTLP endpoint with a status of success.
//!
//! Such a response names no span. It says at most how many spans were rejected, and nothing of a batch is sent again
//! after it. PromptLayer's traces are read back, to learn which spans these are and to read the request ids. A collector
//! cannot be read: the numbers are counted, and they are exact, although it is not known which spans they stand for.

use std::sync::atomic::Ordering::SeqCst;

use crate::error::Repr;
use crate::export::batch::item::{Batch, BatchItem};
use crate::export::delivery::gate::RequestNumber;
use crate::export::delivery::read_back::CONFIRMING_READINGS;
use crate::export::delivery::response_class::Success;
use crate::export::delivery::retry::Attempts;
use crate::export::delivery::transport::Transport;
use crate::export::delivery::{Deliverer, Next, Unproven};
use crate::export::encode::content::{FollowUp, HookPayload};
use crate::export::encode::otlp::answer::ExportAnswer;
use crate::export::queue::ledger::{End, RejectReason};

/// The status of success of the protocol.
const OK: u16 = 200;

impl<T: Transport> Deliverer<T> {
    /// Handles a status of success of an OTLP endpoint.
    pub(crate) fn exported(
        &self,
        request: RequestNumber,
        success: &Success,
        batch: &mut Batch,
        attempts: &Attempts,
    ) -> Next {
        let path = batch.path();
        let sent = batch.items.len();
        let answer = match success.status {
            Some(OK) => ExportAnswer::read(&success.body, sent),
            // Another status of success, or a body that broke off.
            _ => ExportAnswer::Unreadable,
        };
        match answer {
            ExportAnswer::Accepted { warning } => {
                self.gate.passed(path, request);
                self.succeeded();
                if let Some(message) = warning {
                    self.warn(path, &message);
                }
                self.all_accepted(std::mem::take(&mut batch.items))
            }
            ExportAnswer::Partial { rejected, message } => {
                self.gate.passed(path, request);
                let rejected = usize::try_from(rejected).map_or(sent, |rejected| rejected.min(sent));
                let message = self.http.redactor().quote(message.as_bytes());
                self.report(Repr::PartialSuccess {
                    request: format!("POST {path}"),
                    rejected,
                    sent,
                    message,
                });
                self.some_accepted(batch, rejected)
            }
            ExportAnswer::Unreadable => {
                // The response may come from another server, so few further requests should go there.
                self.gate.suspect_for(attempts.delay(None).unwrap_or_default(), None);
                if self.pipeline.encoder.format.can_be_read_back() {
                    return Next::Confirm(Unproven::default());
                }
                self.report(Repr::Unconfirmed { request: format!("POST {path}"), count: sent });
                self.settle_all(std::mem::take(&mut batch.items), End::Unknown);
                Next::Done(Vec::new())
            }
        }
    }

    /// Settles a batch that was accepted as a whole. The ids of its requests are read if a hook waits for them.
    fn all_accepted(&self, items: Vec<BatchItem>) -> Next {
        let can_be_read_back = self.pipeline.encoder.format.can_be_read_back();
        let needs_id = |item: &BatchItem| {
            let wants_id = |payload: &HookPayload| {
                let FollowUp { own_hook, subscriptions } = &payload.follow_up;
                (!payload.is_of_hook && self.hooks.wants_id_of(*own_hook)) || !subscriptions.is_empty()
            };
            can_be_read_back && item.content.hook_payload().is_some_and(wants_id)
        };
        let (without_id, others): (Vec<_>, Vec<_>) = items.into_iter().partition(needs_id);
        self.settle_all(others, End::Delivered);
        if without_id.is_empty() {
            return Next::Done(Vec::new());
        }
        Next::Confirm(Unproven { without_id, id_readings: CONFIRMING_READINGS, ..Unproven::default() })
    }

    /// Settles a batch of which some spans were rejected.
    fn some_accepted(&self, batch: &mut Batch, rejected: usize) -> Next {
        let mut items = std::mem::take(&mut batch.items);
        if rejected < items.len() && self.pipeline.encoder.format.can_be_read_back() {
            batch.items = items;
            return Next::Confirm(Unproven { rejected, ..Unproven::default() });
        }
        let accepted = items.split_off(rejected.min(items.len()));
        self.settle_all(items, batch.end_of_rejected(RejectReason::Invalid));
        self.settle_all(accepted, End::Delivered);
        Next::Done(Vec::new())
    }

    /// Reports a warning of the service, once.
    fn warn(&self, path: &str, message: &str) {
        if !self.has_warned.swap(true, SeqCst) {
            let message = self.http.redactor().quote(message.as_bytes());
            self.report(Repr::Warning { request: format!("POST {path}"), message });
        }
    }
}
