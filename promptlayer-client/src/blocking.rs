//! Calls from code that is not async.
//!
//! [`Wait`] adds `wait()` to everything that can be awaited in this crate. It works on any thread: with and without a
//! tokio runtime, also on the only thread of one. The call itself runs on a thread `pl-blocking` of this crate, which
//! starts with the first call and has its own connections. A program that forks can wait in both processes.
//!
//! ```no_run
//! use promptlayer_client::Client;
//! use promptlayer_client::blocking::Wait;
//!
//! # fn example() -> Result<(), promptlayer_client::Error> {
//! let client = Client::from_env()?;
//! let template = client.templates().get("greeting").label("prod").wait()?;
//! for listed in client.templates().list().pages().wait() {
//!     println!("{}", listed?.name);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! In a runtime, `.await` is better: a thread that waits serves no other task of the runtime.

use std::cell::Cell;
use std::process;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Handle};

use crate::{Error, Pages, Repr};

/// Waits for a call on the current thread. The [module](self) has an example.
pub trait Wait: Sized {
    /// The result.
    type Output;

    /// Sends the call and waits for its result.
    ///
    /// # Errors
    ///
    /// Returns the error of the call. Returns an error of the kind [`NoRuntime`](crate::ErrorKind::NoRuntime) if the
    /// thread of this crate cannot be started, or if this is called on it, which only a call inside a call can do.
    fn wait(self) -> Self::Output;
}

impl<C, T> Wait for C
where
    C: IntoFuture<Output = Result<T, Error>>,
    C::IntoFuture: Send + 'static,
    T: Send + 'static,
{
    type Output = Result<T, Error>;

    fn wait(self) -> Result<T, Error> {
        run(self.into_future())
    }
}

/// The items of a list, for code that is not async. [`Pages`] become one with [`Wait::wait`].
#[derive(Debug)]
#[must_use = "a list is requested when this is read"]
pub struct WaitingPages<T>(Option<Pages<T>>);

impl<T: Send + 'static> Pages<T> {
    /// Returns an iterator that waits on the current thread for each page. After an error, there are no more items.
    pub fn wait(self) -> WaitingPages<T> {
        WaitingPages(Some(self))
    }
}

impl<T: Send + 'static> Iterator for WaitingPages<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut pages = self.0.take()?;
        if let Some(item) = pages.read_ahead() {
            self.0 = Some(pages);
            return Some(Ok(item));
        }
        let read = run(async move {
            let item = pages.next().await.transpose()?;
            Ok(item.map(|item| (item, pages)))
        });
        match read {
            Ok(Some((item, pages))) => {
                self.0 = Some(pages);
                Some(Ok(item))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

thread_local! {
    static ON_BLOCKING_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// Returns `true` on the thread that runs the calls of this module.
pub(crate) fn on_blocking_thread() -> bool {
    ON_BLOCKING_THREAD.get()
}

/// The runtime of the thread, and the process in which it runs. A fork does not have it.
static RUNTIME: Mutex<Option<(u32, Handle)>> = Mutex::new(None);

/// Runs a future on the thread of this module and waits for it.
fn run<T: Send + 'static>(
    future: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    if on_blocking_thread() {
        return Err(cannot_wait("it is inside another call that is waited for; await it there"));
    }
    let (done, result) = sync_channel(1);
    handle()?.spawn(async move {
        // Nobody waits if the thread was ended from outside.
        let _ = done.send(future.await);
    });
    // The other end goes without a result only if the future panicked, which calls of this crate do not.
    result.recv().unwrap_or_else(|_| Err(cannot_wait("the call ended without a result")))
}

fn cannot_wait(reason: &'static str) -> Error {
    Repr::CannotWait { reason }.into()
}

/// Returns the runtime, and starts its thread if there is none in this process.
fn handle() -> Result<Handle, Error> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((process, handle)) = &*runtime
        && *process == process::id()
    {
        return Ok(handle.clone());
    }
    let (started, handle) = sync_channel(1);
    let begun = thread::Builder::new().name("pl-blocking".to_owned()).spawn(move || {
        ON_BLOCKING_THREAD.set(true);
        let Ok(built) = Builder::new_current_thread().enable_all().build() else { return };
        if started.send(built.handle().clone()).is_ok() {
            built.block_on(std::future::pending::<()>());
        }
    });
    let handle = begun
        .ok()
        .and_then(|_| handle.recv().ok())
        .ok_or_else(|| cannot_wait("the thread `pl-blocking` cannot be started"))?;
    *runtime = Some((process::id(), handle.clone()));
    Ok(handle)
}
