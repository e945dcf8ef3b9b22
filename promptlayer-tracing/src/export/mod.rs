//! The export pipeline: its settings, its guard, and the statistics that account for every item.
//!
//! Finished spans wait in a bounded queue ([`QueueLimits`]). The export thread converts them, sends them in batches
//! ([`BatchLimits`]), retries failed deliveries ([`RetryPolicy`]) and, with a spool ([`SpoolSettings`]), keeps on disk what
//! cannot be delivered. [`Stats`] counts the outcome of every item.
//!
//! Most programs need only the [`ShutdownGuard`]. The settings are passed to the layer's
//! [builder](crate::LayerBuilder):
//!
//! ```
//! use std::time::Duration;
//!
//! use promptlayer_tracing::export::{BatchLimits, QueueLimits, RetryPolicy, SpoolSettings};
//!
//! # let builder =
//! promptlayer_tracing::layer()
//!     .queue(QueueLimits::default().items(20_000))
//!     .batch(BatchLimits::default().interval(Duration::from_millis(200)))
//!     .retry(RetryPolicy::default().max_age(Duration::from_secs(60)))
//!     .spool(SpoolSettings::new("/var/lib/my-service/promptlayer"));
//! ```

// The way of an item:
//
// calling threads ── enqueue ──> queue ──> batcher ──> delivery ──> POST /spans-bulk
//                       │                     │ ↑         │  the response: ids, rejections
//                       └──── synchronous ──> spool       ├──> ledger: the outcome of each item
//                                             (disk)      └──> hooks (thread pl-hooks)
//
// The worker runs on the thread `pl-export`. It drives the batcher, which builds batches of finished spans, and the
// delivery, which sends them.

mod at_exit;
pub(crate) mod batch;
pub(crate) mod delivery;
pub(crate) mod encode;
mod enqueue;
mod guard;
pub(crate) mod metrics;
mod open_call_requests;
mod open_calls;
#[cfg(feature = "otlp")]
mod otlp;
mod pipeline;
pub(crate) mod queue;
mod shutdown;
mod silence;
pub(crate) mod spool;
mod stats;
#[cfg(test)]
mod tests;
#[cfg(feature = "otlp")]
mod two_pipelines;
mod worker;

#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use opentelemetry;

pub use self::batch::BatchLimits;
pub use self::delivery::retry::RetryPolicy;
pub use self::encode::encoder::Wire;
pub(crate) use self::encode::encoder::{Encoder, Format};
#[cfg(feature = "otlp")]
pub(crate) use self::encode::otlp::Encoding;
pub(crate) use self::encode::spans_bulk::Resource;
pub use self::guard::ShutdownGuard;
pub use self::open_calls::OpenCallsTimer;
#[cfg(feature = "otlp")]
#[cfg_attr(docsrs, doc(cfg(feature = "otlp")))]
pub use self::otlp::Otlp;
#[cfg(feature = "otlp")]
pub(crate) use self::otlp::{Connection, Destination, resource_attributes};
pub(crate) use self::pipeline::Pipeline;
pub use self::queue::QueueLimits;
pub use self::queue::ledger::{DropReason, Ledger, Pending, RejectReason};
pub(crate) use self::shutdown::{Home, Homes};
pub(crate) use self::silence::is_silent;
pub(crate) use self::spool::disk::Tally;
pub(crate) use self::spool::store::Store;
pub use self::spool::{SpoolMode, SpoolSettings};
pub use self::stats::{FlushReport, Stats};
#[cfg(feature = "otlp")]
pub(crate) use self::two_pipelines::TwoPipelines;
pub(crate) use self::worker::{Settings, start};
pub use crate::process::keep::KeepPolicy;
