//! From a finished span to the service, and the ids back.
//!
//! ```text
//! threads that call ── intake ──> queue ──> packer ──> courier ──> POST /spans-bulk
//!                         │                   │ ↑         │  the answer: ids, rejections
//!                         └── synchronous ──> spool       ├──> ledger: what became of each
//!                                             (disk)      └──> hooks (thread pl-hooks)
//! ```
//!
//! The worker, on the thread `pl-export`, drives the packer, which makes batches of finished spans, and the
//! courier, which has them delivered. The queue and the ledger are under one lock.

mod batch;
mod content;
mod courier;
mod encode;
mod exit;
mod form;
mod gate;
mod guard;
mod intake;
mod ledger;
mod outcome;
mod packer;
mod parcel;
mod pipeline;
mod queue;
mod reconcile;
mod refusals;
mod retry;
mod shrink;
mod silence;
mod spool;
mod spooling;
mod store;
mod sync;
#[cfg(test)]
mod tests;
mod transport;
mod worker;

pub use self::batch::BatchLimits;
pub(crate) use self::encode::Resource;
pub(crate) use self::form::Form;
pub use self::form::Wire;
pub use self::guard::{Flushed, Guard, Stats};
pub use self::ledger::{DropReason, Ledger, Pending, RejectReason};
pub(crate) use self::pipeline::Pipeline;
pub use self::queue::QueueLimits;
pub use self::retry::RetryPolicy;
pub(crate) use self::silence::is_silent;
pub(crate) use self::spool::Tally;
pub(crate) use self::store::Store;
pub use self::store::{SpoolMode, SpoolSettings};
pub(crate) use self::worker::{Settings, start};
