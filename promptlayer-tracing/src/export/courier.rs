//! What becomes of a batch: sent, sent again, read back, parted, or given up, until all in it has an end.
//!
//! ```text
//!             ┌── not sent, busy: wait ──┐
//! gate ──> POST ── accepted, proven ──> ledger, hooks
//!             ├── accepted, not proven ──> read back ── found ──> ledger, hooks
//!             │                                └── missing ──> outcome unknown
//!             ├── ambiguous ──> read back ── found ──> ledger, hooks
//!             │                     └── missing for as long as it takes to settle ──> gate
//!             ├── faulty ──> what is at fault is quarantined, the rest goes on
//!             └── refused ──> end of the line; while others pass, halved until what is at fault stands alone
//! ```

mod answers;
mod ends;
mod parting;
mod read_back;

use std::collections::HashSet;
use std::future::{Future, pending};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::content::Content;
use super::gate::{Gate, Health, Pass};
use super::guard::Stop;
use super::ledger::RejectReason;
use super::parcel::{Batch, Parcel, Pause};
use super::pipeline::Pipeline;
use super::refusals::Refusal;
use super::retry::{Attempts, RetryPolicy};
use super::transport::Transport;
use crate::error::{Error, ErrorKind};
use crate::hook::HookSender;
use promptlayer_client::Client;
use promptlayer_client::exporter::{Answer, Failure, Http, Written};

/// How many requests may be on their way at once with batches that have left their lane.
const RETRYING: usize = 4;
/// How long an answer is waited for once the program ends, where the spans may be left on disk. A service that answers
/// does so within this time; one that accepts connections and never answers must not hold up the end.
const ENDING_PATIENCE: Duration = Duration::from_secs(2);
/// How many batches from disk may have left their lane. Each of them is in memory.
const STORED_ASIDE: usize = 256;

/// Delivers batches. Shared by all that are on their way.
pub(crate) struct Courier<T> {
    transport: T,
    /// For what errors say.
    http: Http,
    /// With connections for the hooks, which run while this thread's runtime may be blocked.
    hook_client: Client,
    pub(super) pipeline: Arc<Pipeline>,
    hooks: HookSender,
    pub(super) retry: RetryPolicy,
    stop: watch::Receiver<Stop>,
    pub(super) gate: Gate,
    retrying: Arc<Semaphore>,
    stored_aside: Arc<Semaphore>,
    /// The kinds of errors that were reported since the last success.
    reported: Mutex<HashSet<(ErrorKind, Option<u16>)>>,
}

/// The place of a batch among those that are sent for the first time. It is left once the batch takes longer.
#[derive(Debug)]
pub(crate) struct Lane {
    is_left: bool,
    /// What makes room when it is dropped: in the lane, or among the batches from disk that have left theirs.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Lane {
    /// The lane that this is a permit of.
    pub(crate) fn of(permit: OwnedSemaphorePermit) -> Self {
        Self { is_left: false, _permit: Some(permit) }
    }

    /// For what was sent before, or is a part of it.
    pub(crate) fn left() -> Self {
        Self { is_left: true, _permit: None }
    }
}

/// Why something is not tried again.
#[derive(Debug, Clone, Copy)]
enum GivenUp {
    /// It is too old.
    Expired,
    /// The shutdown's time was over, and it is surely not at the service.
    Unsent,
    /// It was sent, and whether it arrived cannot be found out.
    InDoubt,
    /// The service refuses it.
    Refused(RejectReason),
}

/// What to do next with a batch.
enum Next {
    /// Try again, in the same lane: the request was never written to a connection.
    Again,
    /// Try again, and let others go first.
    Aside,
    /// Read back what of it is there. It is not sent again; the service said that it took these others.
    Confirm {
        without_id: Vec<Parcel>,
    },
    GiveUp(GivenUp),
    /// All of it has an end, but for what is to be sent by itself.
    Done(Vec<Batch>),
}

impl<T: Transport> Courier<T> {
    pub(crate) fn new(
        transport: T,
        client: &Client,
        hook_client: Client,
        pipeline: Arc<Pipeline>,
        hooks: HookSender,
        retry: RetryPolicy,
        stop: watch::Receiver<Stop>,
    ) -> Self {
        Self {
            transport,
            http: client.http().clone(),
            hook_client,
            pipeline,
            hooks,
            retry,
            stop,
            gate: Gate::default(),
            retrying: Arc::new(Semaphore::new(RETRYING)),
            stored_aside: Arc::new(Semaphore::new(STORED_ASIDE)),
            reported: Mutex::default(),
        }
    }

    /// Delivers a batch but for the parts that it gives back, which are to be sent by themselves.
    pub(crate) async fn deliver(self: Arc<Self>, mut batch: Batch, mut lane: Lane) -> Vec<Batch> {
        let Some(youngest) = batch.parcels.iter().map(|parcel| parcel.accepted_at).max() else {
            return Vec::new();
        };
        let policy = if batch.is_stored() { self.pipeline.stored_policy(self.retry) } else { self.retry };
        // What is older than the youngest leaves the batch when its time is over.
        let mut attempts = batch.attempts.unwrap_or_else(|| Attempts::since(youngest, policy));
        let given_up = loop {
            if let Some(since) = batch.in_doubt_since {
                self.leave(&mut lane, &batch);
                match self.read_back(&mut batch, since, attempts).await {
                    Ok(parts) => return parts,
                    Err(why) => break why,
                }
            }
            if let Err(why) = self.wait_out(&mut batch, &mut attempts).await {
                break why;
            }
            let turn = match self.wait_for_turn(&batch, &attempts, &lane).await {
                Ok(turn) => turn,
                Err(why) => break why,
            };
            let next = self.send(&mut batch, &mut attempts).await;
            drop(turn);
            match next {
                Next::Again => {}
                Next::Aside => self.leave(&mut lane, &batch),
                Next::Confirm { without_id } => {
                    self.leave(&mut lane, &batch);
                    self.confirm(batch, without_id).await;
                    return Vec::new();
                }
                Next::GiveUp(why) => break why,
                Next::Done(parts) => return parts,
            }
            if batch.in_doubt_since.is_none() {
                let is_old = |parcel: &mut Parcel| parcel.accepted_at.elapsed() > policy.max_age;
                let old = batch.parcels.extract_if(.., is_old).collect();
                self.give_up(old, batch.given_up(GivenUp::Expired));
            }
        };
        self.give_up(batch.parcels, given_up);
        Vec::new()
    }

    /// Leaves the lane to others.
    fn leave(&self, lane: &mut Lane, batch: &Batch) {
        if lane.is_left {
            return;
        }
        let place = batch.is_stored().then(|| Arc::clone(&self.stored_aside).try_acquire_owned());
        // Where too many from disk wait already, this one keeps the others from coming.
        let Ok(place) = place.transpose() else { return };
        *lane = Lane { is_left: true, _permit: place };
        self.pipeline.wake.notify_one();
    }

    /// Waits for what the batch waits for beside the gate.
    async fn wait_out(&self, batch: &mut Batch, attempts: &mut Attempts) -> Result<(), GivenUp> {
        let (time, last_refusal) = match std::mem::take(&mut batch.pause) {
            Pause::None => return Ok(()),
            Pause::Backoff => (attempts.next_delay(None).ok_or(GivenUp::Expired)?, None),
            Pause::For(time) => (time, None),
            Pause::UntilOthersPass(time) => (time, batch.refusals.map(|refusals| refusals.last)),
        };
        let waited = async {
            match last_refusal {
                // Whichever comes first.
                Some(since) => drop(timeout(time, self.gate.passed_since(batch.path(), since)).await),
                None => sleep(time).await,
            }
        };
        self.cut(waited).await.ok_or_else(|| batch.given_up(GivenUp::Unsent))
    }

    /// Waits until the batch may be sent, or it is of no use to wait.
    async fn wait_for_turn(
        &self,
        batch: &Batch,
        attempts: &Attempts,
        lane: &Lane,
    ) -> Result<(Pass, Option<OwnedSemaphorePermit>), GivenUp> {
        let refused_all = async {
            self.ending().await;
            self.gate.wait_until(|health| self.is_hopeless(health)).await;
            self.gate.read(|health| health.refusal)
        };
        let turn = async {
            let permit = if lane.is_left {
                // The semaphore is never closed.
                Arc::clone(&self.retrying).acquire_owned().await.ok()
            } else {
                None
            };
            tokio::select! {
                biased;
                pass = self.gate.pass() => Ok((pass, permit)),
                refusal = refused_all => match batch.refusals.map(|refusals| refusals.kind) {
                    // One that was refused itself asks once more.
                    Some(Refusal::Settings(_)) if self.pipeline.store.is_none() => Ok((Pass::OUT_OF_TURN, permit)),
                    _ => Err(refusal.map_or(GivenUp::Unsent, GivenUp::Refused)),
                },
            }
        };
        let patience = attempts.patience(batch.is_retry);
        match self.cut(timeout(patience, turn)).await {
            Some(Ok(turn)) => turn,
            Some(Err(_too_long)) => Err(batch.given_up(GivenUp::Expired)),
            None => Err(batch.given_up(GivenUp::Unsent)),
        }
    }

    /// Sends the batch once.
    async fn send(&self, batch: &mut Batch, attempts: &mut Attempts) -> Next {
        if batch.is_retry {
            self.pipeline.counters.retries.fetch_add(1, SeqCst);
        }
        batch.is_retry = true;
        let (path, body) = (batch.path(), batch.body());
        let written = Written::default();
        // On disk first: a run that is killed from here on may have sent it.
        self.enter_sent(batch, true);
        let request = self.gate.next_request();
        match self.answer_in_time(batch, self.transport.post(path, body, written.clone())).await {
            Some(result) => self.answered(request, result, batch, attempts),
            None if written.is_set() => Next::GiveUp(GivenUp::InDoubt),
            None => {
                self.enter_sent(batch, false);
                Next::GiveUp(batch.given_up(GivenUp::Unsent))
            }
        }
    }

    /// Waits for an answer until nothing more is tried; `None` if that came first.
    async fn answer_in_time<R>(&self, batch: &Batch, answer: impl Future<Output = R>) -> Option<R> {
        let has_spool = self.pipeline.store.is_some();
        // A request of its own wire cannot be read back by the next run.
        let may_be_left = has_spool && !matches!(batch.kind(), Some(Content::Log { .. }));
        let patience = async {
            if !may_be_left {
                return pending().await;
            }
            self.ending().await;
            sleep(ENDING_PATIENCE).await;
        };
        let answer = self.cut(answer);
        tokio::select! {
            biased;
            answer = answer => answer,
            () = patience => {
                // The rest is left on disk too.
                self.gate.hold_for(Gate::LONGEST);
                None
            }
        }
    }

    /// Enters on disk whether the batch may have been written to a connection.
    fn enter_sent(&self, batch: &Batch, may_be_sent: bool) {
        self.pipeline.store_sent(&batch.parcels, may_be_sent, |error| self.report(error));
    }

    /// Runs it until nothing more is tried; `None` if that came first.
    async fn cut<R>(&self, run: impl Future<Output = R>) -> Option<R> {
        tokio::select! {
            biased;
            () = self.over() => None,
            done = run => Some(done),
        }
    }

    /// Returns whether the program ends.
    fn is_ending(&self) -> bool {
        self.stop.borrow().deadline.is_some()
    }

    /// Completes when the program ends.
    async fn ending(&self) {
        // A receiver of its own: what it has seen, the worker's loop has not.
        let mut stop = self.stop.clone();
        if stop.wait_for(|stop| stop.deadline.is_some()).await.is_err() {
            // Nothing is left to announce an end.
            pending::<()>().await;
        }
    }

    /// Completes when the program ends and nothing more is tried: the time of the shutdown is over, or the rest is
    /// left on disk.
    async fn over(&self) {
        self.ending().await;
        let deadline = self.stop.borrow().deadline;
        let Some(deadline) = deadline else { return pending().await };
        tokio::select! {
            () = sleep_until(deadline.into()) => {}
            () = self.gate.wait_until(|health| self.leaves_rest_on_disk(health)) => {}
        }
    }

    /// Returns whether a program that ends waits for the destination in vain.
    fn is_hopeless(&self, health: &Health) -> bool {
        let deadline = self.stop.borrow().deadline.map(Instant::from);
        let opens_too_late = match (health.held_until, deadline) {
            (Some(until), Some(deadline)) => until > deadline,
            _ => false,
        };
        health.refusal.is_some() || opens_too_late || self.leaves_rest_on_disk(health)
    }

    /// Returns whether the rest goes to disk, where there is one, since the destination does not take it now.
    fn leaves_rest_on_disk(&self, health: &Health) -> bool {
        // A single failure may be that request's own.
        self.pipeline.store.is_some() && (health.failures > 1 || (health.failures > 0 && health.is_held()))
    }

    /// Returns whether the program ends and the rest is left on disk.
    pub(crate) fn is_leaving_rest_on_disk(&self) -> bool {
        self.is_ending() && self.gate.read(|health| self.leaves_rest_on_disk(health))
    }

    fn error(&self, request: String, result: Result<Answer, Failure>) -> Error {
        match result {
            Ok(answer) => self.http.error_of_answer(request, &answer),
            Err(failure) => self.http.error_of_failure(request, failure),
        }
        .into()
    }

    /// From here on an error is reported again.
    fn succeeded(&self) {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Reports an error, once of each kind until something succeeds.
    pub(crate) fn report(&self, error: impl Into<Error>) {
        let error = error.into();
        let kind = (error.kind(), error.status());
        if self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(kind) {
            self.hooks.failed(error);
        }
    }
}

impl Batch {
    /// Why it is given up: how the service refused it last, or else this.
    fn given_up(&self, otherwise: GivenUp) -> GivenUp {
        match self.refusals.map(|refusals| refusals.kind) {
            Some(Refusal::Settings(reason)) => GivenUp::Refused(reason),
            // No trace tells whether a tracking call arrived.
            Some(Refusal::Failure) if self.is_tracking() => GivenUp::InDoubt,
            _ => otherwise,
        }
    }
}
