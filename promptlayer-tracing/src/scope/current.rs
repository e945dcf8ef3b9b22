//! Enters and leaves scopes.

use std::any::Any;
use std::sync::Arc;

use super::carried::{Carried, Current};
use crate::layer::innermost;

/// A scope, ready to be entered. `None` changes nothing.
#[derive(Debug, Clone)]
pub(crate) struct Handle(pub(super) Option<Arc<Carried>>);

impl Handle {
    /// Returns the scope in which this thread runs.
    pub(crate) fn current() -> Self {
        Self(Carried::current().map(|current| current.scope))
    }

    /// Enters the scope until the returned guard is dropped, also by a panic.
    pub(crate) fn enter(&self) -> Entered {
        let Some(scope) = &self.0 else { return Entered { before: None, is_entered: false } };
        let current = Current { scope: Arc::clone(scope), around: around(scope) };
        Entered { before: Carried::replace(Some(current)), is_entered: true }
    }
}

/// Returns the record of the span around a scope that continues a trace.
fn around(scope: &Carried) -> Option<Arc<dyn Any + Send + Sync>> {
    let remote = scope.remote.as_ref()?;
    match Carried::current() {
        // A scope inside the one that continues the trace begins nothing new.
        Some(Current { scope: outer, around })
            if outer.remote.as_ref().is_some_and(|of_outer| Arc::ptr_eq(of_outer, remote)) =>
        {
            around
        }
        _ => innermost::span().map(|span| -> Arc<dyn Any + Send + Sync> { span }),
    }
}

/// A scope that was entered, until it is dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    before: Option<Current>,
    is_entered: bool,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if self.is_entered {
            Carried::replace(self.before.take());
        }
    }
}
