//! Any value to JSON, without asking a bound of the user's types.
//!
//! The attribute's code wraps a reference in [`Probe`] and calls a method on some layers of `&`.
//! Method resolution then picks the first trait whose bound the type meets: the more `&` an
//! implementation has before `Probe`, the earlier it is tried. A type that meets none, or a
//! generic parameter without bounds, ends at the last trait, which asks for nothing.
//!
//! A user's `Serialize`, `Display` or `Debug` may fail or panic. Neither reaches the user's
//! function: what could not be captured is named by its type.

use std::any::type_name;
use std::convert::Infallible;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;

pub use self::evidence::Evidence;

mod evidence;

/// How many sources of an error are followed; a chain may be a ring.
const MAX_SOURCES: usize = 16;

/// One captured value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Captured {
    /// What the value's `Serialize` wrote, as JSON text.
    Json(String),
    /// What the value's `Display`, `Debug` or `AsRef<str>` wrote.
    Text(String),
    /// The value's type: it has no form that may be logged.
    Type(&'static str),
    /// The argument's name says that it is a secret.
    Redacted,
}

impl Captured {
    /// Bytes that the value holds, for the bound of the queue: with the room that its text has and does not use, which
    /// may be as much again.
    #[cfg(feature = "export")]
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Json(text) | Self::Text(text) => text.capacity(),
            Self::Type(_) | Self::Redacted => 0,
        }
    }

    /// Bytes of its text.
    #[cfg(feature = "export")]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(text) | Self::Text(text) => text.len(),
            Self::Type(_) | Self::Redacted => 0,
        }
    }
}

/// What an error said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The error's type, which names the crate that it comes from.
    pub type_name: &'static str,
    /// The error and its sources, outermost first.
    pub chain: Vec<String>,
    /// What its types and fields say.
    pub evidence: Evidence,
}

impl Failure {
    /// An error that says this, and of which nothing else is known.
    pub(crate) fn new(type_name: &'static str, chain: Vec<String>) -> Self {
        Self { type_name, chain, evidence: Evidence::default() }
    }

    /// An error of which nothing is known but its type.
    pub(crate) fn of_type<E>() -> Self {
        Self::new(type_name::<E>(), vec![type_name::<E>().to_owned()])
    }

    /// What an error and its sources say.
    pub(crate) fn of<E: Error + ?Sized>(error: &E, type_name: &'static str) -> Self {
        let (chain, evidence) = chain(error, type_name);
        Self { type_name, chain, evidence }.without_queries()
    }

    /// The same of an error that borrows nothing, and so can be asked what it is.
    pub(crate) fn of_source(error: &(dyn Error + 'static), type_name: &'static str) -> Self {
        let (chain, mut evidence) = chain(error, type_name);
        evidence.add(error);
        Self { type_name, chain, evidence }.without_queries()
    }

    /// Where a key stands in an address, an error of HTTP quotes it.
    fn without_queries(mut self) -> Self {
        if self.evidence.is_of_http {
            self.chain = self.chain.into_iter().map(evidence::without_queries).collect();
        }
        self
    }
}

/// What one item of a stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// A part of the answer.
    Value(Captured),
    /// The item is an `Err`.
    Error(Failure),
}

/// A value whose abilities method resolution is to find out.
#[derive(Debug)]
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// Runs a user's formatting code; `None` where it panicked.
pub(crate) fn guarded<R>(run: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// The name of the type behind any references.
fn named<T: ?Sized>() -> Captured {
    let mut name = type_name::<T>();
    while let Some(behind) = name.strip_prefix('&') {
        name = behind.strip_prefix("mut ").unwrap_or(behind);
    }
    Captured::Type(name)
}

#[cfg(feature = "export")]
fn json<T: Serialize + ?Sized>(value: &T) -> Captured {
    match guarded(|| serde_json::to_string(value)) {
        Some(Ok(json)) => Captured::Json(json),
        _ => named::<T>(),
    }
}

/// Without the pipeline nothing is recorded, so this is only type-checked.
#[cfg(not(feature = "export"))]
fn json<T: Serialize + ?Sized>(_: &T) -> Captured {
    named::<T>()
}

fn display<T: Display + ?Sized>(value: &T) -> Captured {
    guarded(|| value.to_string()).map_or_else(named::<T>, Captured::Text)
}

fn debug<T: Debug + ?Sized>(value: &T) -> Captured {
    guarded(|| format!("{value:?}")).map_or_else(named::<T>, Captured::Text)
}

/// A `Debug` that nobody asked for: it may show a key.
#[cfg(feature = "export")]
fn debug_unasked<T: Debug + ?Sized>(value: &T) -> Captured {
    match debug(value) {
        Captured::Text(text) => Captured::Text(crate::secrets::without_secrets(text)),
        other => other,
    }
}

/// Without the pipeline nothing is recorded, so this is only type-checked.
#[cfg(not(feature = "export"))]
fn debug_unasked<T: Debug + ?Sized>(value: &T) -> Captured {
    debug(value)
}

/// Implements one rung of a ladder: the trait, its method, and the bound that it asks for.
macro_rules! rung {
    ($(#[$doc:meta])* $name:ident . $method:ident -> $out:ty, for $probe:ty $(where T: $bound:path)?, |$value:ident| $body:expr) => {
        $(#[$doc])*
        pub trait $name {
            #[doc(hidden)]
            fn $method(&self) -> $out;
        }
        impl<T: ?Sized $(+ $bound)?> $name for $probe {
            fn $method(&self) -> $out {
                let $value = self.0;
                $body
            }
        }
    };
}

// An argument: `Serialize`, else text, else its type. Never `Debug`, which may show secrets.
rung!(/// The argument serializes.
    ArgumentBySerialize.__promptlayer_argument -> Captured, for &&Probe<'_, T> where T: Serialize, |value| json(value));
rung!(/// The argument is text without being `Serialize`, as `impl AsRef<str>` is.
    ArgumentByText.__promptlayer_argument -> Captured, for &Probe<'_, T> where T: AsRef<str>,
    |value| guarded(|| value.as_ref().to_owned()).map_or_else(named::<T>, Captured::Text));
rung!(/// Any other argument.
    ArgumentByType.__promptlayer_argument -> Captured, for Probe<'_, T>, |_value| named::<T>());

// A value returned: `Serialize`, else `Display`, else `Debug`, else its type.
rung!(/// The value serializes.
    OutputBySerialize.__promptlayer_output -> Captured, for &&&Probe<'_, T> where T: Serialize, |value| json(value));
rung!(/// The value displays.
    OutputByDisplay.__promptlayer_output -> Captured, for &&Probe<'_, T> where T: Display, |value| display(value));
rung!(/// The value has a `Debug`.
    OutputByDebug.__promptlayer_output -> Captured, for &Probe<'_, T> where T: Debug, |value| debug_unasked(value));
rung!(/// Any other value.
    OutputByType.__promptlayer_output -> Captured, for Probe<'_, T>, |_value| named::<T>());

// An error: its own chain, else that of the error inside (`Box<dyn Error>`, `anyhow::Error`), else
// what it displays or debugs, else its type.
rung!(/// The value is an error.
    ErrorByChain.__promptlayer_error -> Failure, for &&&&&&Probe<'_, T> where T: Error,
    |value| Failure::of(value, type_name::<T>()));
rung!(/// The value is a box of an error, which may borrow.
    ErrorByBox.__promptlayer_error -> Failure, for &&&&&Probe<'_, T> where T: BoxOfError,
    |value| Failure::of(value.inside(), type_name::<T>()));
rung!(/// The value holds an error that may cross threads.
ErrorByBoxed.__promptlayer_error -> Failure, for &&&&Probe<'_, T> where T: AsRef<dyn Error + Send + Sync + 'static>,
|value| {
    let error: &(dyn Error + Send + Sync) = value.as_ref();
    Failure::of_source(error, type_name::<T>())
});
rung!(/// The value holds an error.
ErrorByBoxedLocal.__promptlayer_error -> Failure, for &&&Probe<'_, T> where T: AsRef<dyn Error + 'static>,
|value| {
    let error: &dyn Error = value.as_ref();
    Failure::of_source(error, type_name::<T>())
});
rung!(/// The error displays.
    ErrorByDisplay.__promptlayer_error -> Failure, for &&Probe<'_, T> where T: Display, |value| described::<T>(display(value)));
rung!(/// The error has a `Debug`.
    ErrorByDebug.__promptlayer_error -> Failure, for &Probe<'_, T> where T: Debug, |value| described::<T>(debug_unasked(value)));
rung!(/// Any other error.
    ErrorByType.__promptlayer_error -> Failure, for Probe<'_, T>, |_value| described::<T>(named::<T>()));

/// A box of an error. `AsRef` would not do: method resolution does not look at lifetimes, and would take
/// that of a box that borrows for that of one which does not.
pub trait BoxOfError {
    #[doc(hidden)]
    fn inside(&self) -> &(dyn Error + '_);
}

macro_rules! boxes_of_errors {
    ($($boxed:ty),*) => {$(
        impl<'e> BoxOfError for $boxed {
            fn inside(&self) -> &(dyn Error + '_) {
                &**self
            }
        }
    )*};
}

boxes_of_errors!(
    Box<dyn Error + 'e>,
    Box<dyn Error + Send + 'e>,
    Box<dyn Error + Sync + 'e>,
    Box<dyn Error + Send + Sync + 'e>,
    Arc<dyn Error + 'e>,
    Arc<dyn Error + Send + 'e>,
    Arc<dyn Error + Sync + 'e>,
    Arc<dyn Error + Send + Sync + 'e>,
    Rc<dyn Error + 'e>
);

/// An error without a chain.
fn described<T: ?Sized>(text: Captured) -> Failure {
    let message = match text {
        Captured::Text(text) => text,
        _ => type_name::<T>().to_owned(),
    };
    Failure::new(type_name::<T>(), vec![message])
}

/// The messages of an error and its sources, and what their types say. A source whose text its parent
/// already gave (many `Display` implementations repeat it) is left out, and where one panics the chain ends.
fn chain<E: Error + ?Sized>(error: &E, type_name: &'static str) -> (Vec<String>, Evidence) {
    let mut chain = vec![guarded(|| error.to_string()).unwrap_or_else(|| type_name.to_owned())];
    let mut evidence = Evidence::of(error);
    let mut source = guarded(|| error.source()).flatten();
    for _ in 0..MAX_SOURCES {
        let Some(error) = source else { break };
        let Some(message) = guarded(|| error.to_string()) else { break };
        evidence.add(error);
        if !chain.last().is_some_and(|last| last.contains(&message)) {
            chain.push(message);
        }
        source = guarded(|| error.source()).flatten();
    }
    (chain, evidence)
}

/// What a function gave back, seen as success or failure.
#[derive(Debug)]
pub enum Given<'a, T: ?Sized, E: ?Sized = Infallible> {
    /// The `Ok` of a `Result`, or a value that is no `Result`.
    Value(&'a T),
    /// The `Err` of a `Result`.
    Error(&'a E),
}

/// The value is a `Result`.
pub trait GivenByResult<'a, T, E> {
    #[doc(hidden)]
    fn __promptlayer_given(&self) -> Given<'a, T, E>;
}

impl<'a, T, E> GivenByResult<'a, T, E> for &Probe<'a, Result<T, E>> {
    fn __promptlayer_given(&self) -> Given<'a, T, E> {
        match self.0 {
            Ok(value) => Given::Value(value),
            Err(error) => Given::Error(error),
        }
    }
}

/// The value is no `Result`.
pub trait GivenByValue<'a, T: ?Sized> {
    #[doc(hidden)]
    fn __promptlayer_given(&self) -> Given<'a, T>;
}

impl<'a, T: ?Sized> GivenByValue<'a, T> for Probe<'a, T> {
    fn __promptlayer_given(&self) -> Given<'a, T> {
        Given::Value(self.0)
    }
}

/// A value whose `Debug` was asked for.
pub fn by_debug<T: Debug + ?Sized>(value: &T) -> Captured {
    debug(value)
}

/// A value whose `Display` was asked for.
pub fn by_display<T: Display + ?Sized>(value: &T) -> Captured {
    display(value)
}

/// What a value displays; `None` where that panics.
pub(crate) fn shown(value: &dyn Display) -> Option<String> {
    guarded(|| value.to_string())
}

/// Applies the attribute's `output` to the value, so that a closure's parameter has its type. `None`
/// where that panics.
pub fn select<'a, T: ?Sized, R>(value: &'a T, output: impl FnOnce(&'a T) -> R) -> Option<R> {
    guarded(|| output(value))
}

/// The value from which nothing could be selected.
pub fn unselected<T: ?Sized>(_: &T) -> Captured {
    named::<T>()
}

/// What `err` looks into.
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

/// The `Result` by reference.
pub fn as_result<R: IsResult>(result: &R) -> Result<&R::Value, &R::Error> {
    result.by_reference()
}

/// The value, which `err`, `ret` or a field shows by its `Display`.
pub fn displayed<T: Display>(value: &T) -> &(dyn Display + '_) {
    value
}

/// The value, which `err`, `ret` or a field shows by its `Debug`.
pub fn debugged<T: Debug>(value: &T) -> &(dyn Debug + '_) {
    value
}
