//! The export thread: takes batches out of the queue, sends them, and reads the answers.

use std::collections::HashSet;
use std::io;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use tokio::runtime;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};
use tracing::Dispatch;

use crate::client::{Client, Error, TrackCall};
use crate::export::batch::{BatchLimits, Batcher, Next};
use crate::export::encode::{self, LogAnswer, Resource, SpansAnswer};
use crate::export::guard::Stop;
use crate::export::ledger::{Counters, DropReason, RejectReason};
use crate::export::outcome::{self, Outcome};
use crate::export::retry::Attempts;
use crate::export::silence::Silence;
use crate::export::{Guard, Pipeline, Wire};
use crate::hook::{self, HookSender, Hooks, Logged, LoggedRequest};
use crate::ids::RequestId;
use crate::record::FinishedSpan;
use crate::sink::{Outgoing, Said};

/// The name of the thread.
const THREAD: &str = "pl-export";
const SPANS_BULK: &str = "/spans-bulk";
const LOG_REQUEST: &str = "/log-request";

/// How the pipeline sends.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) client: Client,
    pub(crate) wire: Wire,
    pub(crate) batch: BatchLimits,
    pub(crate) resource: Resource,
    pub(crate) provider: Option<String>,
}

/// Starts the threads of the pipeline.
pub(crate) fn start(pipeline: &Arc<Pipeline>, settings: Settings, hooks: Hooks) -> Result<Guard, Error> {
    let failed = |source| Error::ThreadStart { name: THREAD, source };
    let client = settings.client.with_own_connections()?;
    // Hooks run while this thread's runtime, or the user's, may be blocked.
    let hook_client = settings.client.with_own_connections()?;
    let hooks = hook::start(hooks, Arc::clone(&pipeline.hooks), Arc::clone(&pipeline.progress))?;
    let (stop, told) = watch::channel(Stop::default());
    let worker = Worker {
        client,
        hook_client,
        pipeline: Arc::clone(pipeline),
        settings,
        hooks,
        stop: told,
        reported: HashSet::new(),
    };
    let (begun, begins) = sync_channel(1);
    let run = move || {
        // Made here: a runtime that is dropped where another runs panics.
        let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(begun.send(Err(error))),
        };
        let _ = begun.send(Ok(()));
        // What the HTTP client says of these requests is not for the subscriber that they serve.
        tracing::dispatcher::with_default(&Dispatch::new(Silence), || runtime.block_on(worker.run()));
    };
    thread::Builder::new().name(THREAD.to_owned()).spawn(run).map_err(failed)?;
    begins.recv().unwrap_or_else(|_| Err(io::Error::other("it ended at once"))).map_err(failed)?;
    Ok(Guard::new(Arc::clone(pipeline), stop))
}

/// What became of a body that was sent, in the end.
enum Sent {
    Taken(Vec<u8>),
    Faulty(RejectReason, Error),
    Rejected(RejectReason),
    Dropped(DropReason),
    Unknown,
}

struct Worker {
    /// With connections of this thread's runtime.
    client: Client,
    /// With connections for the hooks.
    hook_client: Client,
    pipeline: Arc<Pipeline>,
    settings: Settings,
    hooks: HookSender,
    stop: watch::Receiver<Stop>,
    /// The kinds of errors that were reported since the last success.
    reported: HashSet<(Discriminant<Error>, Option<u16>)>,
}

impl Drop for Worker {
    /// However the thread ends, what is left is counted and nobody waits for it.
    fn drop(&mut self) {
        self.pipeline.queue.abandon();
        self.pipeline.drop_queued(DropReason::Closed);
        if thread::panicking() {
            // What was in hand is nowhere any more.
            for counters in [&self.pipeline.spans, &self.pipeline.tracking] {
                counters.lose_sight(counters.read().pending);
            }
        }
        self.pipeline.progress.update(|state| state.sender_gone = true);
    }
}

impl Worker {
    async fn run(mut self) {
        let mut batcher = Batcher::default();
        loop {
            // Read first: what was queued before the end was announced is sent.
            let finish = self.stop.borrow_and_update().finish;
            while let Some(next) = batcher.next(&self.pipeline.queue, self.settings.batch) {
                if self.is_over() {
                    self.give_up(&next);
                    continue;
                }
                match next {
                    Next::Spans(batch) => self.deliver_spans(batch).await,
                    Next::Track(call) => self.deliver_track(call).await,
                }
            }
            if finish {
                return;
            }
            tokio::select! {
                () = self.pipeline.queue.wake.notified() => {}
                () = sleep(self.settings.batch.interval) => {}
                told = self.stop.changed() => if told.is_err() { return },
            }
        }
    }

    /// Whether the time that the shutdown gave is over.
    fn is_over(&self) -> bool {
        self.stop.borrow().deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Counts what is not even tried, and all that waits behind it.
    fn give_up(&self, next: &Next) {
        let (counters, count) = match next {
            Next::Spans(batch) => (&self.pipeline.spans, batch.len() as u64),
            Next::Track(_) => (&self.pipeline.tracking, 1),
        };
        counters.drop(DropReason::Deadline, count);
        self.pipeline.progress.update(|state| state.settled += count);
        self.pipeline.drop_queued(DropReason::Deadline);
    }

    async fn deliver_spans(&mut self, mut batch: Vec<Outgoing>) {
        let count = batch.len() as u64;
        for outgoing in &mut batch {
            if outgoing.said.is_none() {
                outgoing.said = Some(Said::of(&outgoing.span, self.settings.provider.as_deref()));
            }
        }
        match self.settings.wire {
            Wire::SpansBulk => self.send_spans(batch).await,
            Wire::LogRequest => {
                for outgoing in batch {
                    self.send_log(outgoing).await;
                }
            }
        }
        self.pipeline.progress.update(|state| state.settled += count);
    }

    /// Sends a batch; one with a fault in it in halves, until what is faulty stands alone.
    async fn send_spans(&mut self, batch: Vec<Outgoing>) {
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            let count = part.len() as u64;
            let body = match encode::spans_bulk(&part, &self.settings.resource) {
                Ok(body) => body,
                Err(source) => {
                    self.pipeline.spans.reject(RejectReason::Invalid, count);
                    self.report(Error::Encode { what: "the spans", source });
                    continue;
                }
            };
            match self.send(SPANS_BULK, body).await {
                Sent::Taken(answer) => self.spans_taken(&part, &answer),
                Sent::Faulty(..) if part.len() > 1 => {
                    let tail = part.split_off(part.len() / 2);
                    parts.push(tail);
                    parts.push(part);
                }
                sent => self.settle(sent, &Arc::clone(&self.pipeline).spans, count),
            }
        }
    }

    /// The service took these spans: the answer tells their ids, and which of them it refused.
    fn spans_taken(&mut self, part: &[Outgoing], body: &[u8]) {
        let answer = match SpansAnswer::read(body) {
            Ok(answer) => {
                self.reported.clear();
                answer
            }
            Err(source) => {
                self.report(self.client.http().error_of_unreadable(
                    format!("POST {SPANS_BULK}"),
                    body,
                    source,
                ));
                SpansAnswer::default()
            }
        };
        let ids = answer.ids();
        for Outgoing { span, .. } in part {
            let span_id = span.place.span_id.to_string();
            if answer.rejected().contains(&span_id) {
                self.pipeline.spans.reject(RejectReason::TraceClosed, 1);
                continue;
            }
            self.pipeline.spans.deliver(1);
            if span.is_request {
                self.logged(span, ids.get(span_id.as_str()).copied());
            }
        }
    }

    async fn send_log(&mut self, outgoing: Outgoing) {
        let encoded = outgoing.said.as_ref().and_then(|said| said.log.as_deref()).map(serde_json::to_vec);
        let body = match encoded {
            Some(Ok(body)) => body,
            Some(Err(source)) => {
                self.pipeline.spans.reject(RejectReason::Invalid, 1);
                return self.report(Error::Encode { what: "the request", source });
            }
            // A span without request is not for this wire, and the sink keeps it back.
            None => return self.pipeline.spans.reject(RejectReason::Invalid, 1),
        };
        match self.send(LOG_REQUEST, body).await {
            Sent::Taken(answer) => {
                self.pipeline.spans.deliver(1);
                let id = match serde_json::from_slice::<LogAnswer>(&answer) {
                    Ok(answer) => {
                        self.reported.clear();
                        Some(answer.id)
                    }
                    Err(source) => {
                        self.report(self.client.http().error_of_unreadable(
                            format!("POST {LOG_REQUEST}"),
                            &answer,
                            source,
                        ));
                        None
                    }
                };
                self.logged(&outgoing.span, id);
            }
            sent => self.settle(sent, &Arc::clone(&self.pipeline).spans, 1),
        }
    }

    async fn deliver_track(&mut self, call: TrackCall) {
        match self.send(call.path, call.body).await {
            Sent::Taken(answer) => match self.client.http().declined(call.path, &answer) {
                Some(error) => {
                    self.pipeline.tracking.reject(RejectReason::Invalid, 1);
                    self.report(error);
                }
                None => {
                    self.reported.clear();
                    self.pipeline.tracking.deliver(1);
                }
            },
            sent => self.settle(sent, &Arc::clone(&self.pipeline).tracking, 1),
        }
        self.pipeline.progress.update(|state| state.settled += 1);
    }

    /// Hands the id of a request to the hooks.
    fn logged(&self, span: &FinishedSpan, id: Option<RequestId>) {
        match id {
            Some(id) => {
                let request = LoggedRequest::new(Logged {
                    id,
                    trace_id: span.place.trace_id,
                    span_id: span.place.span_id,
                    name: span.function_name(),
                    tags: span.inherited.tags.clone(),
                    metadata: span.inherited.metadata.clone(),
                    client: self.hook_client.clone(),
                    enqueue: Arc::clone(&self.pipeline) as _,
                });
                self.hooks.logged(request, span.on_request_id);
            }
            None => {
                self.pipeline.hooks.missing.fetch_add(1, SeqCst);
            }
        }
    }

    /// Counts what did not arrive.
    fn settle(&mut self, sent: Sent, counters: &Counters, count: u64) {
        match sent {
            Sent::Taken(_) => counters.deliver(count),
            Sent::Faulty(reason, error) => {
                counters.reject(reason, count);
                self.report(error);
            }
            Sent::Rejected(reason) => counters.reject(reason, count),
            Sent::Dropped(reason) => counters.drop(reason, count),
            Sent::Unknown => counters.lose_sight(count),
        }
    }

    /// Sends one body, again where it surely was not processed, until it is too old or the end cuts it.
    async fn send(&mut self, path: &str, body: Vec<u8>) -> Sent {
        let mut attempts = Attempts::begin();
        loop {
            if self.is_over() {
                return Sent::Dropped(DropReason::Deadline);
            }
            let result = tokio::select! {
                result = self.client.http().post_bytes(path, body.clone()) => result,
                () = deadline(&self.stop) => return Sent::Unknown,
            };
            let outcome = outcome::of(&result);
            if let Outcome::Taken(answer) = outcome {
                return Sent::Taken(answer);
            }
            let request = format!("POST {path}");
            let error = match result {
                Ok(answer) => self.client.http().error_of_answer(request, &answer),
                Err(failure) => self.client.http().error_of_failure(request, failure),
            };
            let wait = match outcome {
                Outcome::Faulty(reason) => return Sent::Faulty(reason, error),
                Outcome::Misconfigured(reason) => {
                    self.report(error);
                    return Sent::Rejected(reason);
                }
                Outcome::NotProcessed(wait) => {
                    self.report(error);
                    wait
                }
                Outcome::Ambiguous | Outcome::Taken(_) => {
                    self.report(error);
                    return Sent::Unknown;
                }
            };
            let Some(delay) = attempts.next_delay(wait) else {
                return Sent::Dropped(DropReason::Expired);
            };
            tokio::select! {
                () = sleep(delay) => {}
                () = deadline(&self.stop) => return Sent::Dropped(DropReason::Deadline),
            }
        }
    }

    /// Tells of an error, once of each kind until something succeeds.
    fn report(&mut self, error: Error) {
        if self.reported.insert((discriminant(&error), error.status())) {
            self.hooks.failed(error);
        }
    }
}

/// Ends when the deadline of the shutdown has come; never, as long as there is none.
async fn deadline(stop: &watch::Receiver<Stop>) {
    // A receiver of its own: what it has seen, the worker's loop has not.
    let mut stop = stop.clone();
    loop {
        let deadline = stop.borrow_and_update().deadline;
        if let Some(deadline) = deadline {
            return sleep_until(deadline.into()).await;
        }
        if stop.changed().await.is_err() {
            // Nobody is left to announce an end.
            return std::future::pending().await;
        }
    }
}
