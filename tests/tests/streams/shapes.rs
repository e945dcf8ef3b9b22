//! The shapes of streams.

use std::future::Future;
use std::pin::Pin;

use futures_core::Stream;
use promptlayer_tracing::promptlayer;

use crate::script::{Fault, Opaque, Script};
use crate::{Answer, Attempt, BoxFuture, BoxStream, pause};

/// Calls a shape and erases its type.
pub(crate) type Open<T> = fn(Script<T>) -> BoxFuture<'static, Result<BoxStream<'static, T>, Fault>>;

/// One shape: the type of the stream and the kind of function that returns it.
pub(crate) struct Shape<T> {
    pub(crate) name: &'static str,
    /// The name of the span.
    pub(crate) function: &'static str,
    pub(crate) open: Open<T>,
    /// Whether the function can return an error instead of a stream.
    pub(crate) refuses: bool,
}

/// Defines three functions for each type: one that returns the stream directly, an `async fn`, and one that
/// returns a boxed future of the stream.
macro_rules! shapes {
    ($all:ident: $item:ty; $($shape:ident ($($argument:ident)?) -> [$($given:tt)*], $make:expr, $opened:expr;)*) => {
        pub(crate) mod $all {
            use super::*;

            $(mod $shape {
                use super::*;

                #[promptlayer($($argument)?)]
                pub(super) fn at_once(question: &str, script: Script<$item>) -> $($given)* {
                    let _ = question;
                    $make(script)
                }

                #[promptlayer($($argument)?)]
                pub(super) async fn later(question: &str, script: Script<$item>) -> $($given)* {
                    pause().await;
                    let _ = question;
                    $make(script)
                }

                #[promptlayer($($argument)?)]
                pub(super) fn in_a_box(
                    question: &str,
                    script: Script<$item>,
                ) -> Pin<Box<dyn Future<Output = $($given)*> + Send + 'static>> {
                    let _ = question;
                    Box::pin(async move {
                        pause().await;
                        $make(script)
                    })
                }
            })*

            pub(crate) fn all() -> Vec<Shape<$item>> {
                let mut all = Vec::new();
                $(
                    let written = stringify!($($given)*);
                    let refuses = written.starts_with("Result") || written.starts_with("Attempt");
                    let opens: [(&'static str, Open<$item>); 3] = [
                        ("at_once", |script| Box::pin(async { $opened($shape::at_once("why?", script)) })),
                        ("later", |script| Box::pin(async { $opened($shape::later("why?", script).await) })),
                        ("in_a_box", |script| {
                            Box::pin(async { $opened($shape::in_a_box("why?", script).await) })
                        }),
                    ];
                    all.extend(opens.map(|(function, open)| Shape {
                        name: stringify!($shape),
                        function,
                        open,
                        refuses,
                    }));
                )*
                all
            }
        }
    };
    ($all:ident: $item:ty) => {
        shapes! {
            $all: $item;
            plain() -> [impl Stream<Item = $item> + Send + use<>], given, opened;
            pinned() -> [Pin<Box<dyn Stream<Item = $item> + Send>>], boxed, opened;
            named() -> [BoxStream<'static, $item>], boxed, opened;
            result() -> [Result<impl Stream<Item = $item> + Send + use<>, Fault>], attempted, opened_result;
            result_of_pinned() -> [Result<Pin<Box<dyn Stream<Item = $item> + Send>>, Fault>],
                attempted_box, opened_result;
            alias() -> [Answer<$item>], boxed, opened;
            alias_of_result() -> [Attempt<$item>], attempted_box, opened_result;
            declared(stream) -> [Answer<$item>], boxed, opened;
            result_declared(stream) -> [Attempt<$item>], attempted_box, opened_result;
            unpinned() -> [Box<dyn Stream<Item = $item> + Send + Unpin>], unpinned_box, opened;
            not_pinned() -> [Box<dyn Stream<Item = $item> + Send>], plain_box, opened_box;
            option() -> [Option<Answer<$item>>], some_box, opened_option;
            option_of_opaque() -> [Option<impl Stream<Item = $item> + Send + use<>>], Some, opened_option;
            result_of_option() -> [Result<Option<Answer<$item>>, Fault>], attempted_option, opened_result_option;
            first() -> [(Answer<$item>, u8)], first_of_pair, opened_first;
            second() -> [(u8, Answer<$item>)], second_of_pair, opened_second;
            second_opaque() -> [(u8, impl Stream<Item = $item> + Send + use<>)], opaque_pair, opened_second;
            third() -> [(u8, u8, Answer<$item>)], third_of_three, opened_third;
            result_of_pair() -> [Result<(u8, Answer<$item>), Fault>], attempted_pair, opened_result_pair;
            result_of_opaque_pair() -> [Result<(impl Stream<Item = $item> + Send + use<>, u8), Fault>],
                attempted_opaque_pair, opened_result_first;
        }
    };
}

shapes!(texts: String);
shapes!(results: Result<String, Fault>);
shapes!(opaque: Opaque);

fn given<T>(script: Script<T>) -> Script<T> {
    script
}

fn boxed<T: Send + 'static>(script: Script<T>) -> BoxStream<'static, T> {
    Box::pin(script)
}

fn attempted<T>(mut script: Script<T>) -> Result<Script<T>, Fault> {
    match script.refusal.take() {
        Some(fault) => Err(fault),
        None => Ok(script),
    }
}

fn attempted_box<T: Send + 'static>(script: Script<T>) -> Attempt<T> {
    attempted(script).map(boxed)
}

#[allow(clippy::unnecessary_wraps, reason = "what it opens is an attempt elsewhere")]
fn opened<T>(stream: impl Stream<Item = T> + Send + 'static) -> Attempt<T> {
    Ok(Box::pin(stream))
}

fn opened_result<T>(stream: Result<impl Stream<Item = T> + Send + 'static, Fault>) -> Attempt<T> {
    stream.and_then(opened)
}

fn unpinned_box<T: Send + 'static>(script: Script<T>) -> Box<dyn Stream<Item = T> + Send + Unpin> {
    Box::new(script)
}

fn plain_box<T: Send + 'static>(script: Script<T>) -> Box<dyn Stream<Item = T> + Send> {
    Box::new(script)
}

#[allow(clippy::unnecessary_wraps, reason = "what it opens is an attempt elsewhere")]
fn opened_box<T>(stream: Box<dyn Stream<Item = T> + Send>) -> Attempt<T> {
    Ok(Box::into_pin(stream))
}

#[allow(clippy::unnecessary_wraps, reason = "the shape is an option")]
fn some_box<T: Send + 'static>(script: Script<T>) -> Option<Answer<T>> {
    Some(boxed(script))
}

fn opened_option<T>(stream: Option<impl Stream<Item = T> + Send + 'static>) -> Attempt<T> {
    opened(stream.unwrap())
}

fn attempted_option<T: Send + 'static>(script: Script<T>) -> Result<Option<Answer<T>>, Fault> {
    attempted_box(script).map(Some)
}

fn opened_result_option<T: 'static>(stream: Result<Option<Answer<T>>, Fault>) -> Attempt<T> {
    stream.and_then(opened_option)
}

fn first_of_pair<T: Send + 'static>(script: Script<T>) -> (Answer<T>, u8) {
    (boxed(script), 5)
}

fn opened_first<T>((stream, five): (impl Stream<Item = T> + Send + 'static, u8)) -> Attempt<T> {
    assert_eq!(five, 5);
    opened(stream)
}

fn second_of_pair<T: Send + 'static>(script: Script<T>) -> (u8, Answer<T>) {
    (5, boxed(script))
}

fn opaque_pair<T>(script: Script<T>) -> (u8, Script<T>) {
    (5, script)
}

fn opened_second<T>((five, stream): (u8, impl Stream<Item = T> + Send + 'static)) -> Attempt<T> {
    assert_eq!(five, 5);
    opened(stream)
}

fn third_of_three<T: Send + 'static>(script: Script<T>) -> (u8, u8, Answer<T>) {
    (5, 6, boxed(script))
}

fn opened_third<T: 'static>((five, six, stream): (u8, u8, Answer<T>)) -> Attempt<T> {
    assert_eq!((five, six), (5, 6));
    opened(stream)
}

fn attempted_pair<T: Send + 'static>(script: Script<T>) -> Result<(u8, Answer<T>), Fault> {
    attempted_box(script).map(|stream| (5, stream))
}

fn opened_result_pair<T: 'static>(stream: Result<(u8, Answer<T>), Fault>) -> Attempt<T> {
    stream.and_then(opened_second)
}

fn attempted_opaque_pair<T>(script: Script<T>) -> Result<(Script<T>, u8), Fault> {
    attempted(script).map(|stream| (stream, 5))
}

fn opened_result_first<T>(stream: Result<(impl Stream<Item = T> + Send + 'static, u8), Fault>) -> Attempt<T> {
    stream.and_then(opened_first)
}
