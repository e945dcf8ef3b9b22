//! Pipeline tests that need several of its modules.

#[cfg(feature = "otlp")]
mod collector;
#[cfg(feature = "otlp")]
mod exported;
mod line;
mod outcomes;
mod proven;
mod queue;
mod refused;
mod service;
mod spooled;
mod times;
#[cfg(feature = "otlp")]
mod two_homes;
mod waking;
