//! The plain data of a span: its call site, the input and output of a call, and a span that has ended.

pub(crate) mod call_site;
#[cfg(feature = "export")]
pub(crate) mod fields;
#[cfg(feature = "export")]
pub(crate) mod finished;
pub(crate) mod input_output;
