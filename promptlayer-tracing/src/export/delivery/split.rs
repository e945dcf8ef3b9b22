//! Splits batches until a faulty item is alone, and gives that item up.

use std::sync::atomic::Ordering::SeqCst;

use crate::error::{Error, Repr};
use crate::export::batch::item::{Batch, BatchItem, Pause};
use crate::export::delivery::refusals::{Refusal, Refusals, Verdict};
use crate::export::delivery::retry::Attempts;
use crate::export::delivery::transport::Transport;
use crate::export::delivery::{Deliverer, response_class};
use crate::export::queue::ledger::RejectReason;

impl<T: Transport> Deliverer<T> {
    /// Handles a response that calls an item in the batch faulty. Quarantines the faulty items as far as the
    /// response locates them, and returns the rest.
    pub(crate) fn part_faulty(
        &self,
        from: &mut Batch,
        reason: RejectReason,
        error: Error,
        body: Option<&[u8]>,
    ) -> Vec<Batch> {
        let mut items = std::mem::take(&mut from.items);
        let may_have_arrived = from.may_have_arrived;
        let batch = |items| Batch { may_have_arrived, ..Batch::new(items) };
        if items.len() == 1 {
            let shrunk = reason == RejectReason::TooLarge && items.iter_mut().all(|item| self.shrink(item));
            if shrunk {
                return vec![batch(items)];
            }
            self.report(error);
            self.settle_all(items, from.end_of_rejected(reason));
            return Vec::new();
        }
        let located = match (reason, body) {
            (RejectReason::Invalid, Some(body)) => response_class::faulty_spans(body, items.len()),
            _ => Vec::new(),
        };
        if located.is_empty() {
            let tail = items.split_off(items.len() / 2);
            return vec![batch(items), batch(tail)];
        }
        self.report(error);
        let mut rest = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            if located.contains(&at) {
                self.settle(item, from.end_of_rejected(reason));
            } else {
                rest.push(item);
            }
        }
        vec![batch(rest)]
    }

    /// Splits a refused batch as the verdict requires, or quarantines an item that is alone.
    ///
    /// Returns `None` if the batch is to be retried as it is. Reports the error in every case.
    pub(crate) fn part_refused(
        &self,
        batch: &mut Batch,
        verdict: Verdict,
        attempts: Attempts,
        error: Error,
    ) -> Option<Vec<Batch>> {
        let refusals = batch.refusals?;
        // Nothing passes, and this batch has reached its maximum age. Splitting it would only take more time.
        let is_over = verdict == Verdict::Stuck && attempts.time_left().is_zero();
        if batch.items.len() > 1 && verdict != Verdict::Again && !is_over {
            self.report(error);
            let mut parts = self.parts(std::mem::take(&mut batch.items), refusals, verdict, attempts);
            for part in &mut parts {
                part.may_have_arrived = batch.may_have_arrived;
            }
            return Some(parts);
        }
        if verdict == Verdict::AtFault && refusals.are_final(self.retry.max_age) {
            let item = batch.items.first().map(|item| item.content.to_string()).unwrap_or_default();
            self.report(Repr::Quarantined { item, source: error });
            let items = std::mem::take(&mut batch.items);
            self.settle_all(items, batch.end_of_rejected(refusals.kind.reason()));
            return Some(Vec::new());
        }
        self.report(error);
        None
    }

    fn parts(
        &self,
        mut items: Vec<BatchItem>,
        refusals: Refusals,
        verdict: Verdict,
        attempts: Attempts,
    ) -> Vec<Batch> {
        let is_stuck = verdict == Verdict::Stuck;
        let tail = items.split_off(if is_stuck { 1 } else { items.len() / 2 });
        let soon = Pause::For(self.retry.first_delay.mul_f64(fastrand::f64()));
        let [pause, pause_of_tail] = match (refusals.kind, is_stuck) {
            // Send the single span at once. If it passes, the faulty item is among the others.
            (Refusal::Settings(_), true) => [Pause::None, Pause::UntilOthersPass(self.retry.probe_interval)],
            (Refusal::Settings(_), false) => [Pause::None; 2],
            (Refusal::Busy | Refusal::Failure, true) => [Pause::Backoff; 2],
            (Refusal::Busy | Refusal::Failure, false) => [soon; 2],
        };
        let part = |items, pause| Batch {
            is_retry: true,
            // Back off further while nothing passes.
            attempts: is_stuck.then_some(attempts),
            refusals: Some(refusals.of_part()),
            pause,
            ..Batch::new(items)
        };
        vec![part(items, pause), part(tail, pause_of_tail)]
    }

    /// Makes an item smaller, media first. Returns `false` if nothing is left to remove.
    fn shrink(&self, item: &mut BatchItem) -> bool {
        let Some(mut smaller) = item.content.form().smaller(&item.bytes) else { return false };
        smaller.shrink_to_fit();
        self.pipeline.counters.shrunk.fetch_add(1, SeqCst);
        item.ledger_entry.resize(smaller.len());
        item.bytes = smaller;
        true
    }
}
