//! Reads traces back, to find out which spans of a request arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use promptlayer_blueprint::TraceId;
use promptlayer_client::exporter::{Answer, Failure};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::error::Repr;
use crate::export::batch::item::{Batch, BatchItem, Pause};
use crate::export::delivery::response_class::{self, Outcome};
use crate::export::delivery::retry::Attempts;
use crate::export::delivery::traces::{self, Held};
use crate::export::delivery::transport::Transport;
use crate::export::delivery::{Deliverer, GivenUp, Unproven};
use crate::export::queue::ledger::{End, RejectReason};

/// The number of times that a trace must lack an accepted span before the outcome of the span is unknown.
pub(crate) const CONFIRMING_READINGS: usize = 3;
/// The number of traces that are read at once.
const READING: usize = 8;

impl<T: Transport> Deliverer<T> {
    /// Reads back a batch that the service accepted without proving that it has stored it.
    ///
    /// Spans that are not found have an unknown outcome, and are not sent again. If the service said how many it
    /// rejected, as many of them are rejected.
    pub(crate) async fn confirm(self: &Arc<Self>, batch: Batch, unproven: Unproven) {
        let path = batch.path();
        let Unproven { mut without_id, id_readings, rejected } = unproven;
        let mut unproven = batch.items;
        let mut lost = Vec::new();
        let mut readings = Attempts::since(Instant::now(), self.retry);
        for reading in 1.. {
            let traces = traces_of(unproven.iter().chain(&without_id));
            let Some(held) = self.cut(self.read_traces(traces)).await else { break };
            for item in std::mem::take(&mut without_id) {
                let spans = item.place().and_then(|(trace, span)| held.get(&trace)?.get(&span).copied());
                match spans.flatten() {
                    None if reading < id_readings => without_id.push(item),
                    id => self.logged(item, id),
                }
            }
            let [missing, unread] = self.settle_found(unproven, &held);
            let is_last = reading >= CONFIRMING_READINGS;
            let (for_good, for_now) = if is_last { (missing, Vec::new()) } else { (Vec::new(), missing) };
            lost.extend(for_good);
            unproven = for_now.into_iter().chain(unread).collect();
            if unproven.is_empty() && without_id.is_empty() {
                break;
            }
            readings.begin();
            let Some(delay) = readings.delay(Some(self.retry.settling_time)) else { break };
            if self.cut(sleep(delay)).await.is_none() {
                break;
            }
        }
        for item in without_id {
            self.logged(item, None);
        }
        lost.extend(unproven);
        let unknown = lost.split_off(rejected.min(lost.len()));
        self.settle_all(std::mem::replace(&mut lost, unknown), End::Rejected(RejectReason::Invalid));
        if !lost.is_empty() {
            self.report(Repr::Unconfirmed { request: format!("POST {path}"), count: lost.len() });
            self.settle_all(lost, End::Unknown);
        }
    }

    /// Finds out which spans of an ambiguous batch arrived.
    ///
    /// A span counts as missing only after the settling time, because the service may still be storing it.
    /// Missing spans are returned, to be sent again with the remaining attempts. Reading continues for up to
    /// the maximum age, measured from its start and not from the age of the batch.
    pub(crate) async fn read_back(
        self: &Arc<Self>,
        batch: &mut Batch,
        since: Instant,
        attempts: Attempts,
    ) -> Result<Vec<Batch>, GivenUp> {
        let mut readings = Attempts::since(Instant::now(), self.retry);
        let mut wait = Duration::ZERO;
        loop {
            readings.begin();
            let delay = readings.delay(Some(wait)).ok_or(GivenUp::Ambiguous)?;
            let reading = async {
                sleep(delay).await;
                self.gate.readable().await;
                (since.elapsed(), self.read_traces(traces_of(&batch.items)).await)
            };
            let (waited, held) = self.cut(reading).await.ok_or(GivenUp::Ambiguous)?;
            let [missing, unread] = self.settle_found(std::mem::take(&mut batch.items), &held);
            if waited >= self.retry.settling_time && !missing.is_empty() {
                return Ok(self.parts_after_reading(batch, missing, unread, attempts));
            }
            // A failed reading proves nothing.
            batch.items = missing.into_iter().chain(unread).collect();
            if batch.items.is_empty() {
                return Ok(Vec::new());
            }
            wait = self.retry.settling_time.saturating_sub(since.elapsed());
        }
    }

    /// Builds the batches that follow a reading. Missing spans are sent again, or split if the service keeps
    /// failing on them. Spans whose trace could not be read are read again.
    fn parts_after_reading(
        &self,
        batch: &mut Batch,
        missing: Vec<BatchItem>,
        unread: Vec<BatchItem>,
        attempts: Attempts,
    ) -> Vec<Batch> {
        let Batch { ambiguous_since, is_retry, refusals, .. } = *batch;
        let mut parts = Vec::new();
        if !unread.is_empty() {
            parts.push(Batch { ambiguous_since, is_retry, refusals, ..Batch::new(unread) });
        }
        let pause = if is_retry { Pause::Backoff } else { Pause::None };
        let mut missing = Batch {
            is_retry,
            attempts: is_retry.then_some(attempts),
            refusals,
            pause,
            ..Batch::new(missing)
        };
        let parted = batch
            .suspicion
            .take()
            .and_then(|(verdict, error)| self.part_refused(&mut missing, verdict, attempts, error));
        parts.extend(parted.unwrap_or_else(|| vec![missing]));
        let resent = parts.iter().filter(|part| part.ambiguous_since.is_none());
        let count: usize = resent.map(|part| part.items.len()).sum();
        self.pipeline.counters.possible_duplicates.fetch_add(count as u64, SeqCst);
        parts
    }

    /// Reads traces, and returns the spans of those that could be read.
    async fn read_traces(self: &Arc<Self>, traces: BTreeSet<TraceId>) -> BTreeMap<TraceId, Held> {
        let mut held = BTreeMap::new();
        let mut left = traces.into_iter();
        let mut reading = JoinSet::new();
        let mut goes_on = true;
        loop {
            while goes_on
                && reading.len() < READING
                && let Some(trace) = left.next()
            {
                let deliverer = Arc::clone(self);
                reading.spawn(async move {
                    deliverer.gate.readable().await;
                    (trace, deliverer.transport.get(&traces::path(trace)).await)
                });
            }
            let Some(read) = reading.join_next().await else { return held };
            let Ok((trace, answer)) = read else { continue };
            match traces::held(&answer) {
                Some(spans) => drop(held.insert(trace, spans)),
                None => goes_on &= self.reading_failed(trace, answer),
            }
        }
    }

    /// Handles a failed reading. Returns `true` if other traces may still be read.
    ///
    /// A response for one broken trace says nothing about other traces. A service that is unreachable, busy,
    /// or rejects requests affects all of them.
    fn reading_failed(&self, trace: TraceId, answer: Result<Answer, Failure>) -> bool {
        let goes_on = match response_class::classify(&answer, false) {
            Outcome::NotSent => {
                self.gate.hold_for(self.retry.first_delay);
                false
            }
            Outcome::Busy(wait) => {
                self.gate.hold_for(wait.unwrap_or(self.retry.first_delay));
                false
            }
            Outcome::Refused(reason) => {
                self.gate.suspect_for(self.retry.probe_interval, Some(reason));
                false
            }
            Outcome::Ambiguous if answer.is_err() => {
                self.gate.suspect_for(self.retry.first_delay, None);
                false
            }
            Outcome::Ambiguous | Outcome::Accepted(_) | Outcome::Faulty(_) => true,
        };
        self.report(self.error(format!("GET {}", traces::path(trace)), answer));
        goes_on
    }

    /// Settles the spans that were found. Returns those that are missing, and those whose trace was not read.
    fn settle_found(&self, items: Vec<BatchItem>, held: &BTreeMap<TraceId, Held>) -> [Vec<BatchItem>; 2] {
        let [mut missing, mut unread] = [Vec::new(), Vec::new()];
        let _hold = self.pipeline.progress.hold();
        for item in items {
            let Some((trace, span)) = item.place() else { continue };
            match held.get(&trace).map(|spans| spans.get(&span)) {
                Some(Some(id)) => self.logged(item, *id),
                Some(None) => missing.push(item),
                None => unread.push(item),
            }
        }
        [missing, unread]
    }
}

fn traces_of<'a>(items: impl IntoIterator<Item = &'a BatchItem>) -> BTreeSet<TraceId> {
    items.into_iter().filter_map(|item| Some(item.place()?.0)).collect()
}
