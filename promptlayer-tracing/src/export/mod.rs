//! Exports finished spans to PromptLayer and passes the request ids to the hooks.
//!
//! ```text
//! calling threads ── intake ──> queue ──> packer ──> delivery ──> POST /spans-bulk
//!                       │                   │ ↑          │  the response: ids, rejections
//!                       └── synchronous ──> spool        ├──> ledger: the outcome of each item
//!                                           (disk)       └──> hooks (thread pl-hooks)
//! ```
//!
//! The worker runs on the thread `pl-export`. It drives the packer, which builds batches of finished spans,
//! and the delivery, which sends them. One lock guards both the queue and the ledger.

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
