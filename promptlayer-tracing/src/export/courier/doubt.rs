//! After an answer that was lost: which of a batch arrived, as the traces tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Courier, GivenUp};
use crate::client::Answer;
use crate::export::parcel::{Batch, Parcel};
use crate::export::reconcile::{self, Held};
use crate::export::retry::Attempts;
use crate::export::transport::Transport;
use crate::ids::TraceId;

/// How often a trace is read back for nothing but the ids of requests that did arrive.
const ID_READINGS: usize = 3;

impl<T: Transport> Courier<T> {
    /// An answer said that these were taken and could not be read: reads their ids back.
    pub(super) async fn read_ids(&self, mut parcels: Vec<Parcel>) {
        for reading in 0..ID_READINGS {
            if reading > 0 && self.cut(sleep(self.retry.settling_time)).await.is_none() {
                break;
            }
            let Some(held) = self.cut(self.read_traces(&parcels)).await else { break };
            parcels = self.settle_found(parcels, &held).into_iter().flatten().collect();
            if parcels.is_empty() {
                return;
            }
        }
        // It said that it took them: they are not sent again, and their ids stay unknown.
        for parcel in parcels {
            self.logged(parcel, None);
        }
    }

    /// Finds out which of a batch has arrived. What is missing is missing for good only once there was time
    /// enough for a service that was still storing it; that is given back, to be sent again.
    pub(super) async fn read_back(
        &self,
        batch: &mut Batch,
        since: Instant,
        attempts: &mut Attempts,
    ) -> Result<Vec<Batch>, GivenUp> {
        let mut wait = Duration::ZERO;
        loop {
            let delay = attempts.next_delay(Some(wait)).ok_or(GivenUp::InDoubt)?;
            let reading = async {
                sleep(delay).await;
                self.gate.pass().await;
                (since.elapsed(), self.read_traces(&batch.parcels).await)
            };
            let (waited, held) = self.cut(reading).await.ok_or(GivenUp::InDoubt)?;
            let [missing, unread] = self.settle_found(std::mem::take(&mut batch.parcels), &held);
            if waited < self.retry.settling_time {
                batch.parcels = missing.into_iter().chain(unread).collect();
                if batch.parcels.is_empty() {
                    return Ok(Vec::new());
                }
                wait = self.retry.settling_time.saturating_sub(since.elapsed());
                continue;
            }
            if missing.is_empty() && !unread.is_empty() {
                // A reading that failed says nothing.
                batch.parcels = unread;
                wait = Duration::ZERO;
                continue;
            }
            self.pipeline.counters.possible_duplicates.fetch_add(missing.len() as u64, SeqCst);
            let in_doubt_since = batch.in_doubt_since;
            let parts = [
                Batch { parcels: unread, in_doubt_since, is_retry: true },
                Batch { parcels: missing, in_doubt_since: None, is_retry: true },
            ];
            return Ok(parts.into_iter().filter(|part| !part.parcels.is_empty()).collect());
        }
    }

    /// What the traces of these hold, as far as they can be read.
    async fn read_traces(&self, parcels: &[Parcel]) -> BTreeMap<TraceId, Held> {
        let mut held = BTreeMap::new();
        let traces: BTreeSet<TraceId> = parcels.iter().filter_map(|parcel| Some(parcel.place()?.0)).collect();
        for trace in traces {
            let answer = self.transport.get(&reconcile::path(trace)).await;
            if let Some(spans) = reconcile::held(&answer) {
                held.insert(trace, spans);
            } else if let Ok(Answer { retry_after: Some(wait), .. }) = answer {
                self.gate.close_for(wait);
                break;
            }
        }
        held
    }

    /// Settles what a trace holds, and gives back what is missing there, and that whose trace was not read.
    fn settle_found(&self, parcels: Vec<Parcel>, held: &BTreeMap<TraceId, Held>) -> [Vec<Parcel>; 2] {
        let [mut missing, mut unread] = [Vec::new(), Vec::new()];
        for parcel in parcels {
            let Some((trace, span)) = parcel.place() else { continue };
            match held.get(&trace).map(|spans| spans.get(&span)) {
                Some(Some(id)) => self.logged(parcel, *id),
                Some(None) => missing.push(parcel),
                None => unread.push(parcel),
            }
        }
        [missing, unread]
    }
}
