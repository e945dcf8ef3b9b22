//! What the record of an open call keeps, so that the call can be sent before it ends.
//!
//! The call owns its data without a lock. If the layer's `open_calls` asks for it, the record has a copy of what an
//! unfinished span needs.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::capture::type_names::TypeNames;
use crate::span::input_output::Input;

/// A call so far.
#[derive(Debug)]
pub(crate) struct SoFar {
    /// Shared, so that it is not copied while the record is locked.
    pub(crate) input: Option<Arc<Input>>,
    pub(crate) types: TypeNames,
    pub(crate) started: SystemTime,
    pub(crate) started_at: Instant,
    /// `true` while the future of the call was not polled yet.
    pub(crate) is_waiting: bool,
    /// `true` if the call changed after it was sent last.
    pub(crate) is_changed: bool,
}
