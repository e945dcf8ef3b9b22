//! The list of the calls that have not ended, so that they can be sent as unfinished.
//!
//! A call is listed only if the layer's `open_calls` asks for it. The number of calls and the size of their inputs are
//! limited. A call beyond the limits is sent when it ends, like any other, but not before.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use promptlayer_blueprint::SpanId;

use crate::fork;
use crate::span::finished::{FinishedSpan, Place};

/// The maximum number of listed calls.
const MAX_CALLS: usize = 8_192;
/// The maximum size of their inputs, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// A call that has not ended.
pub(crate) trait OpenCall: fmt::Debug + Send + Sync {
    fn place(&self) -> Place;

    /// Returns the outermost span of the trace in this process, if the trace is not sampled and may be kept.
    fn local_root(&self) -> Option<SpanId>;

    /// Returns the call so far. Returns `None` if it has not begun, if it has ended, or if it has not changed since the
    /// last time.
    fn unfinished(&self) -> Option<Unfinished>;

    /// Frees what only an unfinished span needs, because the call has ended.
    fn has_ended(&self);
}

/// A call so far.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) span: Box<FinishedSpan>,
    /// `true` if the call will make a request log, as far as is known.
    pub(crate) calls_model: bool,
}

/// The calls that have not ended.
pub(crate) struct OpenCalls {
    state: Mutex<State>,
    /// The process that created it. In a forked process the lock may be held forever.
    process: u32,
}

#[derive(Default)]
struct State {
    calls: HashMap<SpanId, Listed>,
    bytes: usize,
}

struct Listed {
    call: Weak<dyn OpenCall>,
    /// The size of its input.
    bytes: usize,
}

/// What is kept of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    None,
    /// There is no room for its input.
    WithoutInput,
    WithInput,
}

impl Default for OpenCalls {
    fn default() -> Self {
        fork::watch();
        Self { state: Mutex::default(), process: fork::generation() }
    }
}

impl fmt::Debug for OpenCalls {
    /// Prints none of the recorded content.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OpenCalls").finish_non_exhaustive()
    }
}

impl OpenCalls {
    /// Lists a call whose input has this size, or changes the size of a listed one. Returns what there is room for.
    pub(crate) fn list(&self, id: SpanId, call: Weak<dyn OpenCall>, bytes: usize) -> Room {
        let Some(mut state) = self.lock() else { return Room::None };
        let before = state.calls.get(&id).map(|listed| listed.bytes);
        if before.is_none() && state.calls.len() >= MAX_CALLS {
            return Room::None;
        }
        state.bytes -= before.unwrap_or_default();
        let has_room = bytes <= MAX_BYTES - state.bytes;
        let bytes = if has_room { bytes } else { 0 };
        state.bytes += bytes;
        state.calls.insert(id, Listed { call, bytes });
        if has_room { Room::WithInput } else { Room::WithoutInput }
    }

    /// Removes a call that has ended.
    pub(crate) fn remove(&self, id: SpanId) {
        let removed = {
            let Some(mut state) = self.lock() else { return };
            let removed = state.calls.remove(&id);
            state.bytes -= removed.as_ref().map_or(0, |listed| listed.bytes);
            removed
        };
        if let Some(call) = removed.and_then(|listed| listed.call.upgrade()) {
            call.has_ended();
        }
    }

    /// Returns `true` if the call is listed.
    pub(crate) fn holds(&self, id: SpanId) -> bool {
        self.lock().is_some_and(|state| state.calls.contains_key(&id))
    }

    /// Returns all listed calls.
    pub(crate) fn all(&self) -> Vec<Arc<dyn OpenCall>> {
        let Some(state) = self.lock() else { return Vec::new() };
        state.calls.values().filter_map(|listed| listed.call.upgrade()).collect()
    }

    /// Locks the list. Returns `None` in a forked process, where no call is listed.
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        let is_forked = self.process != fork::generation();
        (!is_forked).then(|| self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[derive(Debug)]
    struct Call;

    impl OpenCall for Call {
        fn place(&self) -> Place {
            Place::root(random::trace_id(), random::span_id(), true)
        }

        fn local_root(&self) -> Option<SpanId> {
            None
        }

        fn unfinished(&self) -> Option<Unfinished> {
            None
        }

        fn has_ended(&self) {}
    }

    #[test]
    fn number_of_calls_and_size_of_inputs_are_limited() {
        let (open_calls, call) = (OpenCalls::default(), Arc::new(Call));
        let list = |id, bytes| open_calls.list(id, Arc::downgrade(&call) as _, bytes);
        let [first, second] = [random::span_id(), random::span_id()];
        assert_eq!(list(first, MAX_BYTES), Room::WithInput);
        assert_eq!(list(second, 1), Room::WithoutInput);
        assert_eq!(list(first, MAX_BYTES - 1), Room::WithInput, "it is replaced");
        assert_eq!(list(second, 1), Room::WithInput);
        open_calls.remove(first);
        assert!(!open_calls.holds(first) && open_calls.holds(second));
        for _ in 1..MAX_CALLS {
            assert_eq!(list(random::span_id(), 0), Room::WithInput);
        }
        assert_eq!((list(first, 0), list(second, 0)), (Room::None, Room::WithInput));
        assert_eq!(open_calls.all().len(), MAX_CALLS);
        drop(call);
        assert!(open_calls.all().is_empty(), "calls that are gone are not returned");
    }
}
