//! The rooms of the pipeline that need more than one of its files.

mod line;
mod outcomes;
mod proven;
mod queue;
mod refused;
mod service;
mod spooled;
mod times;
