//! What is known of an annotated function when it is compiled.

use crate::kind::Kind;

#[cfg_attr(not(feature = "export"), allow(dead_code, reason = "its reader is the layer"))]
/// The field that every span of the attribute declares, never records, and its layer looks for.
pub(crate) const MARK: &str = "promptlayer.call";

/// What is known of an annotated function when it is compiled.
#[derive(Debug)]
pub struct CallSite {
    /// The attribute's `kind`; `None` where it has none.
    pub kind: Option<Kind>,
    /// The attribute's `tags`.
    pub tags: &'static [&'static str],
    /// The function's own name.
    pub function: &'static str,
    /// The attribute's `on_request_id`.
    pub on_request_id: Option<OnRequestId>,
}

/// A hook for the requests of one function.
#[cfg(feature = "export")]
pub type OnRequestId = fn(&crate::hook::LoggedRequest);

/// The attribute's `on_request_id`.
#[cfg(feature = "export")]
#[allow(clippy::unnecessary_wraps, reason = "it stands where there may be none")]
pub const fn on_request_id(hook: OnRequestId) -> Option<OnRequestId> {
    Some(hook)
}

/// A hook for the requests of one function: without the feature `export` there are none.
#[cfg(not(feature = "export"))]
#[derive(Debug, Clone, Copy)]
pub enum OnRequestId {}

/// The attribute's `on_request_id`, of which without the feature `export` nothing is left.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "export")]
macro_rules! __promptlayer_hook {
    ($hook:expr) => {
        $crate::__private::on_request_id($hook)
    };
}

/// The attribute's `on_request_id`, of which without the feature `export` nothing is left.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "export"))]
macro_rules! __promptlayer_hook {
    ($hook:expr) => {
        ::core::option::Option::None
    };
}
