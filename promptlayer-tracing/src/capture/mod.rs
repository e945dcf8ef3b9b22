//! Captures any value as JSON or text, without adding a bound to the user's types.
//!
//! The code of the attribute wraps a reference in [`Probe`] and calls a method on several layers of `&`.
//! Method resolution selects the first trait whose bound the type meets: an implementation with more `&`
//! before `Probe` is tried earlier. A type that meets no bound, and a generic parameter without bounds, reach
//! the last trait, which has no bound.
//!
//! A user's `Serialize`, `Display` or `Debug` may fail or panic. Neither reaches the user's function: if a
//! value cannot be captured, its type name is logged.

use std::any::type_name;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

#[cfg(feature = "export")]
use promptlayer_blueprint::ToExchange;
use serde::Serialize;

pub use self::error_details::Evidence;
pub use self::failure_of::{FailureOf, Of, OfError, of_error};
pub use self::given::{Given, GivenByResult, GivenByValue, IsResult, as_result};
#[cfg(feature = "export")]
pub(crate) use self::items::CapturedItems;
pub use self::type_names::name_of;
pub use self::unseen::Unseen;

#[cfg(feature = "export")]
pub(crate) mod debug_value;
mod error_details;
mod failure_of;
mod given;
#[cfg(feature = "export")]
mod items;
pub(crate) mod secret_names;
#[cfg(feature = "export")]
mod secret_text;
#[cfg(feature = "export")]
mod text_or_value;
pub(crate) mod type_names;
mod unseen;

/// The maximum number of sources that are followed. The chain of an error may be cyclic.
const MAX_SOURCES: usize = 16;

/// The captured form of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Captured<Text = String> {
    /// The value from its `Serialize`, in the compact form of the module `serialize`.
    Serialized(Text),
    /// JSON text.
    Json(Text),
    /// The text from the value's `Serialize`, `Display` or `AsRef<str>`, or from the `Debug` that the user asked
    /// for.
    Text(Text),
    /// The text from a `Debug` that the user did not ask for, and the name of the value's type. It may contain
    /// secrets. The conversion reads it as a value and removes them.
    Debug(Text, &'static str),
    /// The name of the value's type. The value has no representation that may be logged.
    Type(&'static str),
    /// A value that is left out because the name of its argument is that of a secret.
    Redacted,
}

impl Captured {
    /// Returns the bytes of memory that the value holds, for the limit of the queue.
    ///
    /// Unused capacity of the text counts, because it may be as large as the text itself.
    #[cfg(feature = "export")]
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Serialized(text) | Self::Json(text) | Self::Text(text) | Self::Debug(text, _) => {
                text.capacity()
            }
            Self::Type(_) | Self::Redacted => 0,
        }
    }
}

#[cfg(feature = "export")]
impl<Text> Captured<Text> {
    /// Returns the text, or an empty one if the value has none.
    pub(crate) fn text(&self) -> &str
    where
        Text: AsRef<str>,
    {
        match self {
            Self::Serialized(text) | Self::Json(text) | Self::Text(text) | Self::Debug(text, _) => {
                text.as_ref()
            }
            Self::Type(_) | Self::Redacted => "",
        }
    }

    /// Returns the same form with another text.
    pub(crate) fn with_text<Other>(&self, text: Other) -> Captured<Other> {
        match self {
            Self::Serialized(_) => Captured::Serialized(text),
            Self::Json(_) => Captured::Json(text),
            Self::Text(_) => Captured::Text(text),
            Self::Debug(_, type_name) => Captured::Debug(text, type_name),
            Self::Type(name) => Captured::Type(name),
            Self::Redacted => Captured::Redacted,
        }
    }
}

/// The captured form of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The error's type, which contains the name of its crate.
    pub type_name: &'static str,
    /// The messages of the error and its sources, outermost first.
    pub chain: Vec<String>,
    /// What the types and fields of the error reveal about its kind.
    pub evidence: Evidence,
}

impl Failure {
    /// Creates a failure from a type name and messages, without evidence.
    pub(crate) fn new(type_name: &'static str, chain: Vec<String>) -> Self {
        Self { type_name, chain, evidence: Evidence::default() }
    }

    /// Creates a failure for an error of which only the type is known.
    pub(crate) fn from_type<E>() -> Self {
        Self::new(type_name::<E>(), vec![type_name::<E>().to_owned()])
    }

    /// Captures an error and its sources.
    pub(crate) fn from_error<E: Error + ?Sized>(error: &E, type_name: &'static str) -> Self {
        let (chain, evidence) = chain(error, type_name);
        Self { type_name, chain, evidence }.without_queries()
    }

    /// Captures an error that is `'static`, and so can be downcast.
    pub(crate) fn from_source(error: &(dyn Error + 'static), type_name: &'static str) -> Self {
        let (chain, mut evidence) = chain(error, type_name);
        evidence.add(error);
        Self { type_name, chain, evidence }.without_queries()
    }

    /// Removes the query from the addresses in HTTP errors, because a query may contain an API key.
    fn without_queries(mut self) -> Self {
        if self.evidence.is_of_http {
            self.chain = self.chain.into_iter().map(error_details::without_queries).collect();
        }
        self
    }
}

/// The captured form of one item of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// A part of the response.
    Value(Captured),
    /// The item is an `Err`.
    Error(Failure),
}

/// A reference to a value. Method resolution selects how the value is captured.
#[derive(Debug)]
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// Runs the user's formatting code. Returns `None` if it panics.
pub(crate) fn guarded<R>(run: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// Captures the name of the type, without leading references.
fn named<T: ?Sized>() -> Captured {
    Captured::Type(type_names::without_references(type_name::<T>()))
}

/// Captures a value with `Serialize`, or by its type if that fails.
#[cfg(feature = "export")]
pub(crate) fn by_serialize<T: Serialize + ?Sized>(value: &T) -> Captured {
    json(value)
}

#[cfg(feature = "export")]
fn json<T: Serialize + ?Sized>(value: &T) -> Captured {
    guarded(|| text_or_value::captured(value)).and_then(Result::ok).unwrap_or_else(named::<T>)
}

/// Nothing is recorded without the feature `export`. This version exists only so that the expanded code
/// compiles.
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

/// Captures a value with `Debug` although the user did not request it. A value that only leads to the
/// output is captured by its type.
fn debug_unasked<T: Debug + ?Sized>(value: &T) -> Captured {
    if Unseen::from_type_name(type_name::<T>()).is_some() {
        return named::<T>();
    }
    match debug(value) {
        Captured::Text(text) => Captured::Debug(text, type_name::<T>()),
        other => other,
    }
}

/// Bounds on a type that has both.
pub trait DisplayAndDebug: Display + Debug {}

impl<T: Display + Debug + ?Sized> DisplayAndDebug for T {}

/// Captures a value with `Debug` if it is a response of a known client whose `Display` shows less, else with `Display`.
#[cfg(feature = "export")]
fn display_or_debug<T: Display + Debug + ?Sized>(value: &T) -> Captured {
    if debug_value::is_of_client(type_name::<T>())
        && let debugged @ Captured::Debug(..) = debug_unasked(value)
        && let Captured::Debug(text, name) = &debugged
        && debug_value::is_reply(name, text)
    {
        return debugged;
    }
    display(value)
}

/// Nothing is recorded without the feature `export`. This version exists only so that the expanded code
/// compiles.
#[cfg(not(feature = "export"))]
fn display_or_debug<T: Display + Debug + ?Sized>(value: &T) -> Captured {
    display(value)
}

/// Captures an argument that has only a `Debug`, if its type is part of a request of a known client. The `Debug`
/// of any other argument, such as a client, may show secrets.
#[cfg(feature = "export")]
fn debug_of_request<T: Debug + ?Sized>(value: &T) -> Captured {
    if debug_value::is_of_request(type_name::<T>()) { debug_unasked(value) } else { named::<T>() }
}

/// Nothing is recorded without the feature `export`. This version exists only so that the expanded code
/// compiles.
#[cfg(not(feature = "export"))]
fn debug_of_request<T: Debug + ?Sized>(_: &T) -> Captured {
    named::<T>()
}

/// Defines one step of the method resolution: a trait, its method, and the bound that it requires.
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

// Before all others: the type says what it stands for.
#[cfg(feature = "export")]
rung!(/// The value stands for a request.
    RequestByExchange.__promptlayer_request -> Option<Captured>, for &Probe<'_, T> where T: ToExchange,
    |value| exchanged(|| value.to_request()));
rung!(/// The value stands for no request.
    RequestByNothing.__promptlayer_request -> Option<Captured>, for Probe<'_, T>, |_value| None);
#[cfg(feature = "export")]
rung!(/// The value stands for a response.
    ResponseByExchange.__promptlayer_response -> Option<Captured>, for &Probe<'_, T> where T: ToExchange,
    |value| exchanged(|| value.to_response()));
rung!(/// The value stands for no response.
    ResponseByNothing.__promptlayer_response -> Option<Captured>, for Probe<'_, T>, |_value| None);

/// Captures what a value stands for. Returns `None` if it stands for nothing or panics.
#[cfg(feature = "export")]
fn exchanged(to_json: impl FnOnce() -> Option<serde_json::Value>) -> Option<Captured> {
    guarded(|| to_json().and_then(|json| text_or_value::captured(&json).ok())).flatten()
}

/// The value stands for a request. No type is known to without the feature `export`.
#[cfg(not(feature = "export"))]
pub trait RequestByExchange {}

/// The value stands for a response. No type is known to without the feature `export`.
#[cfg(not(feature = "export"))]
pub trait ResponseByExchange {}

// Arguments: `Serialize`, else text, else the `Debug` of a part of a request of a known client, else the type name.
rung!(/// The argument serializes.
    ArgumentBySerialize.__promptlayer_argument -> Captured, for &&&Probe<'_, T> where T: Serialize, |value| json(value));
rung!(/// The argument is text without being `Serialize`, as `impl AsRef<str>` is.
    ArgumentByText.__promptlayer_argument -> Captured, for &&Probe<'_, T> where T: AsRef<str>,
    |value| guarded(|| value.as_ref().to_owned()).map_or_else(named::<T>, Captured::Text));
rung!(/// The argument has a `Debug`.
    ArgumentByDebug.__promptlayer_argument -> Captured, for &Probe<'_, T> where T: Debug, |value| debug_of_request(value));
rung!(/// Any other argument.
    ArgumentByType.__promptlayer_argument -> Captured, for Probe<'_, T>, |_value| named::<T>());

// Return values: `Serialize`, else the `Debug` of a response whose `Display` shows less, else `Display`, else `Debug`,
// else the type name.
rung!(/// The value serializes.
    OutputBySerialize.__promptlayer_output -> Captured, for &&&&Probe<'_, T> where T: Serialize, |value| json(value));
rung!(/// The value displays and has a `Debug`.
    OutputByBoth.__promptlayer_output -> Captured, for &&&Probe<'_, T> where T: DisplayAndDebug, |value| display_or_debug(value));
rung!(/// The value displays.
    OutputByDisplay.__promptlayer_output -> Captured, for &&Probe<'_, T> where T: Display, |value| display(value));
rung!(/// The value has a `Debug`.
    OutputByDebug.__promptlayer_output -> Captured, for &Probe<'_, T> where T: Debug, |value| debug_unasked(value));
rung!(/// Any other value.
    OutputByType.__promptlayer_output -> Captured, for Probe<'_, T>, |_value| named::<T>());

// Errors: the error's own chain, else the chain of the error inside (`Box<dyn Error>`, `anyhow::Error`), else
// `Display`, else `Debug`, else the type name.
rung!(/// The value is an error.
    ErrorByChain.__promptlayer_error -> Failure, for &&&&&&Probe<'_, T> where T: Error,
    |value| Failure::from_error(value, type_name::<T>()));
rung!(/// The value is a box of an error, which may borrow.
    ErrorByBox.__promptlayer_error -> Failure, for &&&&&Probe<'_, T> where T: BoxOfError,
    |value| Failure::from_error(value.inside(), type_name::<T>()));
rung!(/// The value holds an error that may cross threads.
ErrorByBoxed.__promptlayer_error -> Failure, for &&&&Probe<'_, T> where T: AsRef<dyn Error + Send + Sync + 'static>,
|value| {
    let error: &(dyn Error + Send + Sync) = value.as_ref();
    Failure::from_source(error, type_name::<T>())
});
rung!(/// The value holds an error.
ErrorByBoxedLocal.__promptlayer_error -> Failure, for &&&Probe<'_, T> where T: AsRef<dyn Error + 'static>,
|value| {
    let error: &dyn Error = value.as_ref();
    Failure::from_source(error, type_name::<T>())
});
rung!(/// The error displays.
    ErrorByDisplay.__promptlayer_error -> Failure, for &&Probe<'_, T> where T: Display, |value| described::<T>(display(value)));
rung!(/// The error has a `Debug`.
    ErrorByDebug.__promptlayer_error -> Failure, for &Probe<'_, T> where T: Debug, |value| described::<T>(debug_unasked(value)));
rung!(/// Any other error.
    ErrorByType.__promptlayer_error -> Failure, for Probe<'_, T>, |_value| described::<T>(named::<T>()));

/// A smart pointer to an error.
///
/// `AsRef` cannot be used here. Method resolution ignores lifetimes, so it would select the implementation
/// for boxes of `'static` errors for a box that borrows too.
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

/// Creates a failure from a text, without a chain of sources.
fn described<T: ?Sized>(text: Captured) -> Failure {
    let message = match text {
        Captured::Text(text) => text,
        #[cfg(feature = "export")]
        Captured::Debug(text, _) => secret_text::without_secrets(text),
        _ => type_name::<T>().to_owned(),
    };
    Failure::new(type_name::<T>(), vec![message])
}

/// Returns the messages and the evidence of an error and its sources.
///
/// A source is left out if its parent's message already contains its text, as many `Display` implementations
/// do. The chain ends at a source that panics.
fn chain<E: Error + ?Sized>(error: &E, type_name: &'static str) -> (Vec<String>, Evidence) {
    let mut chain = vec![guarded(|| error.to_string()).unwrap_or_else(|| type_name.to_owned())];
    let mut evidence = Evidence::from_error(error);
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

/// Captures a value with `Debug`, as the user requested with `?`.
pub fn by_debug<T: Debug + ?Sized>(value: &T) -> Captured {
    debug(value)
}

/// Captures a value with `Display`, as the user requested with `%`.
pub fn by_display<T: Display + ?Sized>(value: &T) -> Captured {
    display(value)
}

/// Formats a value with `Display`. Returns `None` if that panics.
pub(crate) fn shown(value: &dyn Display) -> Option<String> {
    guarded(|| value.to_string())
}

/// Applies the attribute's `output` to the value. The signature gives the parameter of a closure its type.
///
/// Returns `None` if `output` panics.
pub fn select<'a, T: ?Sized, R>(value: &'a T, output: impl FnOnce(&'a T) -> R) -> Option<R> {
    guarded(|| output(value))
}

/// Captures the type name of a value for which `output` panicked.
pub fn unselected<T: ?Sized>(_: &T) -> Captured {
    named::<T>()
}

/// Returns the value for `err`, `ret` or a field that uses its `Display`.
pub fn displayed<T: Display>(value: &T) -> &(dyn Display + '_) {
    value
}

/// Returns the value for `err`, `ret` or a field that uses its `Debug`.
pub fn debugged<T: Debug>(value: &T) -> &(dyn Debug + '_) {
    value
}
