//! Encoding of converted spans and tracking calls as request bodies.

pub(crate) mod content;
pub(crate) mod encoder;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
pub(crate) mod read_id;
pub(crate) mod shrink;
pub(crate) mod spans_bulk;
