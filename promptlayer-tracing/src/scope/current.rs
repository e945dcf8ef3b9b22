//! Enters and leaves scopes.

use std::any::Any;
use std::sync::Arc;

use super::carried::{Carried, Current};
use crate::layer::innermost;
#[cfg(feature = "tracing-opentelemetry")]
use crate::layer::otel;
use crate::propagation::remote::Remote;

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
        let Some(scope) = &self.0 else { return Entered::default() };
        match &scope.remote {
            Some(remote) => continue_trace(scope, remote),
            None => Entered::scope(Current { scope: Arc::clone(scope), around: None }),
        }
    }
}

/// Enters a scope that continues a trace.
fn continue_trace(scope: &Arc<Carried>, remote: &Arc<Remote>) -> Entered {
    let scope = Arc::clone(scope);
    let is_same =
        |outer: &Current| outer.scope.remote.as_ref().is_some_and(|of_outer| Arc::ptr_eq(of_outer, remote));
    // A scope inside the one that continues the trace begins nothing new.
    if let Some(outer) = Carried::current().filter(is_same) {
        return Entered::scope(Current { scope, around: outer.around });
    }
    let span = innermost::span();
    let around = span.clone().map(|span| -> Arc<dyn Any + Send + Sync> { span });
    let current = Current { scope, around };
    #[cfg(feature = "tracing-opentelemetry")]
    let otel = innermost::continued(&current, span.as_ref()).map(|remote| otel::attach(remote));
    #[cfg_attr(not(feature = "tracing-opentelemetry"), allow(unused_mut, reason = "nothing else is entered"))]
    let mut entered = Entered::scope(current);
    #[cfg(feature = "tracing-opentelemetry")]
    {
        entered.otel = otel;
    }
    entered
}

/// A scope that was entered, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Entered {
    before: Option<Current>,
    is_inside: bool,
    #[cfg(feature = "tracing-opentelemetry")]
    #[allow(dead_code, reason = "it acts when it is dropped")]
    otel: Option<opentelemetry::ContextGuard>,
}

impl Entered {
    fn scope(current: Current) -> Self {
        Self {
            before: Carried::replace(Some(current)),
            is_inside: true,
            #[cfg(feature = "tracing-opentelemetry")]
            otel: None,
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if self.is_inside {
            Carried::replace(self.before.take());
        }
    }
}
