//! Opening a span whose fields are all the attribute's own.
//!
//! `tracing`'s macro goes through all fields for each of them, wherever it stands: a dozen that are empty cost the compiler
//! more than the rest of a small function. With the fields as a list there is nothing to go through, and a span that
//! has no value yet is opened in one place for all functions.

use tracing::callsite::{Callsite as _, DefaultCallsite};
use tracing::field::{Field, Value};
use tracing::{Metadata, Span, dispatcher};

/// Where a span of an annotated function is opened.
#[derive(Debug)]
pub struct SpanSite(#[doc(hidden)] pub DefaultCallsite);

impl SpanSite {
    /// The site with this metadata, whose callsite it is.
    pub const fn new(metadata: &'static Metadata<'static>) -> Self {
        Self(DefaultCallsite::new(metadata))
    }

    /// A span of this site, as `tracing::span!` opens it where no field has a value.
    pub fn open(&'static self) -> Span {
        const NOTHING: [(&Field, Option<&dyn Value>); 0] = [];
        let metadata = self.0.metadata();
        let values = metadata.fields().value_set(&NOTHING);
        if tracing::level_enabled!(*metadata.level()) {
            let interest = self.0.interest();
            let is_enabled = !interest.is_never()
                && (interest.is_always() || dispatcher::get_default(|dispatch| dispatch.enabled(metadata)));
            if is_enabled {
                return Span::new(metadata, &values);
            }
        }
        let disabled = Span::new_disabled(metadata);
        tracing::if_log_enabled! { *metadata.level(), {
            disabled.record_all(&values);
        }}
        disabled
    }
}

/// A span with these fields, none of which has a value.
///
/// Items of a macro are not hygienic: what the user's expressions could name by accident must not be among them.
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
