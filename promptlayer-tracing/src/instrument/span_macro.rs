//! Opens a span without field values.
//!
//! The macro of `tracing` expands all fields again for each field. A dozen empty fields cost more compile
//! time than the rest of a small function. Here the fields are a list of names, so there is nothing to
//! expand, and one function opens the spans of all annotated functions.

use tracing::callsite::{Callsite as _, DefaultCallsite};
use tracing::field::{Field, Value};
use tracing::{Metadata, Span, dispatcher};

/// The callsite that opens the span of an annotated function.
#[derive(Debug)]
pub struct SpanSite(#[doc(hidden)] pub DefaultCallsite);

impl SpanSite {
    /// Creates a callsite with this metadata. The metadata must refer to this callsite.
    pub const fn new(metadata: &'static Metadata<'static>) -> Self {
        Self(DefaultCallsite::new(metadata))
    }

    /// Opens a span, as `tracing::span!` does if no field has a value.
    #[inline]
    pub fn open(&'static self) -> Span {
        let metadata = self.0.metadata();
        // If the level is disabled, this comparison is the only work, and it is inlined.
        if tracing::level_enabled!(*metadata.level())
            && let Some(span) = self.open_if_enabled()
        {
            return span;
        }
        let disabled = Span::new_disabled(metadata);
        tracing::if_log_enabled! { *metadata.level(), {
            disabled.record_all(&metadata.fields().value_set(NOTHING));
        }}
        disabled
    }

    /// Opens a span whose level is enabled. Returns `None` if no subscriber wants it.
    fn open_if_enabled(&'static self) -> Option<Span> {
        let metadata = self.0.metadata();
        let interest = self.0.interest();
        let is_enabled = !interest.is_never()
            && (interest.is_always() || dispatcher::get_default(|dispatch| dispatch.enabled(metadata)));
        is_enabled.then(|| Span::new(metadata, &metadata.fields().value_set(NOTHING)))
    }
}

/// The values of a span without field values.
const NOTHING: &[(&Field, Option<&dyn Value>); 0] = &[];

/// Opens a span with these fields, none of which has a value.
///
/// Items in a macro are not hygienic, so their names must not collide with names that the user's expressions
/// can refer to.
#[doc(hidden)]
#[macro_export]
macro_rules! __promptlayer_span {
    (target: $target:expr, $level:expr, $name:expr, [$($field:literal),*]) => {{
        static __PROMPTLAYER_SITE: $crate::__private::SpanSite = $crate::__private::SpanSite::new(&__PROMPTLAYER_METADATA);
        static __PROMPTLAYER_METADATA: $crate::__private::tracing::Metadata<'static> =
            $crate::__private::tracing::Metadata::new(
                $name,
                $target,
                $level,
                ::core::option::Option::Some(::core::file!()),
                ::core::option::Option::Some(::core::line!()),
                ::core::option::Option::Some(::core::module_path!()),
                $crate::__private::tracing::field::FieldSet::new(
                    &[$($field),*],
                    $crate::__private::tracing::callsite::Identifier(&__PROMPTLAYER_SITE.0),
                ),
                $crate::__private::tracing::metadata::Kind::SPAN,
            );
        __PROMPTLAYER_SITE.open()
    }};
}
