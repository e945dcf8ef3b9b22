//! What a function returned: a value, or the value or error of a `Result`.

use std::any::type_name;
use std::convert::Infallible;

use super::Probe;

/// The return value of a function, as success or failure, with the name of the type that the function returns.
#[derive(Debug)]
pub enum Given<'a, T: ?Sized, E: ?Sized = Infallible> {
    /// The `Ok` of a `Result`, or a value that is not a `Result`.
    Value(&'a T, &'static str),
    /// The `Err` of a `Result`.
    Error(&'a E, &'static str),
}

/// The value is a `Result`.
pub trait GivenByResult<'a, T, E> {
    #[doc(hidden)]
    fn __promptlayer_given(&self) -> Given<'a, T, E>;
}

impl<'a, T, E> GivenByResult<'a, T, E> for &Probe<'a, Result<T, E>> {
    fn __promptlayer_given(&self) -> Given<'a, T, E> {
        match self.0 {
            Ok(value) => Given::Value(value, type_name::<Result<T, E>>()),
            Err(error) => Given::Error(error, type_name::<Result<T, E>>()),
        }
    }
}

/// The value is not a `Result`.
pub trait GivenByValue<'a, T: ?Sized> {
    #[doc(hidden)]
    fn __promptlayer_given(&self) -> Given<'a, T>;
}

impl<'a, T: ?Sized> GivenByValue<'a, T> for Probe<'a, T> {
    fn __promptlayer_given(&self) -> Given<'a, T> {
        Given::Value(self.0, type_name::<T>())
    }
}

/// A type that the argument `err` accepts: a `Result`.
#[diagnostic::on_unimplemented(
    message = "`err` is for a function that returns a `Result`, and this one returns `{Self}`",
    note = "remove `err`, or return a `Result`"
)]
pub trait IsResult {
    #[doc(hidden)]
    type Value;
    #[doc(hidden)]
    type Error;
    #[doc(hidden)]
    fn by_reference(&self) -> Result<&Self::Value, &Self::Error>;
}

impl<T, E> IsResult for Result<T, E> {
    type Value = T;
    type Error = E;

    fn by_reference(&self) -> Result<&T, &E> {
        self.as_ref()
    }
}

/// Returns the `Result` by reference.
pub fn as_result<R: IsResult>(result: &R) -> Result<&R::Value, &R::Error> {
    result.by_reference()
}
