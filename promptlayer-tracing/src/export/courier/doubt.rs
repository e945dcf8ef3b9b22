//! After an answer that was lost: which of a batch arrived, as the traces tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Courier, GivenUp};
use crate::export::outcome::{self, Outcome};
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
    /// enough for a service that was still storing it; that is given back, to be sent again with the tries that
    /// are left. However old it is, it is read for as long as anything is tried.
    pub(super) async fn read_back(
        &self,
        batch: &mut Batch,
        since: Instant,
        attempts: Attempts,
    ) -> Result<Vec<Batch>, GivenUp> {
        let mut readings = Attempts::since(Instant::now(), self.retry);
        let mut wait = Duration::ZERO;
        loop {
            let delay = readings.next_delay(Some(wait)).ok_or(GivenUp::InDoubt)?;
            let reading = async {
                sleep(delay).await;
                self.gate.pass().await;
                (since.elapsed(), self.read_traces(&batch.parcels).await)
            };
            let (waited, held) = self.cut(reading).await.ok_or(GivenUp::InDoubt)?;
            let [missing, unread] = self.settle_found(std::mem::take(&mut batch.parcels), &held);
            let is_settled = waited >= self.retry.settling_time;
            if is_settled && !missing.is_empty() {
                self.pipeline.counters.possible_duplicates.fetch_add(missing.len() as u64, SeqCst);
                let Batch { in_doubt_since, is_retry, .. } = *batch;
                let parts = [
                    Batch { in_doubt_since, is_retry, ..Batch::new(unread) },
                    Batch { is_retry, attempts: is_retry.then_some(attempts), ..Batch::new(missing) },
                ];
                return Ok(parts.into_iter().filter(|part| !part.parcels.is_empty()).collect());
            }
            // A reading that failed says nothing.
            batch.parcels = missing.into_iter().chain(unread).collect();
            if batch.parcels.is_empty() {
                return Ok(Vec::new());
            }
            wait = self.retry.settling_time.saturating_sub(since.elapsed());
        }
    }

    /// What the traces of these hold, as far as they can be read.
    async fn read_traces(&self, parcels: &[Parcel]) -> BTreeMap<TraceId, Held> {
        let mut held = BTreeMap::new();
        let traces: BTreeSet<TraceId> = parcels.iter().filter_map(|parcel| Some(parcel.place()?.0)).collect();
        for trace in traces {
            self.gate.pass().await;
            let path = reconcile::path(trace);
            let answer = self.transport.get(&path).await;
            if let Some(spans) = reconcile::held(&answer) {
                held.insert(trace, spans);
                continue;
            }
            // One that is broken says nothing of the others; a service that is away, or wants none, does.
            let goes_on = match outcome::of(&answer, false) {
                Outcome::NotProcessed(wait) => {
                    self.gate.close_for(wait.unwrap_or(self.retry.first_delay));
                    false
                }
                Outcome::Misconfigured(reason) => {
                    self.gate.refuse_for(self.retry.probe_interval, reason);
                    false
                }
                Outcome::Ambiguous => answer.is_ok(),
                Outcome::Taken(_) | Outcome::Faulty(_) => true,
            };
            self.report(self.error(format!("GET {path}"), answer));
            if !goes_on {
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
