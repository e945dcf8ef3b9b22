//! The handle of the call that a program is in.

#[cfg(feature = "export")]
mod handle;
#[cfg(not(feature = "export"))]
#[path = "none.rs"]
mod handle;
#[cfg(feature = "export")]
mod with_request_id;

pub use self::handle::{CurrentCall, current};
#[cfg(feature = "export")]
pub use self::with_request_id::with_request_id;
