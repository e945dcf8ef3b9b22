//! The runtime of asynchronous hooks.

use std::sync::mpsc::sync_channel;
use std::{io, thread};

use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

use super::RUNS_HOOKS;
use crate::error::{Error, Repr};

/// The name of the thread that drives the connections of asynchronous hooks.
const IO_THREAD: &str = "pl-hooks-io";

/// The runtime of asynchronous hooks.
///
/// A later hook may reuse a connection that an earlier hook left open. Therefore the runtime's own thread
/// drives the connections, even while no hook is awaited. tokio could start such a thread by itself, but
/// panics if it cannot.
pub(super) struct HookRuntime {
    pub(super) handle: Handle,
    /// Ends the thread when it is dropped.
    _end: oneshot::Sender<()>,
}

impl HookRuntime {
    pub(super) fn start() -> Result<Self, Error> {
        let failed = |source| Error::from(Repr::ThreadStart { name: IO_THREAD, source });
        let (end, ended) = oneshot::channel();
        let (begun, begins) = sync_channel(1);
        // Create the runtime on its own thread. Dropping a runtime inside another one panics.
        let run = move || {
            RUNS_HOOKS.set(true);
            let built = runtime::Builder::new_current_thread()
                .on_thread_start(|| RUNS_HOOKS.set(true))
                .enable_all()
                .build();
            let runtime = match built {
                Ok(runtime) => runtime,
                Err(error) => return drop(begun.send(Err(error))),
            };
            let _ = begun.send(Ok(runtime.handle().clone()));
            // Tasks that hooks spawn run here. Their panics stay inside the tasks. `shutdown_background` does
            // not wait for tasks that hang.
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
        };
        thread::Builder::new().name(IO_THREAD.to_owned()).spawn(run).map_err(failed)?;
        let handle =
            begins.recv().unwrap_or_else(|_| Err(io::Error::other("it ended at once"))).map_err(failed)?;
        Ok(Self { handle, _end: end })
    }
}
