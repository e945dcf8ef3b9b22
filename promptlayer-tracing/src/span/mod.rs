//! The plain data of a span: the input and output of a call, and a span that has ended.

#[cfg(feature = "export")]
pub(crate) mod finished;
pub(crate) mod input_output;
