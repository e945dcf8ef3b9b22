//! Selects how an error is captured by its type alone, without a value.
//!
//! The steps are those of [`capture`](super). The references are constants here, so they cost the compiler less
//! than references in the code of every annotated function.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use crate::capture::{
    BoxOfError, ErrorByBox, ErrorByBoxed, ErrorByBoxedLocal, ErrorByChain, ErrorByDebug, ErrorByDisplay,
    ErrorByType, Failure, Probe,
};

/// The type of a value, without the value.
#[derive(Debug)]
pub struct Of<T: ?Sized>(pub(crate) PhantomData<*const T>);

/// The first step of the method resolution for an error.
pub type OfError<'a, E> = &'a &'a &'a &'a &'a &'a &'a Of<E>;

/// Returns the type of an error.
#[inline]
pub fn of_error<E: ?Sized>(_: &E) -> OfError<'_, E> {
    &&&&&&&Of::<E>(PhantomData)
}

/// Selects the function that captures the error. `Step` keeps the implementations apart.
pub trait FailureOf<Step, E: ?Sized> {
    #[doc(hidden)]
    fn __promptlayer_failure(&self) -> fn(&E) -> Failure;
}

macro_rules! steps {
    ($($probe:ident as $step:ident($($reference:tt)*) $(where $bound:path)?;)*) => {$(
        #[doc(hidden)]
        #[derive(Debug)]
        pub enum $step {}

        impl<E: ?Sized $(+ $bound)?> FailureOf<$step, E> for steps!(@type $($reference)* Of<E>) {
            fn __promptlayer_failure(&self) -> fn(&E) -> Failure {
                |error| $probe::__promptlayer_error(&steps!(@value $($reference)* Probe(error)))
            }
        }
    )*};
    (@type $($type:tt)*) => { $($type)* };
    (@value $($value:tt)*) => { $($value)* };
}

steps! {
    ErrorByChain as ByChain(&&&&&&) where Error;
    ErrorByBox as ByBox(&&&&&) where BoxOfError;
    ErrorByBoxed as ByBoxed(&&&&) where AsRef<dyn Error + Send + Sync + 'static>;
    ErrorByBoxedLocal as ByBoxedLocal(&&&) where AsRef<dyn Error + 'static>;
    ErrorByDisplay as ByDisplay(&&) where Display;
    ErrorByDebug as ByDebug(&) where Debug;
    ErrorByType as ByType();
}
