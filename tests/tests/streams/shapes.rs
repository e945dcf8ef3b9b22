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
            alias(stream) -> [Answer<$item>], boxed, opened;
            alias_of_result(stream) -> [Attempt<$item>], attempted_box, opened_result;
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
