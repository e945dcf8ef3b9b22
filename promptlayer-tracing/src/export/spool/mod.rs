//! The spool: items that wait on disk until they can be sent.
//!
//! [`disk`] stores records in files, [`store`] is the pipeline's view of them, and [`pipeline`] moves items between the
//! pipeline and the disk.

pub(crate) mod disk;
pub(crate) mod pipeline;
mod settings;
pub(crate) mod store;

pub use self::settings::{SpoolMode, SpoolSettings};
