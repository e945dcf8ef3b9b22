//! The statistics and the model calls as metrics, for monitoring systems.

#[cfg(feature = "metrics")]
pub(crate) mod calls;
#[cfg(not(feature = "metrics"))]
#[path = "no_calls.rs"]
pub(crate) mod calls;
#[cfg(feature = "metrics")]
pub(crate) mod observed;
mod prometheus;
pub(crate) mod table;
