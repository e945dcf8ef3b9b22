//! Enters and leaves scopes.

use std::sync::Arc;

use super::carried::Carried;

/// A scope, ready to be entered. `None` changes nothing.
#[derive(Debug, Clone)]
pub(crate) struct Handle(pub(super) Option<Arc<Carried>>);

impl Handle {
    /// Returns the scope in which this thread runs.
    pub(crate) fn current() -> Self {
        Self(Carried::current())
    }

    /// Enters the scope until the returned guard is dropped, also by a panic.
    pub(crate) fn enter(&self) -> Entered {
        match &self.0 {
            Some(scope) => Entered { before: Carried::replace(Some(Arc::clone(scope))), is_entered: true },
            None => Entered { before: None, is_entered: false },
        }
    }
}

/// A scope that was entered, until it is dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    before: Option<Arc<Carried>>,
    is_entered: bool,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if self.is_entered {
            Carried::replace(self.before.take());
        }
    }
}
