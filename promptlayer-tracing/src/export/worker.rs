//! The export thread: takes batches out of the queue and the spool, and has them delivered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::sync_channel;
use std::{io, thread};

use promptlayer_client::Client;
use promptlayer_client::exporter::Http;
use tokio::runtime;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::Dispatch;

use crate::error::{Error, Repr};
use crate::export::batch::batcher::Batcher;
use crate::export::batch::item::Batch;
use crate::export::delivery::retry::RetryPolicy;
use crate::export::delivery::transport::Transport;
use crate::export::delivery::{Deliverer, SendSlot};
use crate::export::encode::encoder::Encoder;
use crate::export::pipeline::{Pipeline, Queued};
use crate::export::queue::Held;
use crate::export::queue::ledger::DropReason;
use crate::export::shutdown::{Home, Stop};
use crate::export::silence::Silence;
use crate::export::spool::disk::RecordKind;
use crate::export::spool::store::Store;
use crate::hooks::{self, Hooks};

/// The name of the export thread.
const THREAD: &str = "pl-export";

/// The settings for sending.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) client: Client,
    pub(crate) retry: RetryPolicy,
    pub(crate) encoder: Arc<Encoder>,
}

/// Starts the threads of the pipeline.
pub(crate) fn start(pipeline: &Arc<Pipeline>, settings: Settings, hooks: Hooks) -> Result<Home, Error> {
    let failed = |source| Error::from(Repr::ThreadStart { name: THREAD, source });
    let client = settings.client.with_own_connections()?;
    // Hooks need their own connections: they run while the runtime of this thread, or of the application, may
    // be blocked.
    let hook_client = settings.client.with_own_connections()?;
    let hooks = hooks::start(hooks, Arc::clone(&pipeline.hooks), Arc::clone(&pipeline.progress))?;
    let (stop, told) = watch::channel(Stop::default());
    let deliverer = Deliverer::new(
        client.http().clone(),
        &client,
        hook_client,
        Arc::clone(pipeline),
        hooks,
        settings.retry,
        told.clone(),
    );
    if let Some(error) = pipeline.store.as_ref().and_then(Store::trouble) {
        deliverer.report(error);
    }
    let worker = Worker::new(Arc::new(deliverer), settings.encoder, told);
    let (begun, begins) = sync_channel(1);
    let run = move || {
        // On every exit from here on, this guard tells the waiting threads that the thread has ended.
        let _ending = Ending(Arc::clone(&worker.deliverer.pipeline));
        // Build the runtime on this thread: a runtime that is dropped inside another one panics.
        let runtime = match runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_start(crate::export::silence::silence_thread)
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => return drop(begun.send(Err(error))),
        };
        crate::export::silence::silence_thread();
        // The HTTP client's own events must not reach the subscriber whose spans these requests deliver.
        tracing::dispatcher::with_default(&Dispatch::new(Silence), move || {
            worker.run_on(&runtime, move || drop(begun.send(Ok(()))));
            // Closing the connections emits events too, so this runs inside the silent dispatcher. It does
            // not wait for a name resolution that is in progress.
            runtime.shutdown_background();
        });
    };
    thread::Builder::new().name(THREAD.to_owned()).spawn(run).map_err(failed)?;
    begins.recv().unwrap_or_else(|_| Err(io::Error::other("it ended at once"))).map_err(failed)?;
    Ok(Home { pipeline: Arc::clone(pipeline), stop })
}

/// Counts what is left and releases all waiting threads, however the thread ends.
struct Ending(Arc<Pipeline>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.queue.close();
        self.0.queue.drop_waiting(DropReason::Closed);
        self.0.progress.update(|state| state.sender_gone = true);
    }
}

/// The worker: the loop of the export thread.
pub(crate) struct Worker<T> {
    deliverer: Arc<Deliverer<T>>,
    batcher: Batcher,
    encoder: Arc<Encoder>,
    stop: watch::Receiver<Stop>,
    /// The deliveries in flight. Each returns the parts of its batch that are to be sent on their own.
    in_flight: JoinSet<Vec<Batch>>,
    slots: SendSlots,
}

/// The maximum number of tracking calls in flight. Each one is a small request of its own.
const TRACKING: usize = 4;

/// The free slots for batches that are sent for the first time. A batch that takes longer leaves its slot.
struct SendSlots {
    /// For batches of spans that were never on disk.
    memory: Arc<Semaphore>,
    /// For batches that this run wrote to disk.
    stored: Arc<Semaphore>,
    /// For batches that an earlier run left on disk. New spans do not wait for them.
    backlog: Arc<Semaphore>,
    tracking: Arc<Semaphore>,
}

impl Worker<Http> {
    /// Runs until shutdown. A panic, which is a bug in this crate, loses the batch in progress and counts it.
    /// The pipeline continues.
    fn run_on(mut self, runtime: &runtime::Runtime, begun: impl FnOnce()) {
        // First send what an earlier run left. No item of this run exists before `begun` is called.
        let filled = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { self.fill() })));
        self.deliverer.pipeline.counters.panics.fetch_add(filled.is_err().into(), SeqCst);
        begun();
        while catch_unwind(AssertUnwindSafe(|| runtime.block_on(self.run()))).is_err() {
            self.deliverer.pipeline.counters.panics.fetch_add(1, SeqCst);
        }
    }
}

impl<T: Transport> Worker<T> {
    pub(crate) fn new(
        deliverer: Arc<Deliverer<T>>,
        encoder: Arc<Encoder>,
        stop: watch::Receiver<Stop>,
    ) -> Self {
        let batcher = Batcher::new(Arc::clone(&deliverer.pipeline), Arc::clone(&encoder));
        let slot = |batches| Arc::new(Semaphore::new(batches));
        let in_flight = encoder.batch.requests_in_flight(&encoder.format);
        // In write-ahead mode, the stored batches are the new ones.
        let stored = if batcher.writes_ahead() { in_flight } else { 1 };
        let slots = SendSlots {
            memory: slot(in_flight),
            stored: slot(stored),
            backlog: slot(1),
            tracking: slot(TRACKING),
        };
        Self { deliverer, batcher, encoder, stop, in_flight: JoinSet::new(), slots }
    }

    /// Runs until shutdown is requested and everything is settled.
    pub(crate) async fn run(&mut self) {
        loop {
            // Read this first, so that everything that was queued before the shutdown is sent.
            let finish = self.stop.borrow_and_update().finish;
            self.deliverer.pipeline.send_open_calls_if_asked();
            self.fill();
            if finish && self.in_flight.is_empty() {
                self.deliverer.pipeline.sync_store(|error| self.deliverer.report(error));
                return;
            }
            if !self.prepare_to_wait() {
                continue;
            }
            tokio::select! {
                () = self.deliverer.pipeline.wake.notified() => {}
                () = sleep(self.deliverer.pipeline.open_calls.pause(self.encoder.batch.interval)) => {}
                told = self.stop.changed() => if told.is_err() { return },
                Some(ended) = self.in_flight.join_next() => self.ended(ended),
            }
        }
    }

    /// Tells the calling threads whether a full batch is to wake this thread. Returns `false` if there is one already.
    fn prepare_to_wait(&self) -> bool {
        let Pipeline { queue, waits_for_batch, .. } = &*self.deliverer.pipeline;
        if self.batcher.writes_ahead() {
            // A full batch always wakes this thread, which writes it to disk even if it cannot be sent.
            return true;
        }
        let is_waiting = self.slots.memory.available_permits() > 0;
        waits_for_batch.store(is_waiting, SeqCst);
        // A thread that filled the batch before the store has not woken this one.
        let Held { waiting, bytes } = queue.held();
        let limits = self.encoder.batch;
        let is_full = waiting >= limits.spans || (waiting > 0 && bytes >= limits.bytes);
        !(is_waiting && is_full)
    }

    /// Starts as many deliveries as there are free slots, and writes to disk what should not wait in memory.
    fn fill(&mut self) {
        let deliverer = Arc::clone(&self.deliverer);
        let report = |error| deliverer.report(error);
        deliverer.pipeline.drop_follow_ups(false);
        if let Some(calls) = &self.encoder.calls {
            calls.record_waiting(&deliverer.pipeline.counters.unmeasured);
        }
        if self.is_over() || deliverer.is_leaving_rest_on_disk() {
            self.batcher.give_up(DropReason::Deadline, &report);
            deliverer.pipeline.leave_stored();
            return;
        }
        if self.should_spill() {
            self.batcher.spill(&report);
        }
        while let Ok(permit) = Arc::clone(&self.slots.memory).try_acquire_owned()
            && let Some(batch) = self.batcher.next(&report)
        {
            self.send(batch, SendSlot::new(permit));
        }
        while let Ok(permit) = Arc::clone(&self.slots.tracking).try_acquire_owned()
            && let Some(batch) = self.next_tracking(&report)
        {
            self.send(batch, SendSlot::new(permit));
        }
        for (slot, is_adopted) in [(&self.slots.stored, false), (&self.slots.backlog, true)] {
            while let Ok(permit) = Arc::clone(slot).try_acquire_owned()
                && let Some(batch) = deliverer.pipeline.next_stored(RecordKind::Span, is_adopted, &report)
            {
                self.in_flight.spawn(Arc::clone(&deliverer).deliver(batch, SendSlot::new(permit)));
            }
        }
    }

    fn next_tracking(&mut self, report: &impl Fn(Error)) -> Option<Batch> {
        let pipeline = Arc::clone(&self.deliverer.pipeline);
        let stored = |is_adopted| pipeline.next_stored(RecordKind::Track, is_adopted, report);
        self.batcher.next_tracking().or_else(|| stored(false)).or_else(|| stored(true))
    }

    /// Starts the delivery of a batch.
    fn send(&mut self, batch: Batch, slot: SendSlot) {
        self.in_flight.spawn(Arc::clone(&self.deliverer).deliver(batch, slot));
    }

    /// Returns `true` if the waiting items are to be written to disk.
    ///
    /// This is the case in write-ahead mode, at shutdown, when the queue is half full, and when requests fail
    /// and the oldest item has reached its maximum age.
    fn should_spill(&self) -> bool {
        let Pipeline { queue, store: Some(_), .. } = &*self.deliverer.pipeline else { return false };
        let is_old = |queued: &Queued| queued.accepted_at.elapsed() >= self.deliverer.retry.max_age;
        self.batcher.writes_ahead()
            || self.stop.borrow().deadline.is_some()
            || queue.is_half_full()
            || (self.deliverer.gate.is_failing() && queue.oldest(is_old) == Some(true))
    }

    /// Starts the delivery of the parts of a batch.
    fn ended(&mut self, ended: Result<Vec<Batch>, tokio::task::JoinError>) {
        match ended {
            Ok(parts) => parts.into_iter().for_each(|part| self.send(part, SendSlot::left())),
            Err(_panic) => {
                self.deliverer.pipeline.counters.panics.fetch_add(1, SeqCst);
            }
        }
    }

    /// Returns `true` if the shutdown deadline has passed.
    fn is_over(&self) -> bool {
        self.stop.borrow().deadline.is_some_and(|deadline| Instant::now() >= deadline.into())
    }
}
