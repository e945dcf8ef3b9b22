//! Pipeline tests that need several of its modules.

mod line;
mod outcomes;
mod proven;
mod queue;
mod refused;
mod service;
mod spooled;
mod times;
mod waking;
