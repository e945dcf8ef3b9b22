//! The export thread: takes batches out of the queue and out of the spool, and has them delivered.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::Dispatch;

use super::courier::{ASIDE, Courier};
use super::form::Form;
use super::gate::Gate;
use super::guard::{Guard, Stop};
use super::ledger::DropReason;
use super::packer::Packer;
use super::parcel::Batch;
use super::pipeline::{Pipeline, Queued};
use super::retry::RetryPolicy;
use super::silence::Silence;
use super::store::Store;
use super::transport::Transport;
use crate::client::{Client, Error, Http};
use crate::hook::{self, Hooks};

/// The name of the thread.
const THREAD: &str = "pl-export";

/// How the pipeline sends.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) client: Client,
    pub(crate) retry: RetryPolicy,
    pub(crate) form: Arc<Form>,
}

/// Starts the threads of the pipeline.
pub(crate) fn start(pipeline: &Arc<Pipeline>, settings: Settings, hooks: Hooks) -> Result<Guard, Error> {
    let failed = |source| Error::ThreadStart { name: THREAD, source };
    let client = settings.client.with_own_connections()?;
    // Hooks run while this thread's runtime, or the user's, may be blocked.
    let hook_client = settings.client.with_own_connections()?;
    let hooks = hook::start(hooks, Arc::clone(&pipeline.hooks), Arc::clone(&pipeline.progress))?;
    let (stop, told) = watch::channel(Stop::default());
    let courier = Courier {
        transport: client.http().clone(),
        http: client.http().clone(),
        hook_client,
        pipeline: Arc::clone(pipeline),
        hooks,
        retry: settings.retry,
        stop: told.clone(),
        gate: Gate::default(),
        aside: Arc::new(Semaphore::new(ASIDE)),
        reported: Mutex::new(HashSet::new()),
    };
    if let Some(error) = pipeline.store.as_ref().and_then(Store::trouble) {
        courier.report(error);
    }
    let worker = Worker::new(Arc::new(courier), settings.form, told);
    let (begun, begins) = sync_channel(1);
    let run = move || {
        // Whatever happens from here on, who waits for this thread learns that it has ended.
        let _ending = Ending(Arc::clone(&worker.courier.pipeline));
        // Made here: a runtime that is dropped where another runs panics.
        let runtime = match runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_start(super::silence::silence_thread)
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => return drop(begun.send(Err(error))),
        };
        super::silence::silence_thread();
        // What the HTTP client says of these requests is not for the subscriber that they serve.
        tracing::dispatcher::with_default(&Dispatch::new(Silence), move || {
            worker.run_on(&runtime, move || drop(begun.send(Ok(()))));
            // Its connections have a last word, which is not for that subscriber either. A name that is being
            // resolved is not waited for.
            runtime.shutdown_background();
        });
    };
    thread::Builder::new().name(THREAD.to_owned()).spawn(run).map_err(failed)?;
    begins.recv().unwrap_or_else(|_| Err(io::Error::other("it ended at once"))).map_err(failed)?;
    Ok(Guard::new(Arc::clone(pipeline), stop))
}

/// However the thread ends, what is left is counted, and nobody waits for it.
struct Ending(Arc<Pipeline>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.queue.close();
        self.0.queue.drop_waiting(DropReason::Closed);
        self.0.progress.update(|state| state.sender_gone = true);
    }
}

/// The loop of the export thread.
pub(crate) struct Worker<T> {
    courier: Arc<Courier<T>>,
    packer: Packer,
    form: Arc<Form>,
    stop: watch::Receiver<Stop>,
    /// What is on its way.
    in_flight: JoinSet<()>,
    lanes: Lanes,
    /// Tracking calls from disk, which do not hold up the spans behind them.
    tracking: VecDeque<Batch>,
}

/// How many tracking calls from disk may wait in memory while those before them are on their way.
const MOST_TRACKING: usize = 256;
/// How many tracking calls may be on their way at once: each is a request of its own, and small.
const TRACKING: usize = 4;

/// How much more may be on its way. What one lane holds up, for minutes or for days, holds up no other.
struct Lanes {
    /// Batches of spans that were never on disk.
    new: Arc<Semaphore>,
    /// Those that are.
    stored: Arc<Semaphore>,
    tracking: Arc<Semaphore>,
}

impl Worker<Http> {
    /// Runs to the end. A panic, which is this library's own fault, costs what was in hand, counted, and
    /// not the pipeline.
    fn run_on(mut self, runtime: &runtime::Runtime, begun: impl FnOnce()) {
        // What an earlier run left goes first; nothing of this one is there before it is told.
        let filled = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { self.fill() })));
        self.courier.pipeline.counters.panics.fetch_add(filled.is_err().into(), SeqCst);
        begun();
        while catch_unwind(AssertUnwindSafe(|| runtime.block_on(self.run()))).is_err() {
            self.courier.pipeline.counters.panics.fetch_add(1, SeqCst);
        }
    }
}

impl<T: Transport> Worker<T> {
    pub(crate) fn new(courier: Arc<Courier<T>>, form: Arc<Form>, stop: watch::Receiver<Stop>) -> Self {
        let packer = Packer::new(Arc::clone(&courier.pipeline), Arc::clone(&form));
        let lane = |batches| Arc::new(Semaphore::new(batches));
        // Where everything goes by the disk, what is there is what is new.
        let stored = if packer.writes_ahead() { form.batch.in_flight } else { 1 };
        let lanes = Lanes { new: lane(form.batch.in_flight), stored: lane(stored), tracking: lane(TRACKING) };
        Self { courier, packer, form, stop, in_flight: JoinSet::new(), lanes, tracking: VecDeque::new() }
    }

    /// Runs until it is told to finish and all has an end.
    pub(crate) async fn run(&mut self) {
        loop {
            // Read first: what was queued before the end was announced is sent.
            let finish = self.stop.borrow_and_update().finish;
            self.fill();
            if finish && self.in_flight.is_empty() {
                self.courier.pipeline.sync_store(|error| self.courier.report(error));
                return;
            }
            tokio::select! {
                () = self.courier.pipeline.wake.notified() => {}
                () = sleep(self.form.batch.interval) => {}
                told = self.stop.changed() => if told.is_err() { return },
                Some(ended) = self.in_flight.join_next() => self.ended(&ended),
            }
        }
    }

    /// Sends as much on its way as may be on it, and puts on disk what should not wait in memory.
    fn fill(&mut self) {
        let courier = Arc::clone(&self.courier);
        let report = |error| courier.report(error);
        if self.is_over() {
            // What came from disk is there for the next run.
            for batch in self.tracking.drain(..) {
                courier.leave_for_next_run(batch);
            }
            return self.packer.give_up(DropReason::Deadline, &report);
        }
        if self.should_spill() {
            self.packer.spill(&report);
        }
        let limits = self.form.batch;
        while let Ok(permit) = Arc::clone(&self.lanes.new).try_acquire_owned()
            && let Some(batch) = self.packer.next(&report)
        {
            self.send(batch, permit);
        }
        while let Ok(permit) = Arc::clone(&self.lanes.tracking).try_acquire_owned()
            && let Some(batch) = self.tracking.pop_front().or_else(|| self.packer.next_tracking())
        {
            self.send(batch, permit);
        }
        while self.tracking.len() < MOST_TRACKING
            && let Ok(permit) = Arc::clone(&self.lanes.stored).try_acquire_owned()
            && let Some(batch) = courier.pipeline.next_stored(limits.spans, limits.bytes, &report)
        {
            if !batch.is_tracking() {
                self.send(batch, permit);
            } else if let Ok(permit) = Arc::clone(&self.lanes.tracking).try_acquire_owned() {
                self.send(batch, permit);
            } else {
                self.tracking.push_back(batch);
            }
        }
    }

    /// Sends a batch on its way. However that ends, its lane is free then.
    fn send(&mut self, batch: Batch, permit: OwnedSemaphorePermit) {
        let courier = Arc::clone(&self.courier);
        self.in_flight.spawn(courier.deliver(batch, permit));
    }

    /// Whether what waits is to be put on disk: always, where a kill must cost little; when the program ends,
    /// while there is time; or when nothing gets through, and it has waited for long or fills the queue.
    fn should_spill(&self) -> bool {
        let Pipeline { queue, store: Some(_), .. } = &*self.courier.pipeline else { return false };
        let is_old = |queued: &Queued| queued.accepted_at.elapsed() >= self.courier.retry.max_age;
        self.packer.writes_ahead()
            || self.stop.borrow().deadline.is_some()
            || (self.courier.is_failing() && (queue.is_half_full() || queue.oldest(is_old) == Some(true)))
    }

    fn ended(&self, ended: &Result<(), tokio::task::JoinError>) {
        if ended.is_err() {
            self.courier.pipeline.counters.panics.fetch_add(1, SeqCst);
        }
    }

    /// Whether the time that the shutdown gave is over.
    fn is_over(&self) -> bool {
        self.stop.borrow().deadline.is_some_and(|deadline| Instant::now() >= deadline.into())
    }
}
