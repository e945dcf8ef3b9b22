//! The rooms of the pipeline that need more than one of its files.

mod line;
mod outcomes;
mod queue;
mod service;
mod spooled;
