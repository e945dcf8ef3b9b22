//! Asks the type of a returned value whether it is a stream or a future.
//!
//! The attribute only sees the name of a type: an alias, or `Self::Future`. As in
//! [`capture`](crate::capture), method resolution selects the answer by the actual type.
#![allow(clippy::unused_self, reason = "its type selects the method")]

use std::any::type_name;
use std::convert::Infallible;
use std::marker::PhantomData;

use futures_core::Stream;

use crate::capture::{Captured, Chunk, Failure, Of, OfError, Unseen};
use crate::instrument::boxes::{BoxedFuture, BoxedStream};
use crate::instrument::call::Call;
use crate::instrument::future::Seen;
use crate::instrument::holds::{BoxedStreams, First, Futures, Holds, Missing, Second, Streams, Third, Whole};
use crate::instrument::stream::Streamed;

/// Defines functions that return the type of a value behind references: one for each step of the method
/// resolution that begins there. The compiler evaluates the references once, as constants, and not as part of
/// every annotated function.
macro_rules! types {
    ($($(#[$doc:meta])* $name:ident: [$($reference:tt)+];)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name<T: ?Sized>(_value: &T) -> types!(@type '_ $($reference)+) {
            types!(@value $($reference)+)
        }
    )*};
    (@type $a:lifetime & $($reference:tt)*) => { &$a types!(@type $a $($reference)*) };
    (@type $a:lifetime) => { Of<T> };
    (@value & $($reference:tt)*) => { &types!(@value $($reference)*) };
    (@value) => { Of(PhantomData) };
}

types! {
    /// Begins at `EndOfValue`.
    end_of_value: [&];
    /// Begins at the first step for a value that is not a tuple.
    end_of: [& & & &];
    /// Begins after the boxed streams.
    end_of_generic: [& & &];
    /// Begins at the first step for a tuple.
    end_of_tuple: [& & & & & & & & & &];
    /// Begins at `StartOfFuture`.
    start_of: [& &];
}

/// Holds a type without owning a value of it.
type Marker<T> = PhantomData<fn() -> T>;

/// Selects how a call ends by the type of its value. `Rung` keeps the implementations apart.
pub trait EndOf<Rung> {
    #[doc(hidden)]
    type End;
    #[doc(hidden)]
    fn __promptlayer_end_of(&self) -> Self::End;
}

/// Defines the steps of the method resolution: an implementation with more `&` is tried earlier.
macro_rules! steps {
    ($($for:ty: $class:ident at $position:ident -> $end:ty $(, which keeps $held:ident)?;)*) => {$(
        impl<T, P $(, $held)?> EndOf<($position, P)> for $for
        where
            T: Holds<$class, $position, P $(, Held = $held, With<$held> = T)?>,
        {
            type End = $end;

            #[inline]
            fn __promptlayer_end_of(&self) -> Self::End {
                <$end>::NEW
            }
        }
    )*};
}

steps! {
    &&&&&&&&&Of<T>: BoxedStreams at First -> EndOfStream<T, First, P>, which keeps H;
    &&&&&&&&Of<T>: BoxedStreams at Second -> EndOfStream<T, Second, P>, which keeps H;
    &&&&&&&Of<T>: BoxedStreams at Third -> EndOfStream<T, Third, P>, which keeps H;
    &&&&&&Of<T>: Streams at First -> Unlogged<T, Streams, First, P>;
    &&&&&Of<T>: Streams at Second -> Unlogged<T, Streams, Second, P>;
    &&&&Of<T>: Streams at Third -> Unlogged<T, Streams, Third, P>;
    &&&Of<T>: BoxedStreams at Whole -> EndOfStream<T, Whole, P>, which keeps H;
    &&Of<T>: Streams at Whole -> Unlogged<T, Streams, Whole, P>;
    &Of<T>: Futures at Whole -> Unlogged<T, Futures, Whole, P>;
}

impl<T: ?Sized> EndOf<()> for Of<T> {
    type End = EndOfValue<T>;

    #[inline]
    fn __promptlayer_end_of(&self) -> EndOfValue<T> {
        EndOfValue(PhantomData)
    }
}

/// A value that is captured whole, with its error.
#[derive(Debug)]
pub struct NoError;

impl NoError {
    #[doc(hidden)]
    #[inline]
    pub fn __promptlayer_failure(self) -> Self {
        self
    }
}

/// Ends the call with a plain value.
#[derive(Debug)]
pub struct EndOfValue<T: ?Sized>(PhantomData<*const T>);

impl<T: ?Sized> EndOfValue<T> {
    /// Returns that the only error can be in the value.
    #[inline]
    pub fn error(&self) -> NoError {
        NoError
    }

    /// Does the same as [`Self::end`].
    #[inline]
    pub fn end_generic<C>(self, call: Call, given: T, chunk: C, error: NoError) -> T
    where
        T: Sized,
        C: FnOnce(&T) -> Chunk,
    {
        self.end(call, given, chunk, error)
    }

    /// Captures the value with `chunk`, and ends the call with it.
    #[inline]
    pub fn end<C>(self, call: Call, given: T, chunk: C, _: NoError) -> T
    where
        T: Sized,
        C: FnOnce(&T) -> Chunk,
    {
        if !call.is_recording() {
            call.drop_unrecorded();
            return given;
        }
        Self::end_recorded(call, &given, chunk);
        given
    }

    fn end_recorded<C>(call: Call, given: &T, chunk: C)
    where
        C: FnOnce(&T) -> Chunk,
    {
        match chunk(given) {
            Chunk::Value(value) => call.returned_as(type_name::<T>(), value),
            Chunk::Error(failure) => call.failed_as(type_name::<T>(), failure),
        }
    }
}

/// Lets the call last until the stream ends.
#[derive(Debug)]
pub struct EndOfStream<T, Position, P>(Marker<(T, Position, P)>);

impl<T, Position, P> EndOfStream<T, Position, P> {
    const NEW: Self = Self(PhantomData);
}

impl<T, Position, P, S> EndOfStream<T, Position, P>
where
    T: Holds<BoxedStreams, Position, P, Held = S, With<S> = T>,
    S: BoxedStream,
{
    /// Returns the type of the error that may be in place of the stream.
    #[inline]
    pub fn error(&self) -> OfError<'_, T::Error> {
        &&&&&&&Of(PhantomData)
    }

    /// Captures the items of the stream with `chunk`.
    pub fn end<C>(self, mut call: Call, given: T, chunk: C, error: fn(&T::Error) -> Failure) -> T
    where
        C: FnMut(&S::Item) -> Chunk + Send + Sync + Unpin + 'static,
    {
        end_without(&mut call, given.missing(), error);
        given.map(|stream| stream.streamed(call, chunk))
    }
}

/// Ends the call of a stream or a future that cannot be wrapped, because it would have another type then.
#[derive(Debug)]
pub struct Unlogged<T, Class, Position, P>(Marker<(T, Class, Position, P)>);

impl<T, Class, Position, P> Unlogged<T, Class, Position, P> {
    const NEW: Self = Self(PhantomData);
}

impl<T: Holds<Class, Position, P>, Class: NotSeen, Position, P> Unlogged<T, Class, Position, P> {
    /// Returns the type of the error that may be in place of the stream or future.
    #[inline]
    pub fn error(&self) -> OfError<'_, T::Error> {
        &&&&&&&Of(PhantomData)
    }

    /// Ends the call with a warning, because the items or the output will not be seen.
    pub fn end_generic<C>(self, mut call: Call, given: T, _chunk: C, error: fn(&T::Error) -> Failure) -> T
    where
        C: FnMut(&Infallible) -> Chunk,
    {
        end_without(&mut call, given.missing(), error);
        if call.is_recording() {
            call.unseen::<T>(Class::UNSEEN);
        }
        given
    }
}

/// A class whose members are not seen.
pub trait NotSeen {
    /// What is not seen.
    const UNSEEN: Unseen;
}

/// Defines the traits whose method lets the compiler warn. The warning shows the name of the trait.
macro_rules! not_logged {
    ($($(#[$doc:meta])* $name:ident: $class:ident as $unseen:ident, $note:literal;)*) => {$(
        impl NotSeen for $class {
            const UNSEEN: Unseen = Unseen::$unseen;
        }

        $(#[$doc])*
        pub trait $name: Sized {
            #[doc(hidden)]
            type Value;
            #[doc(hidden)]
            type Error;
            #[doc(hidden)]
            #[deprecated(note = $note)]
            fn end<C>(self, call: Call, given: Self::Value, chunk: C, error: fn(&Self::Error) -> Failure) -> Self::Value
            where
                C: FnMut(&Infallible) -> Chunk;
        }

        impl<T: Holds<$class, Position, P>, Position, P> $name for Unlogged<T, $class, Position, P> {
            type Value = T;
            type Error = T::Error;

            fn end<C>(self, call: Call, given: T, chunk: C, error: fn(&T::Error) -> Failure) -> T
            where
                C: FnMut(&Infallible) -> Chunk,
            {
                self.end_generic(call, given, chunk, error)
            }
        }
    )*};
}

not_logged! {
    /// The value holds a stream that is not logged.
    StreamIsNotLogged: Streams as Stream,
        "`#[promptlayer]` cannot log the items of this stream without changing its type; return \
         `impl Stream<Item = …>` or `Pin<Box<dyn Stream<Item = …> + Send>>`, or select something with `output`";
    /// The value holds a future that is not logged.
    FutureIsNotLogged: Futures as Future,
        "`#[promptlayer]` cannot log the output of this future without changing its type; make the function \
         `async`, return `impl Future<Output = …>` or `Pin<Box<dyn Future<Output = …> + Send>>`, or select \
         something with `output`";
}

/// Ends the call if the value holds neither a stream nor a future.
fn end_without<E>(call: &mut Call, missing: Option<Missing<'_, E>>, error: impl FnOnce(&E) -> Failure) {
    let Some(missing) = missing else { return };
    let call = std::mem::replace(call, Call::nothing());
    if call.is_recording() {
        match missing {
            Missing::Nothing => call.returned(Captured::Json("null".to_owned())),
            Missing::Error(given) => call.failed(error(given)),
            Missing::InnerError(failure) => call.failed(failure),
        }
    }
}

/// What the argument `stream` requires of the type that the function returns.
#[diagnostic::on_unimplemented(
    message = "`#[promptlayer(stream)]` cannot log the items of `{T}`",
    label = "not a stream that can be wrapped",
    note = "it logs `impl Stream` and boxed streams (`Pin<Box<dyn Stream>>`, `Box<dyn Stream>`), also in an `Option`, \
            a `Result` or a tuple; wrapping a stream of another type would change the type"
)]
pub trait IsLogged<T> {}

#[diagnostic::do_not_recommend]
impl<T, Position, P> IsLogged<T> for EndOfStream<T, Position, P> {}

/// Fails to compile if the value is not a stream that can be wrapped.
pub fn required<T, End: IsLogged<T>>(_: &T, _: &End) {}

/// Returns the value unchanged, with the type of its items fixed to `I`.
pub fn stream_of<Position, I, P, T, S>(given: T) -> T
where
    T: Holds<Streams, Position, P, Held = S>,
    S: Stream<Item = I>,
{
    given
}

/// Wraps a stream whose type may change, because the signature says `impl Stream`.
pub fn streamed<Position, P, T, S, C, E>(
    mut call: Call,
    given: T,
    chunk: C,
    error: E,
) -> T::With<Streamed<S, C>>
where
    T: Holds<Streams, Position, P, Held = S>,
    S: Stream,
    C: FnMut(&S::Item) -> Chunk,
    E: FnOnce(&T::Error) -> Failure,
{
    end_without(&mut call, given.missing(), error);
    given.map(|stream| Streamed::new(call, stream, chunk))
}

/// Selects when a call begins by the type of the value of a function that is not `async`.
pub trait StartOf<Rung> {
    #[doc(hidden)]
    type Start;
    #[doc(hidden)]
    fn __promptlayer_start_of(&self) -> Self::Start;
}

impl<F: BoxedFuture> StartOf<Whole> for &Of<F> {
    type Start = StartOfFuture<F>;

    #[inline]
    fn __promptlayer_start_of(&self) -> Self::Start {
        StartOfFuture(PhantomData)
    }
}

impl<T: ?Sized> StartOf<()> for Of<T> {
    type Start = StartOfValue<T>;

    #[inline]
    fn __promptlayer_start_of(&self) -> Self::Start {
        StartOfValue(PhantomData)
    }
}

/// The call began when the function was called.
#[derive(Debug)]
pub struct StartOfValue<T: ?Sized>(PhantomData<*const T>);

impl<T: ?Sized> StartOfValue<T> {
    /// Ends the call with the value.
    #[inline]
    pub fn then<E>(self, call: Call, given: T, end: E) -> T
    where
        T: Sized,
        E: FnOnce(Call, T) -> T,
    {
        call.begin_prepared();
        end(call, given)
    }

    /// Does the same as [`Self::then`], and calls `look` with the value.
    pub fn then_seen<L, E>(self, call: Call, given: T, look: L, end: E) -> T
    where
        T: Sized,
        L: Fn(&T),
        E: FnOnce(Call, T) -> T,
    {
        call.span().in_scope(|| look(&given));
        self.then(call, given, end)
    }
}

/// The call begins when the future is first polled.
#[derive(Debug)]
pub struct StartOfFuture<F>(Marker<F>);

impl<F: BoxedFuture> StartOfFuture<F> {
    /// Wraps the future so that it is recorded as the call.
    pub fn then<E>(self, call: Call, given: F, end: E) -> F
    where
        E: FnOnce(Call, F::Output) -> F::Output + Send + Sync + Unpin + 'static,
    {
        given.traced(call, end)
    }

    /// Does the same as [`Self::then`], and calls `look` with the output.
    pub fn then_seen<L, E>(self, call: Call, given: F, look: L, end: E) -> F
    where
        L: Fn(&F::Output) + Send + Sync + Unpin + 'static,
        E: FnOnce(Call, F::Output) -> F::Output + Send + Sync + Unpin + 'static,
    {
        given.traced(call, Seen::new(look, end))
    }
}
