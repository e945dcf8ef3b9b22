//! The export thread: takes batches out of the queue and out of the spool, and has them delivered.

use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::Dispatch;

use super::courier::{Batch, Courier};
use super::gate::Gate;
use super::guard::Stop;
use super::ledger::DropReason;
use super::packer::{Form, Packer};
use super::silence::Silence;
use super::transport::Transport;
use super::{Guard, Pipeline, RetryPolicy};
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
        reported: Mutex::new(HashSet::new()),
    };
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
        let _ = begun.send(Ok(()));
        super::silence::silence_thread();
        // What the HTTP client says of these requests is not for the subscriber that they serve.
        tracing::dispatcher::with_default(&Dispatch::new(Silence), || worker.run_on(&runtime));
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
    /// The batches that are on their way.
    in_flight: JoinSet<()>,
}

impl Worker<Http> {
    /// Runs to the end. A panic, which is this library's own fault, costs what was in hand, counted, and
    /// not the pipeline.
    fn run_on(mut self, runtime: &runtime::Runtime) {
        while catch_unwind(AssertUnwindSafe(|| runtime.block_on(self.run()))).is_err() {
            self.courier.pipeline.counters.panics.fetch_add(1, SeqCst);
        }
    }
}

impl<T: Transport> Worker<T> {
    pub(crate) fn new(courier: Arc<Courier<T>>, form: Arc<Form>, stop: watch::Receiver<Stop>) -> Self {
        let packer = Packer::new(Arc::clone(&courier.pipeline), Arc::clone(&form));
        Self { courier, packer, form, stop, in_flight: JoinSet::new() }
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
            let has_room = self.in_flight.len() < self.form.batch.in_flight;
            tokio::select! {
                () = self.courier.pipeline.wake.notified(), if has_room => {}
                () = sleep(self.form.batch.interval), if has_room => {}
                told = self.stop.changed() => if told.is_err() { return },
                Some(ended) = self.in_flight.join_next() => self.ended(&ended),
            }
        }
    }

    /// Sends as many batches on their way as may be on it.
    fn fill(&mut self) {
        if self.is_over() {
            let courier = Arc::clone(&self.courier);
            return self.packer.give_up(DropReason::Deadline, &|error| courier.report(error));
        }
        while self.in_flight.len() < self.form.batch.in_flight {
            let Some(batch) = self.next() else { break };
            self.in_flight.spawn(Arc::clone(&self.courier).deliver(batch));
        }
    }

    /// What is new goes before what is on disk; where everything goes by the disk, there is nothing new.
    fn next(&mut self) -> Option<Batch> {
        let courier = Arc::clone(&self.courier);
        self.packer.next(&|error| courier.report(error)).or_else(|| {
            let limits = self.form.batch;
            courier.pipeline.next_stored(limits.spans, limits.bytes)
        })
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
