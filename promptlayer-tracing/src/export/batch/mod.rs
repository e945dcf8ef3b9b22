//! Batches: their limits, the items in them, and the batcher that fills them from the queue.

pub(crate) mod batcher;
pub(crate) mod item;
mod limits;

pub use self::limits::BatchLimits;
