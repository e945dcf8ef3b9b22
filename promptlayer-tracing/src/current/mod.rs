//! The handle of the call that a program is in.

#[cfg(feature = "export")]
mod handle;
#[cfg(not(feature = "export"))]
#[path = "none.rs"]
mod handle;

pub use self::handle::{CurrentCall, current};
