//! The traits by which clients let the middleware in, one file per crate.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "reqwest-middleware")]
mod reqwest;
#[cfg(feature = "tower")]
pub(super) mod tower;
