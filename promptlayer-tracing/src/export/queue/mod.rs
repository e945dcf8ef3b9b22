//! The bounded queue between the calling threads and the export thread, and the ledger that counts every item.

mod arrivals;
mod bounded;
pub(crate) mod ledger;
mod sync;

pub use self::bounded::QueueLimits;
pub(crate) use self::bounded::{Class, Held, Queue, Refused, Taken, Weight};
