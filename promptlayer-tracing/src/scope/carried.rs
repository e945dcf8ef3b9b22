//! What a scope carries, and the scope of each thread.

use std::any::Any;
use std::cell::RefCell;
use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::error::Error;
use crate::hooks::subscription::Subscription;
use crate::propagation::remote::Remote;
use crate::span::finished::Inherited;

/// The number of layers that exist.
static LAYERS: AtomicUsize = AtomicUsize::new(0);

std::thread_local! {
    /// The innermost scope in which this thread runs.
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// A scope in which a thread runs.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) scope: Arc<Carried>,
    /// The record of the recorded span in which the scope was entered, if the scope continues a trace.
    pub(crate) around: Option<Arc<dyn Any + Send + Sync>>,
}

impl Current {
    /// Returns `true` if the scope was entered directly in the span of this record.
    pub(crate) fn is_entered_in<T>(&self, record: &Arc<T>) -> bool {
        self.around.as_ref().is_some_and(|around| Arc::as_ptr(around).addr() == Arc::as_ptr(record).addr())
    }
}

/// What the spans inside a scope inherit from it.
#[derive(Debug)]
pub(crate) struct Carried {
    /// The scope around this one. What it carries is part of `inherited`.
    pub(crate) outer: Option<Arc<Self>>,
    pub(crate) inherited: Inherited,
    /// Those who wait for the ids of the calls inside, those of the scopes around included.
    pub(crate) followers: Vec<Weak<Subscription>>,
    /// The trace that spans inside continue: that of this scope, or of a scope around it.
    pub(crate) remote: Option<Arc<Remote>>,
    /// The first value that was left out because it is invalid, until a layer reports it.
    pub(crate) refused: Mutex<Option<Error>>,
}

impl Carried {
    /// Returns the innermost scope in which this thread runs.
    pub(crate) fn current() -> Option<Current> {
        // It fails while the thread ends.
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// Enters a scope on this thread, and returns the one before.
    pub(crate) fn replace(scope: Option<Current>) -> Option<Current> {
        // A scope that is dropped here runs no code of the user: the errors in it are those of this crate.
        CURRENT.try_with(|current| current.replace(scope)).ok().flatten()
    }

    /// Returns `true` if `inner` is this scope, or is nested in it.
    pub(crate) fn holds(&self, inner: &Arc<Self>) -> bool {
        iter::successors(Some(inner), |scope| scope.outer.as_ref())
            .any(|scope| std::ptr::eq(Arc::as_ptr(scope), self))
    }

    /// Returns the data that spans inside the scope inherit, if they inherit `around` without it.
    pub(crate) fn add_to(&self, around: &Inherited) -> Inherited {
        let mut inherited = around.clone();
        inherited.add(&self.inherited);
        inherited
    }

    /// Returns the error of a value that was left out, once.
    pub(crate) fn take_refused(&self) -> Option<Error> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Counts a layer as long as it exists. Without a layer, nothing would read what a scope carries.
#[derive(Debug)]
pub(crate) struct LayerExists(());

impl LayerExists {
    pub(crate) fn new() -> Self {
        LAYERS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }

    /// Returns `true` if there is a layer in this process.
    pub(crate) fn any() -> bool {
        LAYERS.load(Ordering::Relaxed) > 0
    }
}

impl Drop for LayerExists {
    fn drop(&mut self) {
        LAYERS.fetch_sub(1, Ordering::Relaxed);
    }
}
