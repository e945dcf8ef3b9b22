//! The rooms of the pipeline that need more than one of its files.

mod outcomes;
mod queue;
mod service;
