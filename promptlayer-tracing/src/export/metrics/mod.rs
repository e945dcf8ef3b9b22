//! The statistics as metrics, for monitoring systems.

mod prometheus;
pub(crate) mod table;
