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

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::mem::{Discriminant, discriminant};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::encode::{self, LogAnswer, SpansAnswer};
use super::gate::Gate;
use super::guard::Stop;
use super::ledger::{DropReason, End, RejectReason};
use super::outcome::{self, Outcome};
use super::parcel::{Content, Note, Parcel};
use super::reconcile::{self, Held};
use super::retry::Attempts;
use super::shrink;
use super::transport::Transport;
use super::{Pipeline, RetryPolicy};
use crate::client::{Answer, Client, Error, Failure, Http, LOG_REQUEST_PATH};
use crate::hook::{HookSender, Logged, LoggedRequest};
use crate::ids::{RequestId, SpanId, TraceId};

const SPANS_BULK: &str = "/spans-bulk";
/// How often a trace is read back for nothing but the ids of requests that did arrive.
const ID_READINGS: usize = 3;

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
    /// The kinds of errors that were reported since the last success.
    pub(crate) reported: Mutex<HashSet<(Discriminant<Error>, Option<u16>)>>,
}

/// Spans, requests or a tracking call that go in one request.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) parcels: Vec<Parcel>,
    /// Whether an earlier request may have brought them already.
    pub(crate) is_in_doubt: bool,
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
    Again,
    /// All of it has an end, but for what is to be sent by itself.
    Done(Vec<Batch>),
}

/// What reading the traces back came to.
enum Reading {
    /// What is left of the batch surely did not arrive.
    Missing,
    /// All of it had arrived, or has been given up.
    Settled,
}

impl<T: Transport> Courier<T> {
    /// Delivers a batch, whatever that takes.
    pub(crate) async fn deliver(self: Arc<Self>, batch: Batch) {
        let mut batches = vec![batch];
        while let Some(batch) = batches.pop() {
            batches.extend(self.deliver_one(batch).await);
        }
    }

    /// Delivers a batch but for the parts that it gives back, which are to be sent by themselves.
    async fn deliver_one(&self, mut batch: Batch) -> Vec<Batch> {
        let Some(oldest) = batch.parcels.iter().map(|parcel| parcel.accepted_at).min() else {
            return Vec::new();
        };
        let policy = if batch.is_stored() { self.pipeline.stored_policy(self.retry) } else { self.retry };
        let mut attempts = Attempts::since(oldest, policy);
        let mut refused = None;
        let mut tries = 0;
        loop {
            if batch.is_in_doubt
                && let Reading::Settled = self.read_back(&mut batch, &mut attempts).await
            {
                return Vec::new();
            }
            if self.cut(self.wait_at_gate(refused.is_some())).await.is_none() {
                self.give_up(batch.parcels, refused.map_or(GivenUp::Unsent, GivenUp::Refused));
                return Vec::new();
            }
            if tries > 0 {
                self.pipeline.counters.retries.fetch_add(1, SeqCst);
            }
            tries += 1;
            let (path, body) = batch.request();
            let Some(result) = self.cut(self.transport.post(&path, body)).await else {
                self.give_up(batch.parcels, GivenUp::InDoubt);
                return Vec::new();
            };
            match self.answered(&path, result, &mut batch, &mut attempts, &mut refused).await {
                Next::Again => {}
                Next::Done(parts) => return parts,
            }
        }
    }

    /// Does what an answer, or the lack of one, asks for.
    async fn answered(
        &self,
        path: &str,
        result: Result<Answer, Failure>,
        batch: &mut Batch,
        attempts: &mut Attempts,
        refused: &mut Option<RejectReason>,
    ) -> Next {
        let is_tracking = batch.is_tracking();
        let outcome = outcome::of(&result, is_tracking);
        if let Outcome::Taken(answer) = outcome {
            self.gate.open();
            self.taken(path, std::mem::take(&mut batch.parcels), &answer).await;
            return Next::Done(Vec::new());
        }
        let said = result.as_ref().ok().map(|answer| answer.body.clone());
        let error = self.error(path, result);
        let wait = match outcome {
            Outcome::Faulty(reason) => {
                let parcels = std::mem::take(&mut batch.parcels);
                return Next::Done(self.part(parcels, reason, error, said.as_deref()));
            }
            Outcome::Misconfigured(reason) => {
                self.report(error);
                // A program that ends does not wait for its settings to change.
                if self.is_ending() {
                    self.give_up(std::mem::take(&mut batch.parcels), GivenUp::Refused(reason));
                    return Next::Done(Vec::new());
                }
                *refused = Some(reason);
                self.gate.close_for(self.retry.probe_interval);
                // The wait is at the gate; here it is only asked whether it is worth it.
                return match attempts.next_delay(Some(self.retry.probe_interval)) {
                    Some(_) => Next::Again,
                    None => {
                        self.give_up(std::mem::take(&mut batch.parcels), GivenUp::Refused(reason));
                        Next::Done(Vec::new())
                    }
                };
            }
            Outcome::NotProcessed(wait) => {
                self.report(error);
                wait
            }
            Outcome::Ambiguous | Outcome::Taken(_) => {
                self.report(error);
                // To track the same twice is to track it once.
                if !is_tracking {
                    if !batch.can_be_read_back() {
                        self.give_up(std::mem::take(&mut batch.parcels), GivenUp::InDoubt);
                        return Next::Done(Vec::new());
                    }
                    batch.is_in_doubt = true;
                    return Next::Again;
                }
                None
            }
        };
        *refused = None;
        match attempts.next_delay(wait) {
            Some(delay) => {
                self.gate.close_for(delay);
                Next::Again
            }
            None => {
                self.give_up(std::mem::take(&mut batch.parcels), GivenUp::Expired);
                Next::Done(Vec::new())
            }
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

    /// An answer said that these were taken and could not be read: reads their ids back.
    async fn read_ids(&self, mut parcels: Vec<Parcel>) {
        for reading in 0..ID_READINGS {
            let held = match self.cut(self.read_traces(&parcels)).await {
                Some(Some(held)) => held,
                Some(None) => BTreeMap::new(),
                None => break,
            };
            parcels = self.settle_found(parcels, &held);
            if parcels.is_empty() {
                return;
            }
            if reading + 1 < ID_READINGS && self.cut(sleep(self.retry.settling_time)).await.is_none() {
                break;
            }
        }
        // It said that it took them, and then has them not: that is no delivery, and no fault either.
        self.give_up(parcels, GivenUp::InDoubt);
    }

    /// Finds out which of a batch has arrived. What is missing is missing for good only if it is so twice,
    /// with enough time between for a service that was still storing it.
    async fn read_back(&self, batch: &mut Batch, attempts: &mut Attempts) -> Reading {
        let mut missing_since: Option<Instant> = None;
        loop {
            let wait = match missing_since {
                Some(since) => self.retry.settling_time.saturating_sub(since.elapsed()),
                None => Duration::ZERO,
            };
            let Some(delay) = attempts.next_delay(Some(wait)) else {
                self.give_up(std::mem::take(&mut batch.parcels), GivenUp::InDoubt);
                return Reading::Settled;
            };
            let reading = async {
                sleep(delay).await;
                self.gate.pass().await;
                self.read_traces(&batch.parcels).await
            };
            let Some(held) = self.cut(reading).await else {
                self.give_up(std::mem::take(&mut batch.parcels), GivenUp::InDoubt);
                return Reading::Settled;
            };
            // A reading that failed says nothing.
            let Some(held) = held else { continue };
            batch.parcels = self.settle_found(std::mem::take(&mut batch.parcels), &held);
            if batch.parcels.is_empty() {
                return Reading::Settled;
            }
            if missing_since.get_or_insert_with(Instant::now).elapsed() >= self.retry.settling_time {
                batch.is_in_doubt = false;
                let resent = batch.parcels.len() as u64;
                self.pipeline.counters.possible_duplicates.fetch_add(resent, SeqCst);
                return Reading::Missing;
            }
        }
    }

    /// What the traces of these hold; `None` if one cannot be read.
    async fn read_traces(&self, parcels: &[Parcel]) -> Option<BTreeMap<TraceId, Held>> {
        let mut held = BTreeMap::new();
        for trace in reconcile::traces(parcels.iter().filter_map(|parcel| Some(parcel.place()?.0))) {
            let path = reconcile::path(trace);
            let answer = self.transport.get(&path).await;
            match reconcile::held(&answer) {
                Some(spans) => drop(held.insert(trace, spans)),
                None => {
                    if let Ok(answer) = &answer
                        && let Some(wait) = answer.retry_after
                    {
                        self.gate.close_for(wait.min(self.retry.max_age));
                    }
                    return None;
                }
            }
        }
        Some(held)
    }

    /// Settles what a trace holds and gives back what is missing.
    fn settle_found(&self, parcels: Vec<Parcel>, held: &BTreeMap<TraceId, Held>) -> Vec<Parcel> {
        let mut missing = Vec::new();
        for parcel in parcels {
            let found = parcel.place().and_then(|(trace, span)| held.get(&trace)?.get(&span).copied());
            match found {
                Some(id) => self.logged(parcel, id),
                None => missing.push(parcel),
            }
        }
        missing
    }

    /// Something in this is at fault: set aside what it is, as far as that can be told, and send the rest.
    fn part(
        &self,
        mut parcels: Vec<Parcel>,
        reason: RejectReason,
        error: Error,
        said: Option<&[u8]>,
    ) -> Vec<Batch> {
        let batch = |parcels| Batch { parcels, is_in_doubt: false };
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
        let Some(smaller) = shrink::smaller(&parcel.bytes) else { return false };
        self.pipeline.counters.shrunk.fetch_add(1, SeqCst);
        parcel.ticket.resize(smaller.len());
        parcel.bytes = smaller;
        true
    }

    /// Enters a delivery, and hands the request's id to the hooks.
    fn logged(&self, parcel: Parcel, id: Option<RequestId>) {
        let (trace_id, span_id, note) = match &parcel.content {
            Content::Span { trace_id, span_id, note: Some(note) }
            | Content::Log { trace_id, span_id, note } => (*trace_id, *span_id, note.clone()),
            Content::Span { note: None, .. } | Content::Track { .. } => {
                return self.settle(parcel, End::Delivered);
            }
        };
        // First what the ledger says: who sees the id has the right to see the delivery. But whoever waits for
        // the delivery waits for the hook that it leads to.
        let announced = self.hooks.announce();
        self.settle(parcel, End::Delivered);
        let Some(id) = id else { return self.hooks.missing() };
        let (own_hook, is_of_hook) = (note.own_hook, note.is_of_hook);
        let request = LoggedRequest::new(Logged {
            id,
            trace_id,
            span_id,
            name: note.name,
            tags: note.tags,
            metadata: note.metadata,
            is_replayed: note.is_replayed,
            client: self.hook_client.clone(),
            enqueue: Arc::clone(&self.pipeline) as _,
        });
        self.hooks.logged(request, own_hook, is_of_hook, announced);
    }

    /// Enters an end, on disk too.
    fn settle(&self, parcel: Parcel, end: End) {
        if let Some(stored) = parcel.stored {
            self.pipeline.store_done(stored, |error| self.report(error));
        }
        parcel.ticket.settle(end);
    }

    /// Puts what is not tried again on disk, if there is one, else enters its end.
    fn give_up(&self, parcels: Vec<Parcel>, why: GivenUp) {
        for parcel in parcels {
            let is_kept = match parcel.stored {
                // It is there, for the next run, unless it had to give way to others or is too old.
                Some(stored) => !matches!(why, GivenUp::Expired) && self.pipeline.keeps(stored),
                None => self.pipeline.store(&parcel, |error| self.report(error)),
            };
            if is_kept {
                parcel.ticket.spool();
                continue;
            }
            let end = match why {
                GivenUp::Expired => End::Dropped(DropReason::Expired),
                GivenUp::Unsent => End::Dropped(DropReason::Deadline),
                GivenUp::InDoubt => End::Unknown,
                GivenUp::Refused(reason) => End::Rejected(reason),
            };
            self.settle(parcel, end);
        }
    }

    /// Waits until the gate is open. Where everything was refused, and the program ends, the last try is
    /// made at once.
    async fn wait_at_gate(&self, is_refused: bool) {
        if !is_refused {
            return self.gate.pass().await;
        }
        tokio::select! {
            () = self.gate.pass() => {}
            () = self.ending() => {}
        }
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
            std::future::pending::<()>().await;
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

    fn error(&self, path: &str, result: Result<Answer, Failure>) -> Error {
        let request = format!("POST {path}");
        match result {
            Ok(answer) => self.http.error_of_answer(request, &answer),
            Err(failure) => self.http.error_of_failure(request, failure),
        }
    }

    /// From here on an error is told again.
    fn succeeded(&self) {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Tells of an error, once of each kind until something succeeds.
    pub(crate) fn report(&self, error: Error) {
        let kind = (discriminant(&error), error.status());
        if self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(kind) {
            self.hooks.failed(error);
        }
    }
}

impl Batch {
    /// The path and the body of its request.
    fn request(&self) -> (String, Vec<u8>) {
        match self.parcels.first().map(|parcel| &parcel.content) {
            Some(Content::Track { path }) => (path.clone().into_owned(), self.first_bytes()),
            Some(Content::Log { .. }) => (LOG_REQUEST_PATH.to_owned(), self.first_bytes()),
            Some(Content::Span { .. }) | None => {
                let spans = self.parcels.iter().map(|parcel| parcel.bytes.as_slice());
                (SPANS_BULK.to_owned(), encode::spans_bulk(spans))
            }
        }
    }

    fn first_bytes(&self) -> Vec<u8> {
        self.parcels.first().map(|parcel| parcel.bytes.clone()).unwrap_or_default()
    }

    fn is_tracking(&self) -> bool {
        matches!(self.parcels.first().map(|parcel| &parcel.content), Some(Content::Track { .. }))
    }

    fn is_stored(&self) -> bool {
        self.parcels.iter().any(|parcel| parcel.stored.is_some())
    }

    /// Whether a trace tells what of it arrived.
    fn can_be_read_back(&self) -> bool {
        self.parcels.iter().all(|parcel| parcel.place().is_some())
    }
}

impl Parcel {
    /// The span's place in the traces, where it is sent as one.
    fn place(&self) -> Option<(TraceId, SpanId)> {
        match self.content {
            Content::Span { trace_id, span_id, .. } => Some((trace_id, span_id)),
            Content::Log { .. } | Content::Track { .. } => None,
        }
    }
}
