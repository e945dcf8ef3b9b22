//! What the attribute's generated code calls.
//!
//! [`span_macro`] opens the span of a call site, [`call`] records one call, and [`future`], [`stream`],
//! [`boxed`] and [`boxes`] wrap what an annotated function returns. [`type_probe`] asks the type of a value
//! whether it [`holds`] a stream or a future. Without the feature `export`, [`disabled`] takes the place of the
//! layer's record.

pub(crate) mod boxed;
pub(crate) mod boxes;
pub(crate) mod call;
pub(crate) mod const_tags;
#[cfg(not(feature = "export"))]
pub(crate) mod disabled;
pub(crate) mod future;
pub(crate) mod holds;
pub(crate) mod span_macro;
pub(crate) mod stream;
pub(crate) mod type_probe;
