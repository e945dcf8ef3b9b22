//! What becomes of a batch: sent, sent again, read back, parted, or given up, until all in it has an end.
//!
//! ```text
//!             ┌── not processed: wait ──┐
//! gate ──> POST ── taken ──> ids, rejections ──> ledger, hooks
//!             ├── in doubt ──> read back ── found ──> ledger, hooks
//!             │                    └── missing for as long as it takes to settle ──> gate
//!             ├── faulty ──> what is at fault is set aside, the rest goes on
//!             └── refused as a whole: told once, then asked again now and then
//! ```

mod doubt;
mod ends;

use std::collections::HashSet;
use std::future::{Future, pending};
use std::mem::{Discriminant, discriminant};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::content::{Content, Note};
use super::encode::{LogAnswer, SpansAnswer};
use super::gate::{Closing, Gate};
use super::guard::Stop;
use super::ledger::{End, RejectReason};
use super::outcome::{self, Outcome};
use super::parcel::{Batch, Parcel};
use super::pipeline::Pipeline;
use super::retry::{Attempts, RetryPolicy};
use super::shrink;
use super::transport::Transport;
use crate::client::{Answer, Client, Error, Failure, Http};
use crate::hook::HookSender;

/// How many batches may be in doubt without holding up what is behind them.
pub(crate) const ASIDE: usize = 4;

/// Delivers batches. Shared by all that are on their way.
pub(crate) struct Courier<T> {
    pub(crate) transport: T,
    /// For what errors say.
    pub(crate) http: Http,
    /// With connections for the hooks, which run while this thread's runtime may be blocked.
    pub(crate) hook_client: Client,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) hooks: HookSender,
    pub(crate) retry: RetryPolicy,
    pub(crate) stop: watch::Receiver<Stop>,
    pub(crate) gate: Gate,
    /// The places for batches that are in doubt.
    pub(crate) aside: Arc<Semaphore>,
    /// The kinds of errors that were reported since the last success.
    pub(crate) reported: Mutex<HashSet<(Discriminant<Error>, Option<u16>)>>,
}

/// Why something is not tried again.
#[derive(Debug, Clone, Copy)]
enum GivenUp {
    /// It is too old.
    Expired,
    /// The shutdown's time was over before it was sent.
    Unsent,
    /// It was sent, and whether it arrived cannot be found out.
    InDoubt,
    /// The service refuses everything.
    Refused(RejectReason),
}

/// What to do next with a batch.
enum Next {
    /// To try again, after so long and when the gate is open.
    Again(Duration),
    /// To give all of it up.
    GiveUp(GivenUp),
    /// All of it has an end, but for what is to be sent by itself.
    Done(Vec<Batch>),
}

/// How waiting at the gate ended.
enum Passed {
    Open,
    /// What waits would be too old.
    TooLong,
    /// The program ends before it opens, or the service refuses everything.
    Hopeless(Option<RejectReason>),
}

/// The tries at one batch.
struct Tries {
    attempts: Attempts,
    /// Why the service refuses it, if that is what it said last.
    refused: Option<RejectReason>,
    /// Since when a tracking call makes the service fail.
    failing_since: Option<Instant>,
}

impl Tries {
    /// Why it is given up: what the service said last, or else this.
    fn given_up(&self, otherwise: GivenUp) -> GivenUp {
        self.refused.map_or(otherwise, GivenUp::Refused)
    }
}

impl<T: Transport> Courier<T> {
    /// Delivers a batch, whatever that takes. `lane` is free once it is delivered, or in doubt.
    pub(crate) async fn deliver(self: Arc<Self>, batch: Batch, mut lane: OwnedSemaphorePermit) {
        let mut batches = vec![batch];
        while let Some(batch) = batches.pop() {
            batches.extend(self.deliver_one(batch, &mut lane).await);
        }
    }

    /// Leaves the lane to others, if there is a place for what is in doubt: it takes its time.
    fn leave(&self, lane: &mut OwnedSemaphorePermit) {
        if let Ok(aside) = Arc::clone(&self.aside).try_acquire_owned() {
            *lane = aside;
            self.pipeline.wake.notify_one();
        }
    }

    /// Delivers a batch but for the parts that it gives back, which are to be sent by themselves.
    async fn deliver_one(&self, mut batch: Batch, lane: &mut OwnedSemaphorePermit) -> Vec<Batch> {
        let Some(youngest) = batch.parcels.iter().map(|parcel| parcel.accepted_at).max() else {
            return Vec::new();
        };
        let policy = if batch.is_stored() { self.pipeline.stored_policy(self.retry) } else { self.retry };
        // What is older than the youngest leaves the batch when its time is over.
        let attempts = batch.attempts.take().unwrap_or_else(|| Attempts::since(youngest, policy));
        let mut tries = Tries { attempts, refused: None, failing_since: None };
        if let (true, None) = (batch.is_retry, batch.in_doubt_since) {
            // It was sent, and surely did not arrive: the service had its reasons.
            match tries.attempts.next_delay(None) {
                Some(delay) if self.cut(sleep(delay)).await.is_some() => {}
                Some(_) => return self.give_up(batch.parcels, GivenUp::Unsent),
                None => return self.give_up(batch.parcels, GivenUp::Expired),
            }
        }
        let given_up = loop {
            if let Some(since) = batch.in_doubt_since {
                self.leave(lane);
                match self.read_back(&mut batch, since, tries.attempts).await {
                    Ok(parts) => return parts,
                    Err(why) => break why,
                }
            }
            match self.cut(self.pass_gate(&tries)).await {
                Some(Passed::TooLong) => break tries.given_up(GivenUp::Expired),
                Some(Passed::Hopeless(refusal)) if tries.refused.is_none() => {
                    break refusal.map_or(GivenUp::Unsent, GivenUp::Refused);
                }
                // One that was refused itself asks once more.
                Some(Passed::Open | Passed::Hopeless(_)) => {}
                None => break tries.given_up(GivenUp::Unsent),
            }
            if batch.is_retry {
                self.pipeline.counters.retries.fetch_add(1, SeqCst);
            }
            batch.is_retry = true;
            let (path, body) = batch.request();
            let sent_at = Instant::now();
            let Some(result) = self.cut(self.transport.post(path, body)).await else {
                break GivenUp::InDoubt;
            };
            match self.answered(path, sent_at, result, &mut batch, &mut tries).await {
                Next::Again(delay) => {
                    if self.cut(sleep(delay)).await.is_none() {
                        let is_in_doubt = batch.in_doubt_since.is_some() || tries.failing_since.is_some();
                        break if is_in_doubt { GivenUp::InDoubt } else { tries.given_up(GivenUp::Unsent) };
                    }
                }
                Next::GiveUp(why) => break why,
                Next::Done(parts) => return parts,
            }
            if batch.in_doubt_since.is_none() {
                let is_old = |parcel: &mut Parcel| parcel.accepted_at.elapsed() > policy.max_age;
                let old = batch.parcels.extract_if(.., is_old).collect();
                self.give_up(old, tries.given_up(GivenUp::Expired));
            }
        };
        self.give_up(batch.parcels, given_up)
    }

    /// Does what an answer, or the lack of one, asks for.
    async fn answered(
        &self,
        path: &str,
        sent_at: Instant,
        result: Result<Answer, Failure>,
        batch: &mut Batch,
        tries: &mut Tries,
    ) -> Next {
        let is_tracking = batch.is_tracking();
        let outcome = outcome::of(&result, is_tracking);
        if let Outcome::Taken(answer) = outcome {
            self.gate.open_for(sent_at);
            self.taken(path, std::mem::take(&mut batch.parcels), &answer).await;
            return Next::Done(Vec::new());
        }
        let said = result.as_ref().ok().map(|answer| answer.body.clone());
        let error = self.error(format!("POST {path}"), result);
        if let Outcome::Faulty(reason) = outcome {
            let parcels = std::mem::take(&mut batch.parcels);
            return Next::Done(self.part(parcels, reason, error, said.as_deref()));
        }
        self.report(error);
        match outcome {
            Outcome::Misconfigured(reason) => self.refused(reason, tries),
            Outcome::NotProcessed(wait) => {
                tries.refused = None;
                let delay = tries.attempts.next_delay(wait);
                // Whether or not these are tried again, no others go before the service wants them.
                self.gate.close_for(delay.max(wait).unwrap_or_default());
                delay.map_or(Next::GiveUp(GivenUp::Expired), |_| Next::Again(Duration::ZERO))
            }
            // To track the same twice is to track it once.
            _ if is_tracking => self.failing(tries),
            // No trace tells what became of it.
            _ if !batch.can_be_read_back() => Next::GiveUp(GivenUp::InDoubt),
            _ => {
                tries.refused = None;
                batch.in_doubt_since = Some(Instant::now());
                Next::Again(Duration::ZERO)
            }
        }
    }

    /// The service refuses all there is: it is asked again now and then.
    fn refused(&self, reason: RejectReason, tries: &mut Tries) -> Next {
        // A program that ends does not wait for its settings to change.
        if self.is_ending() {
            return Next::GiveUp(GivenUp::Refused(reason));
        }
        tries.refused = Some(reason);
        self.gate.refuse_for(self.retry.probe_interval, reason);
        match tries.attempts.next_delay(Some(self.retry.probe_interval)) {
            // The wait is at the gate.
            Some(_) => Next::Again(Duration::ZERO),
            None => Next::GiveUp(GivenUp::Refused(reason)),
        }
    }

    /// A tracking call makes the service fail. It is tried for a while only: it holds up those behind it.
    fn failing(&self, tries: &mut Tries) -> Next {
        tries.refused = None;
        let since = *tries.failing_since.get_or_insert_with(Instant::now);
        match tries.attempts.next_delay(None) {
            Some(delay) if since.elapsed() + delay <= self.retry.longest_delay => Next::Again(delay),
            _ => Next::GiveUp(GivenUp::InDoubt),
        }
    }

    /// The service took these: the answer tells their ids, and which of them it refused.
    async fn taken(&self, path: &str, parcels: Vec<Parcel>, body: &[u8]) {
        match parcels.first().map(|parcel| &parcel.content) {
            Some(Content::Track { .. }) => {
                let declined = self.http.declined(path, body);
                let end = declined.as_ref().map_or(End::Delivered, |_| End::Rejected(RejectReason::Invalid));
                match declined {
                    Some(error) => self.report(error),
                    None => self.succeeded(),
                }
                for parcel in parcels {
                    self.settle(parcel, end);
                }
            }
            Some(Content::Log { .. }) => match serde_json::from_slice::<LogAnswer>(body) {
                Ok(answer) => {
                    self.succeeded();
                    for parcel in parcels {
                        self.logged(parcel, Some(answer.id));
                    }
                }
                Err(source) => {
                    self.report(self.http.error_of_unreadable(format!("POST {path}"), body, source));
                    for parcel in parcels {
                        self.logged(parcel, None);
                    }
                }
            },
            Some(Content::Span { .. }) => match SpansAnswer::read(body) {
                Ok(answer) => {
                    self.succeeded();
                    self.spans_taken(parcels, &answer);
                }
                Err(source) => {
                    self.report(self.http.error_of_unreadable(format!("POST {path}"), body, source));
                    self.read_ids(parcels).await;
                }
            },
            None => {}
        }
    }

    fn spans_taken(&self, parcels: Vec<Parcel>, answer: &SpansAnswer) {
        let (ids, rejected) = (answer.ids(), answer.rejected());
        for parcel in parcels {
            let Content::Span { trace_id, span_id, note } = &parcel.content else { continue };
            if rejected.holds(*trace_id, *span_id) {
                self.settle(parcel, End::Rejected(RejectReason::TraceClosed));
                continue;
            }
            let id = ids.get(span_id).copied();
            if let (None, Some(Note { prompt: Some(prompt), name, .. })) = (id, note) {
                // The span is there and its request is not: the service skips one whose template it does
                // not have.
                self.pipeline.counters.skipped.fetch_add(1, SeqCst);
                let error =
                    Error::PromptMissing { prompt: prompt.clone(), function: name.clone().into_owned() };
                self.hooks.failed(error);
                self.settle(parcel, End::Delivered);
                continue;
            }
            self.logged(parcel, id);
        }
    }

    /// Something in this is at fault: set aside what it is, as far as that can be told, and send the rest.
    fn part(
        &self,
        mut parcels: Vec<Parcel>,
        reason: RejectReason,
        error: Error,
        said: Option<&[u8]>,
    ) -> Vec<Batch> {
        let batch = Batch::new;
        if parcels.len() == 1 {
            let shrunk =
                reason == RejectReason::TooLarge && parcels.iter_mut().all(|parcel| self.shrink(parcel));
            if shrunk {
                return vec![batch(parcels)];
            }
            self.report(error);
            for parcel in parcels {
                self.settle(parcel, End::Rejected(reason));
            }
            return Vec::new();
        }
        let located = match (reason, said) {
            (RejectReason::Invalid, Some(said)) => outcome::faulty_spans(said, parcels.len()),
            _ => Vec::new(),
        };
        if located.is_empty() {
            let tail = parcels.split_off(parcels.len() / 2);
            return vec![batch(tail), batch(parcels)];
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

    /// Makes a parcel smaller, media first. `false` if there is nothing left to take.
    fn shrink(&self, parcel: &mut Parcel) -> bool {
        let Some(mut smaller) = shrink::smaller(&parcel.bytes) else { return false };
        smaller.shrink_to_fit();
        self.pipeline.counters.shrunk.fetch_add(1, SeqCst);
        parcel.ticket.resize(smaller.len());
        parcel.bytes = smaller;
        true
    }

    /// Waits until the gate is open, or it is of no use to wait.
    async fn pass_gate(&self, tries: &Tries) -> Passed {
        let hopeless = async {
            self.ending().await;
            let deadline = self.stop.borrow().deadline.map(Instant::from);
            let is_hopeless = |closing: &Closing| {
                closing.refusal.is_some() || deadline.is_some_and(|deadline| closing.until > deadline)
            };
            self.gate.closed_so(is_hopeless).await
        };
        let passed = async {
            tokio::select! {
                biased;
                () = self.gate.pass() => Passed::Open,
                closing = hopeless => Passed::Hopeless(closing.refusal),
            }
        };
        timeout(tries.attempts.patience(), passed).await.unwrap_or(Passed::TooLong)
    }

    /// Runs it until the shutdown's time is over; `None` if that came first.
    async fn cut<R>(&self, run: impl Future<Output = R>) -> Option<R> {
        tokio::select! {
            biased;
            () = self.deadline() => None,
            done = run => Some(done),
        }
    }

    /// Whether the program ends.
    fn is_ending(&self) -> bool {
        self.stop.borrow().deadline.is_some()
    }

    /// Ends when the program does.
    async fn ending(&self) {
        // A receiver of its own: what it has seen, the worker's loop has not.
        let mut stop = self.stop.clone();
        if stop.wait_for(|stop| stop.deadline.is_some()).await.is_err() {
            // Nobody is left to announce an end.
            pending::<()>().await;
        }
    }

    /// Ends when the time of the shutdown is over; never, as long as there is none.
    async fn deadline(&self) {
        self.ending().await;
        let deadline = self.stop.borrow().deadline;
        if let Some(deadline) = deadline {
            sleep_until(deadline.into()).await;
        }
    }

    fn error(&self, request: String, result: Result<Answer, Failure>) -> Error {
        match result {
            Ok(answer) => self.http.error_of_answer(request, &answer),
            Err(failure) => self.http.error_of_failure(request, failure),
        }
    }

    /// From here on an error is told again.
    fn succeeded(&self) {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether something failed since anything last succeeded.
    pub(crate) fn is_failing(&self) -> bool {
        !self.reported.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Tells of an error, once of each kind until something succeeds.
    pub(crate) fn report(&self, error: Error) {
        let kind = (discriminant(&error), error.status());
        if self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(kind) {
            self.hooks.failed(error);
        }
    }
}
