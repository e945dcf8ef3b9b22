//! Splits batches until a faulty item is alone, and gives that item up.

use std::sync::atomic::Ordering::SeqCst;

use crate::error::{Error, Repr};
use crate::export::batch::item::{Batch, Parcel, Pause};
use crate::export::delivery::Courier;
use crate::export::delivery::refusals::{Refusal, Refusals, Verdict};
use crate::export::delivery::response_class;
use crate::export::delivery::retry::Attempts;
use crate::export::delivery::transport::Transport;
use crate::export::encode::shrink;
use crate::export::queue::ledger::{End, RejectReason};

impl<T: Transport> Courier<T> {
    /// Handles a response that calls an item in the batch faulty. Quarantines the faulty items as far as the
    /// response locates them, and returns the rest.
    pub(crate) fn part_faulty(
        &self,
        mut parcels: Vec<Parcel>,
        reason: RejectReason,
        error: Error,
        body: Option<&[u8]>,
    ) -> Vec<Batch> {
        let batch = Batch::new;
        if parcels.len() == 1 {
            let shrunk =
                reason == RejectReason::TooLarge && parcels.iter_mut().all(|parcel| self.shrink(parcel));
            if shrunk {
                return vec![batch(parcels)];
            }
            self.report(error);
            self.settle_all(parcels, End::Rejected(reason));
            return Vec::new();
        }
        let located = match (reason, body) {
            (RejectReason::Invalid, Some(body)) => response_class::faulty_spans(body, parcels.len()),
            _ => Vec::new(),
        };
        if located.is_empty() {
            let tail = parcels.split_off(parcels.len() / 2);
            return vec![batch(parcels), batch(tail)];
        }
        self.report(error);
        let mut rest = Vec::with_capacity(parcels.len());
        for (at, parcel) in parcels.into_iter().enumerate() {
            if located.contains(&at) {
                self.settle(parcel, End::Rejected(reason));
            } else {
                rest.push(parcel);
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
        if batch.parcels.len() > 1 && verdict != Verdict::Again && !is_over {
            self.report(error);
            return Some(self.parts(std::mem::take(&mut batch.parcels), refusals, verdict, attempts));
        }
        if verdict == Verdict::AtFault && refusals.are_final(self.retry.max_age) {
            let item = batch.parcels.first().map(|parcel| parcel.content.to_string()).unwrap_or_default();
            self.report(Repr::Quarantined { item, source: error });
            let parcels = std::mem::take(&mut batch.parcels);
            self.settle_all(parcels, End::Rejected(refusals.kind.reason()));
            return Some(Vec::new());
        }
        self.report(error);
        None
    }

    fn parts(
        &self,
        mut parcels: Vec<Parcel>,
        refusals: Refusals,
        verdict: Verdict,
        attempts: Attempts,
    ) -> Vec<Batch> {
        let is_stuck = verdict == Verdict::Stuck;
        let tail = parcels.split_off(if is_stuck { 1 } else { parcels.len() / 2 });
        let soon = Pause::For(self.retry.first_delay.mul_f64(fastrand::f64()));
        let [pause, pause_of_tail] = match (refusals.kind, is_stuck) {
            // Send the single span at once. If it passes, the faulty item is among the others.
            (Refusal::Settings(_), true) => [Pause::None, Pause::UntilOthersPass(self.retry.probe_interval)],
            (Refusal::Settings(_), false) => [Pause::None; 2],
            (Refusal::Busy | Refusal::Failure, true) => [Pause::Backoff; 2],
            (Refusal::Busy | Refusal::Failure, false) => [soon; 2],
        };
        let part = |parcels, pause| Batch {
            is_retry: true,
            // Back off further while nothing passes.
            attempts: is_stuck.then_some(attempts),
            refusals: Some(refusals.of_part()),
            pause,
            ..Batch::new(parcels)
        };
        vec![part(parcels, pause), part(tail, pause_of_tail)]
    }

    /// Makes an item smaller, media first. Returns `false` if nothing is left to remove.
    fn shrink(&self, parcel: &mut Parcel) -> bool {
        let Some(mut smaller) = shrink::smaller(&parcel.bytes) else { return false };
        smaller.shrink_to_fit();
        self.pipeline.counters.shrunk.fetch_add(1, SeqCst);
        parcel.ticket.resize(smaller.len());
        parcel.bytes = smaller;
        true
    }
}
