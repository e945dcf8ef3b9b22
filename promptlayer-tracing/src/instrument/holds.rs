//! Finds the stream or the future inside a value by the type of the value.
//!
//! A value may be the stream itself, or an `Option`, a `Result` or a tuple around it. [`Holds`] is implemented
//! for each of these types. Its parameters keep the implementations apart: the class of what is held, its
//! position in a tuple, and the path of wrappers around it. The compiler infers the path.

use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;

use futures_core::Stream;

use crate::capture::Failure;
use crate::instrument::boxes::BoxedStream;

/// The class of streams that keep their type when they are traced: trait objects in a box.
#[derive(Debug)]
pub enum BoxedStreams {}
/// The class of all streams.
#[derive(Debug)]
pub enum Streams {}
/// The class of all futures.
#[derive(Debug)]
pub enum Futures {}

/// The position of a value that is not in a tuple.
#[derive(Debug)]
pub enum Whole {}
/// The first position of a tuple.
#[derive(Debug)]
pub enum First {}
/// The second position of a tuple.
#[derive(Debug)]
pub enum Second {}
/// The third position of a tuple.
#[derive(Debug)]
pub enum Third {}

/// The path to a value without wrappers.
#[derive(Debug)]
pub enum Itself {}
/// The path through one wrapper.
#[derive(Debug)]
pub struct Inside<Path>(PhantomData<Path>);

/// Why a value that can hold a stream or a future holds none.
#[derive(Debug)]
pub enum Missing<'a, E> {
    /// It is `None`.
    Nothing,
    /// It is an `Err`.
    Error(&'a E),
    /// It is an `Err` in another wrapper, of which only the type is recorded.
    InnerError(Failure),
}

/// A type that holds a stream or a future of the class.
pub trait Holds<Class, Position, Path>: Sized {
    /// The type of the stream or future.
    type Held;
    /// The error type, for a value that may hold an error instead.
    type Error;
    /// The same type around another stream or future.
    type With<X>;

    /// Returns `None` if the value holds a stream or future.
    fn missing(&self) -> Option<Missing<'_, Self::Error>>;

    /// Replaces what is held.
    fn map<X>(self, map: impl FnOnce(Self::Held) -> X) -> Self::With<X>;
}

/// Implements [`Holds`] for the members of a class.
macro_rules! members {
    ($($class:ident: $member:ident;)*) => {$(
        impl<T: $member> Holds<$class, Whole, Itself> for T {
            type Held = T;
            type Error = Infallible;
            type With<X> = X;

            fn missing(&self) -> Option<Missing<'_, Infallible>> {
                None
            }

            fn map<X>(self, map: impl FnOnce(T) -> X) -> X {
                map(self)
            }
        }
    )*};
}

members! {
    BoxedStreams: BoxedStream;
    Streams: Stream;
    Futures: Future;
}

impl<C, Position, P, T: Holds<C, Position, P>> Holds<C, Position, Inside<P>> for Option<T> {
    type Held = T::Held;
    type Error = T::Error;
    type With<X> = Option<T::With<X>>;

    fn missing(&self) -> Option<Missing<'_, T::Error>> {
        self.as_ref().map_or(Some(Missing::Nothing), T::missing)
    }

    fn map<X>(self, map: impl FnOnce(T::Held) -> X) -> Self::With<X> {
        self.map(|value| value.map(map))
    }
}

impl<C, Position, P, T: Holds<C, Position, P>, E> Holds<C, Position, Inside<P>> for Result<T, E> {
    type Held = T::Held;
    type Error = E;
    type With<X> = Result<T::With<X>, E>;

    fn missing(&self) -> Option<Missing<'_, E>> {
        match self {
            Ok(value) => value.missing().map(|missing| match missing {
                Missing::Nothing => Missing::Nothing,
                Missing::Error(_) => Missing::InnerError(Failure::from_type::<T::Error>()),
                Missing::InnerError(failure) => Missing::InnerError(failure),
            }),
            Err(error) => Some(Missing::Error(error)),
        }
    }

    fn map<X>(self, map: impl FnOnce(T::Held) -> X) -> Self::With<X> {
        self.map(|value| value.map(map))
    }
}

/// Implements [`Holds`] for one position of the tuples of one length.
macro_rules! tuples {
    ($($position:ident: $(($before:ident))* $held:ident $($after:ident)*;)*) => {$(
        impl<C, P, $($before,)* $held: Holds<C, Whole, P>, $($after,)*> Holds<C, $position, Inside<P>>
            for ($($before,)* $held, $($after,)*)
        {
            type Held = $held::Held;
            type Error = $held::Error;
            type With<X> = ($($before,)* $held::With<X>, $($after,)*);

            fn missing(&self) -> Option<Missing<'_, $held::Error>> {
                #[allow(non_snake_case, unused_variables, reason = "the names are those of the types")]
                let ($($before,)* $held, $($after,)*) = self;
                $held.missing()
            }

            fn map<X>(self, map: impl FnOnce($held::Held) -> X) -> Self::With<X> {
                #[allow(non_snake_case, reason = "the names are those of the types")]
                let ($($before,)* $held, $($after,)*) = self;
                ($($before,)* $held.map(map), $($after,)*)
            }
        }
    )*};
}

tuples! {
    First: T B;
    Second: (A) T;
    First: T B D;
    Second: (A) T D;
    Third: (A) (B) T;
}
