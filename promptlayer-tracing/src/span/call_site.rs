//! The compile-time data of an annotated function.

use crate::kind::SpanKind;

#[cfg_attr(not(feature = "export"), allow(dead_code, reason = "its reader is the layer"))]
/// The field that marks a span of the attribute. Every such span declares it and none records a value. The
/// layer looks for it.
pub(crate) const MARK: &str = "promptlayer.call";

/// The compile-time data of an annotated function.
#[derive(Debug)]
pub struct CallSite {
    /// The attribute's `kind`, or `None` if it has none.
    pub kind: Option<SpanKind>,
    /// The attribute's `tags`.
    pub tags: &'static [&'static str],
    /// The name of the function.
    pub function: &'static str,
    /// The attribute's `on_request_id`.
    pub on_request_id: Option<OnRequestId>,
}

/// A hook for the requests of one function.
#[cfg(feature = "export")]
pub type OnRequestId = fn(&crate::hooks::LoggedRequest);

/// Converts the attribute's `on_request_id`.
#[cfg(feature = "export")]
#[allow(clippy::unnecessary_wraps, reason = "it stands where there may be none")]
pub const fn on_request_id(hook: OnRequestId) -> Option<OnRequestId> {
    Some(hook)
}

/// A hook for the requests of one function. Without the feature `export` it has no values.
#[cfg(not(feature = "export"))]
#[derive(Debug, Clone, Copy)]
pub enum OnRequestId {}

/// Expands the attribute's `on_request_id`. Without the feature `export` it expands to `None`.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "export")]
macro_rules! __promptlayer_hook {
    ($hook:expr) => {
        $crate::__private::on_request_id($hook)
    };
}

/// Expands the attribute's `on_request_id`. Without the feature `export` it expands to `None`.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "export"))]
macro_rules! __promptlayer_hook {
    ($hook:expr) => {
        ::core::option::Option::None
    };
}
