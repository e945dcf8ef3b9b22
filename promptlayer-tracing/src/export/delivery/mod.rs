//! Delivery of batches: sends and retries them, and reads them back, until every item is settled.
//!
//! ```text
//!             ┌── not sent, busy: wait ──┐
//! gate ──> POST ── accepted, proven ──> ledger, hooks
//!             ├── accepted, not proven ──> read back ── found ──> ledger, hooks
//!             │                                └── missing ──> outcome unknown
//!             ├── ambiguous ──> read back ── found ──> ledger, hooks
//!             │                     └── missing for the settling time ──> gate
//!             ├── faulty ──> quarantine the faulty items, send the rest
//!             └── refused ──> end of the line; while others pass, split until the faulty item is alone
//! ```

#[cfg(feature = "otlp")]
mod exported;
pub(crate) mod gate;
mod read_back;
pub(crate) mod refusals;
mod response_class;
mod responses;
pub(crate) mod retry;
mod settle;
mod split;
mod traces;
pub(crate) mod transport;

use std::collections::HashSet;
use std::future::{Future, pending};
#[cfg(feature = "otlp")]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use promptlayer_client::Client;
use promptlayer_client::exporter::{Answer, Failure, Http, Written};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::error::{Error, ErrorKind};
use crate::export::batch::item::{Batch, BatchItem, Pause};
use crate::export::delivery::gate::{Gate, Health, Pass};
use crate::export::delivery::refusals::Refusal;
use crate::export::delivery::retry::{Attempts, RetryPolicy};
use crate::export::delivery::transport::Transport;
use crate::export::encode::content::Content;
use crate::export::pipeline::Pipeline;
use crate::export::queue::ledger::RejectReason;
use crate::export::shutdown::Stop;
use crate::hooks::HookSender;

/// The maximum number of requests in flight for batches that have left their slot.
const RETRYING: usize = 4;
/// How long to wait for a response once the program ends, if the spans can stay on disk. A working service
/// responds within this time. A service that accepts connections and never responds must not delay the end.
const ENDING_PATIENCE: Duration = Duration::from_secs(2);
/// The maximum number of stored batches that have left their slot. Each of them is in memory.
const STORED_RETRYING: usize = 256;

/// Delivers batches. All batches in flight share it.
pub(crate) struct Deliverer<T> {
    transport: T,
    /// Builds the errors for failed requests.
    http: Http,
    /// A client for the hooks with its own connections. Hooks run while the runtime of this thread may be
    /// blocked.
    hook_client: Client,
    pub(crate) pipeline: Arc<Pipeline>,
    hooks: HookSender,
    pub(crate) retry: RetryPolicy,
    stop: watch::Receiver<Stop>,
    pub(crate) gate: Gate,
    retrying: Arc<Semaphore>,
    stored_retrying: Arc<Semaphore>,
    /// The kinds of errors that were reported since the last success.
    reported: Mutex<HashSet<(ErrorKind, Option<u16>)>>,
    /// `true` if a warning of the service was reported.
    #[cfg(feature = "otlp")]
    has_warned: AtomicBool,
}

/// The slot of a batch among those that are sent for the first time. A batch leaves it when it needs more
/// time.
#[derive(Debug)]
pub(crate) struct SendSlot {
    is_left: bool,
    /// Frees its place on drop: in the slot, or among the stored batches that have left theirs.
    _permit: Option<OwnedSemaphorePermit>,
}

impl SendSlot {
    /// Returns the slot that holds this permit.
    pub(crate) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { is_left: false, _permit: Some(permit) }
    }

    /// Returns a slot for a batch that was sent before, or is part of such a batch.
    pub(crate) fn left() -> Self {
        Self { is_left: true, _permit: None }
    }
}

/// The reason why an item is not retried.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GivenUp {
    /// It exceeded the maximum age.
    Expired,
    /// The shutdown timeout expired, and the service certainly did not receive it.
    Unsent,
    /// It was sent, and it cannot be determined whether it arrived.
    Ambiguous,
    /// The service rejected it.
    Refused(RejectReason),
}

/// The next step for a batch.
pub(crate) enum Next {
    /// Retry in the same slot: the request was never written to a connection.
    Again,
    /// Retry, but let other batches go first.
    Later,
    /// Read back which spans of the batch arrived. They are not sent again.
    Confirm(Unproven),
    GiveUp(GivenUp),
    /// Everything is settled, except these batches, which are to be sent on their own.
    Done(Vec<Batch>),
}

/// What is known of a batch that a service accepted without proving that it has stored it.
#[derive(Debug)]
pub(crate) struct Unproven {
    /// Spans that the service accepted. Only their request ids are to be read.
    pub(crate) without_id: Vec<BatchItem>,
    /// The number of times that the ids are read.
    pub(crate) id_readings: usize,
    /// The number of spans in the batch that the service says it rejected, without their ids.
    pub(crate) rejected: usize,
}

impl Default for Unproven {
    fn default() -> Self {
        Self { without_id: Vec::new(), id_readings: 1, rejected: 0 }
    }
}

impl<T: Transport> Deliverer<T> {
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
            stored_retrying: Arc::new(Semaphore::new(STORED_RETRYING)),
            reported: Mutex::default(),
            #[cfg(feature = "otlp")]
            has_warned: AtomicBool::new(false),
        }
    }

    /// Delivers a batch. Returns the parts of it that are to be sent on their own.
    pub(crate) async fn deliver(self: Arc<Self>, mut batch: Batch, mut slot: SendSlot) -> Vec<Batch> {
        let Some(youngest) = batch.items.iter().map(|item| item.accepted_at).max() else {
            return Vec::new();
        };
        let policy = if batch.is_stored() { self.pipeline.stored_policy(self.retry) } else { self.retry };
        // Older items leave the batch when they reach the maximum age.
        let mut attempts = batch.attempts.unwrap_or_else(|| Attempts::since(youngest, policy));
        let given_up = loop {
            if let Some(since) = batch.ambiguous_since {
                self.leave(&mut slot, &batch);
                match self.read_back(&mut batch, since, attempts).await {
                    Ok(parts) => return parts,
                    Err(why) => break why,
                }
            }
            if let Err(why) = self.wait_out(&mut batch, &attempts).await {
                break why;
            }
            let turn = match self.wait_for_turn(&batch, &attempts, &slot).await {
                Ok(turn) => turn,
                Err(why) => break why,
            };
            let next = self.send(&mut batch, &mut attempts).await;
            drop(turn);
            match next {
                Next::Again => {}
                Next::Later => self.leave(&mut slot, &batch),
                Next::Confirm(unproven) => {
                    self.leave(&mut slot, &batch);
                    self.confirm(batch, unproven).await;
                    return Vec::new();
                }
                Next::GiveUp(why) => break why,
                Next::Done(parts) => return parts,
            }
            if batch.ambiguous_since.is_none() {
                let is_old = |item: &mut BatchItem| item.accepted_at.elapsed() > policy.max_age;
                let old = batch.items.extract_if(.., is_old).collect();
                self.give_up(old, batch.given_up(GivenUp::Expired));
            }
        };
        let given_up = if batch.may_have_arrived { GivenUp::Ambiguous } else { given_up };
        self.give_up(batch.items, given_up);
        Vec::new()
    }

    /// Frees the slot for other batches.
    fn leave(&self, slot: &mut SendSlot, batch: &Batch) {
        if slot.is_left {
            return;
        }
        let place = batch.is_stored().then(|| Arc::clone(&self.stored_retrying).try_acquire_owned());
        // If too many stored batches wait already, this one keeps its slot, so that no more are read from
        // disk.
        let Ok(place) = place.transpose() else { return };
        *slot = SendSlot { is_left: true, _permit: place };
        self.pipeline.wake.notify_one();
    }

    /// Waits for the pause of the batch, which is independent of the gate.
    async fn wait_out(&self, batch: &mut Batch, attempts: &Attempts) -> Result<(), GivenUp> {
        let (time, last_refusal) = match std::mem::take(&mut batch.pause) {
            Pause::None => return Ok(()),
            Pause::Backoff => (attempts.delay(None).ok_or(GivenUp::Expired)?, None),
            Pause::For(time) => (time, None),
            Pause::UntilOthersPass(time) => (time, batch.refusals.map(|refusals| refusals.last)),
        };
        let waited = async {
            match last_refusal {
                // Wait for the one that comes first.
                Some(since) => drop(timeout(time, self.gate.passed_since(batch.path(), since)).await),
                None => sleep(time).await,
            }
        };
        self.cut(waited).await.ok_or_else(|| batch.given_up(GivenUp::Unsent))
    }

    /// Waits until the batch may be sent, or until waiting is pointless.
    async fn wait_for_turn(
        &self,
        batch: &Batch,
        attempts: &Attempts,
        slot: &SendSlot,
    ) -> Result<(Pass, Option<OwnedSemaphorePermit>), GivenUp> {
        let refused_all = async {
            self.ending().await;
            self.gate.wait_until(|health| self.is_hopeless(health)).await;
            self.gate.read(|health| health.refusal)
        };
        let turn = async {
            let permit = if slot.is_left {
                // The semaphore is never closed.
                Arc::clone(&self.retrying).acquire_owned().await.ok()
            } else {
                None
            };
            tokio::select! {
                biased;
                pass = self.gate.pass() => Ok((pass, permit)),
                refusal = refused_all => match batch.refusals.map(|refusals| refusals.kind) {
                    // A batch that was rejected itself gets one more attempt.
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
        attempts.begin();
        let (path, body) = (batch.path(), batch.body(&self.pipeline.encoder.format));
        let written = Written::default();
        // Record this on disk first. If the process is killed after this point, the batch may have been sent.
        self.enter_sent(batch, true);
        let request = self.gate.next_request();
        let answer = self.answer_in_time(batch, self.transport.post(path, body, written.clone())).await;
        if batch.may_have_arrived && written.is_set() {
            self.pipeline.counters.possible_duplicates.fetch_add(batch.items.len() as u64, SeqCst);
        }
        match answer {
            Some(result) => self.answered(request, result, batch, attempts),
            None if written.is_set() => Next::GiveUp(GivenUp::Ambiguous),
            None => {
                if !batch.may_have_arrived {
                    self.enter_sent(batch, false);
                }
                Next::GiveUp(batch.given_up(GivenUp::Unsent))
            }
        }
    }

    /// Waits for a response. Returns `None` if delivery ends first.
    async fn answer_in_time<R>(&self, batch: &Batch, answer: impl Future<Output = R>) -> Option<R> {
        let has_spool = self.pipeline.store.is_some();
        // The next run cannot read back a request of `POST /log-request`.
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
                // The other batches stay on disk too.
                self.gate.hold_for(Gate::LONGEST);
                None
            }
        }
    }

    /// Records on disk whether the batch may have been written to a connection.
    fn enter_sent(&self, batch: &Batch, may_be_sent: bool) {
        self.pipeline.store_sent(&batch.items, may_be_sent, |error| self.report(error));
    }

    /// Runs a future. Returns `None` if delivery ends first.
    async fn cut<R>(&self, run: impl Future<Output = R>) -> Option<R> {
        tokio::select! {
            biased;
            () = self.over() => None,
            done = run => Some(done),
        }
    }

    /// Returns `true` if the program is shutting down.
    fn is_ending(&self) -> bool {
        self.stop.borrow().deadline.is_some()
    }

    /// Completes when the program starts to shut down.
    async fn ending(&self) {
        // Clone the receiver, so that the worker's loop does not miss a change that is seen here.
        let mut stop = self.stop.clone();
        if stop.wait_for(|stop| stop.deadline.is_some()).await.is_err() {
            // The sender is gone, so no shutdown can be announced.
            pending::<()>().await;
        }
    }

    /// Completes when the program is shutting down and delivery ends: at the shutdown deadline, or when the
    /// remaining items are left on disk.
    async fn over(&self) {
        self.ending().await;
        let deadline = self.stop.borrow().deadline;
        let Some(deadline) = deadline else { return pending().await };
        tokio::select! {
            () = sleep_until(deadline.into()) => {}
            () = self.gate.wait_until(|health| self.leaves_rest_on_disk(health)) => {}
        }
    }

    /// Returns `true` if a shutdown cannot expect the destination to accept requests in time.
    fn is_hopeless(&self, health: &Health) -> bool {
        let deadline = self.stop.borrow().deadline.map(Instant::from);
        let opens_too_late = match (health.held_until, deadline) {
            (Some(until), Some(deadline)) => until > deadline,
            _ => false,
        };
        health.refusal.is_some() || opens_too_late || self.leaves_rest_on_disk(health)
    }

    /// Returns `true` if the remaining items stay on disk, because there is a spool and the destination is
    /// failing.
    fn leaves_rest_on_disk(&self, health: &Health) -> bool {
        // A single failure may be caused by that request alone.
        self.pipeline.store.is_some() && (health.failures > 1 || (health.failures > 0 && health.is_held()))
    }

    /// Returns `true` if the program is shutting down and the remaining items stay on disk.
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

    /// Resets the reported errors, so that each kind is reported again.
    fn succeeded(&self) {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Reports an error. Each kind is reported once until a request succeeds.
    pub(crate) fn report(&self, error: impl Into<Error>) {
        let error = error.into();
        let kind = (error.kind(), error.status());
        if self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(kind) {
            self.hooks.failed(error);
        }
    }
}

impl Batch {
    /// Returns the reason to give this batch up: the last rejection by the service, or else `otherwise`.
    fn given_up(&self, otherwise: GivenUp) -> GivenUp {
        match self.refusals.map(|refusals| refusals.kind) {
            _ if self.may_have_arrived => GivenUp::Ambiguous,
            Some(Refusal::Settings(reason)) => GivenUp::Refused(reason),
            // A tracking call cannot be read back from a trace.
            Some(Refusal::Failure) if self.is_tracking() => GivenUp::Ambiguous,
            _ => otherwise,
        }
    }
}
