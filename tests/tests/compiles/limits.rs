//! The few known differences, with their reasons.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    // The body of an async function is boxed, so it can be recursive.
    err(
        "an_async_function_that_holds_itself",
        "2018",
        &["E0733"],
        r"
        #[attr] pub async fn endless(x: u8) -> u8 {
            if x == 0 { 0 } else { endless(x - 1).await }
        }
        ",
    ),
    // The lint looks for the recursive call in the function, but the call is in a closure.
    err(
        "a_function_that_only_calls_itself",
        "2018",
        &["unconditional_recursion"],
        r"
        #[attr] pub fn endless(x: u8) -> u8 {
            endless(x)
        }
        ",
    ),
    // The same mistake has another error code in a closure.
    err(
        "a_break_out_of_nothing",
        "2018",
        &["E0268"],
        r"
        #[attr] pub fn wrong(x: u8) -> u8 {
            if x > 1 { break; }
            x
        }
        ",
    ),
    // Each pattern is bound by a separate statement, so a later pattern can bind the same name again.
    err(
        "a_name_bound_twice_in_patterns",
        "2018",
        &["E0415"],
        r"
        #[attr]
        pub fn twice(
            (_text, _): (u8, u8),
            [_text]: [u8; 1],
        ) -> u8 {
            1
        }
        ",
    ),
    // The body of an async function is an inner block. The compiler does not propagate the signature from `impl
    // Fn` into it.
    ok(
        "a_closure_given_later",
        "2018",
        r"
        #[attr] pub async fn length_later() -> impl Fn(&str) -> usize { |text| text.len() }
        ",
    ),
    // The attribute recognizes a trait by its name and its associated type.
    ok(
        "another_trait_called_future_with_an_output",
        "2018",
        r"
        pub trait Future { type Output; fn get(self) -> Self::Output; }
        impl Future for u8 { type Output = u8; fn get(self) -> u8 { self } }
        #[attr] pub fn hidden(x: u8) -> impl Future<Output = u8> { x }
        ",
    ),
    ok(
        "another_trait_called_stream_with_items",
        "2018",
        r"
        pub trait Stream { type Item; fn get(self) -> Self::Item; }
        impl Stream for u8 { type Item = u8; fn get(self) -> u8 { self } }
        #[attr] pub fn hidden(x: u8) -> impl Stream<Item = u8> { x }
        ",
    ),
    // The items of the stream cannot be logged, of which the compiler warns. Here warnings are errors.
    ok(
        "a_stream_of_a_type_that_must_not_change",
        "2018",
        r"
        use futures_core::Stream;
        use std::pin::Pin;
        use std::task::{Context, Poll};
        pub struct Items(Vec<u8>);
        impl Stream for Items { type Item = u8; fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u8>> { Poll::Ready(self.0.pop()) } }
        #[attr] pub fn same(stream: Items) -> Items { stream }
        ",
    ),
    // The parameters of the type around the method are not known here.
    ok(
        "a_boxed_stream_of_items_of_a_generic_type",
        "2018",
        r"
        use futures_core::Stream;
        use std::pin::Pin;
        pub type Chunks<'a, T> = Pin<Box<dyn Stream<Item = T> + 'a>>;
        pub struct Service<T>(T);
        impl<T> Service<T> {
            #[attr] pub fn same<'a>(&self, stream: Chunks<'a, T>) -> Chunks<'a, T> { stream }
        }
        ",
    ),
    // The stream is boxed again, so its items must be declared to live as long as the box.
    ok(
        "a_boxed_stream_of_items_that_may_not_live",
        "2018",
        r"
        use futures_core::stream::BoxStream;
        #[attr] pub fn same<'a, T>(stream: BoxStream<'a, T>) -> BoxStream<'a, T> { stream }
        ",
    ),
];
