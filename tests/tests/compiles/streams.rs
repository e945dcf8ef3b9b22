//! Functions that return a stream.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "streams_of_every_shape",
        "2018",
        r"
        use futures_core::Stream;
        use futures_core::stream::{BoxStream, LocalBoxStream};
        use std::future::Future;
        use std::pin::Pin;
        use std::task::{Context, Poll};
        #[derive(Clone, Debug)] pub struct Items<T>(Vec<T>);
        impl<T: Unpin> Stream for Items<T> { type Item = T; fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> { Poll::Ready(self.0.pop()) } }
        #[attr] pub fn hidden(x: u8) -> impl Stream<Item = u8> { Items(vec![x]) }
        #[attr] pub fn borrowed(text: &str) -> impl Stream<Item = &str> + '_ { Items(vec![text]) }
        #[attr] pub fn sent(x: u8) -> impl Stream<Item = Result<u8, String>> + Send + Unpin + 'static { Items(vec![Ok(x)]) }
        #[attr] pub async fn later(x: u8) -> impl Stream<Item = u8> { Items(vec![x]) }
        #[attr] pub fn result(x: u8) -> Result<impl Stream<Item = u8>, String> { if x > 3 { return Err(x.to_string()); } Ok(Items(vec![x])) }
        #[attr] pub async fn result_later(x: u8) -> Result<impl Stream<Item = u8> + Send, String> { if x > 3 { Err(x.to_string())?; } Ok(Items(vec![x])) }
        #[attr] pub fn boxed(x: u8) -> BoxStream<'static, u8> { Box::pin(Items(vec![x])) }
        #[attr] pub fn boxed_borrowed(text: &str) -> BoxStream<'_, &str> { Box::pin(Items(vec![text])) }
        #[attr] pub fn boxed_local(x: u8) -> LocalBoxStream<'static, u8> { Box::pin(Items(vec![x])) }
        #[attr] pub fn spelled<'a>(text: &'a str) -> Pin<Box<dyn Stream<Item = &'a str> + Send + 'a>> { Box::pin(Items(vec![text])) }
        #[attr] pub fn synced(x: u8) -> Pin<Box<dyn Stream<Item = u8> + Send + Sync>> { Box::pin(Items(vec![x])) }
        #[attr] pub fn boxed_result(x: u8) -> Result<BoxStream<'static, Result<u8, String>>, Box<dyn std::error::Error>> { if x > 3 { return Err(x.to_string().into()); } Ok(Box::pin(Items(vec![Ok(x)]))) }
        #[attr] pub async fn boxed_later(x: u8) -> Result<BoxStream<'static, u8>, String> { Ok(Box::pin(Items(vec![x]))) }
        #[attr] pub fn of_future(x: u8) -> impl Future<Output = impl Stream<Item = u8>> { async move { Items(vec![x]) } }
        #[attr] pub fn of_boxed_future<'a>(x: &'a u8) -> Pin<Box<dyn Future<Output = Result<BoxStream<'a, u8>, String>> + Send + 'a>> { Box::pin(async move { let stream: BoxStream<'a, u8> = Box::pin(Items(vec![*x])); Ok(stream) }) }
        fn is_sent<T: Send>(value: T) { drop(value); }
        pub fn all() { is_sent(hidden(1)); is_sent(sent(1)); is_sent(later(1)); is_sent(result_later(1)); is_sent(boxed_later(1)); is_sent(result(1)); }
        ",
    ),
    ok(
        "streams_of_generic_items",
        "2018",
        r"
        use futures_core::Stream;
        use futures_core::stream::BoxStream;
        use std::pin::Pin;
        #[attr] pub fn boxed<'a, T: Send + 'a>(stream: impl Stream<Item = T> + Send + 'a) -> BoxStream<'a, T> { Box::pin(stream) }
        #[attr] pub fn same<S: Stream>(stream: S) -> impl Stream<Item = S::Item> { stream }
        #[attr] pub async fn result<T, E, S>(stream: Result<S, E>) -> Result<impl Stream<Item = T>, E> where S: Stream<Item = T> { let stream = stream?; Ok(stream) }
        #[attr] pub fn of_results<'a, T: 'a, E: 'a>(stream: Pin<Box<dyn Stream<Item = Result<T, E>> + Send + 'a>>) -> Pin<Box<dyn Stream<Item = Result<T, E>> + Send + 'a>> { stream }
        pub struct Service<T>(Vec<T>);
        impl<T: Clone + Unpin + Send + Sync> Service<T> { #[attr] pub fn stream<'a>(&'a self, stream: BoxStream<'a, T>) -> BoxStream<'a, T> { let _ = &self.0; stream } }
        ",
    ),
    ok(
        "streams_behind_aliases",
        "2018",
        r"
        use futures_core::Stream;
        use std::pin::Pin;
        pub type Chunks = Pin<Box<dyn Stream<Item = Result<String, std::fmt::Error>> + Send>>;
        pub type Answer = Result<Chunks, String>;
        #[attr(stream)] pub fn alias(stream: Chunks) -> Chunks { stream }
        #[attr(stream)] pub async fn alias_later(stream: Chunks) -> Answer { Ok(stream) }
        #[attr] pub fn undeclared(stream: Chunks) -> Chunks { stream }
        #[attr] pub async fn undeclared_later(stream: Chunks) -> Answer { Ok(stream) }
        #[attr] pub fn option(x: u8, stream: Chunks) -> Option<Chunks> { if x > 1 { return None; } Some(stream) }
        #[attr] pub async fn nested(stream: Chunks) -> Result<Option<Answer>, std::fmt::Error> { Ok(Some(Ok(stream))) }
        #[attr] pub async fn pair(x: u8, stream: Chunks) -> Result<(u8, Chunks), String> { if x > 1 { Err(x.to_string())?; } Ok((x, stream)) }
        #[attr] pub fn both(one: Chunks, other: Chunks) -> (Chunks, Chunks) { (one, other) }
        #[attr] pub fn four(x: u8, stream: Chunks) -> (u8, u8, u8, Chunks) { (x, x, x, stream) }
        #[attr] pub fn list(stream: Chunks) -> Vec<Chunks> { vec![stream] }
        #[attr] pub fn unpinned(x: u8) -> Box<dyn Stream<Item = u8> + Send> { Box::new(Once(Some(x))) }
        #[attr(output = |chunks: &Chunks| chunks.size_hint().0)] pub fn selected(stream: Chunks) -> Chunks { stream }
        #[attr(skip_all, output = |chunks: &Chunks| chunks.size_hint().0)] pub async fn selected_later(stream: Chunks) -> Result<Chunks, String> { Ok(stream) }
        #[attr(err)] pub fn observed(stream: Chunks) -> Answer { Ok(stream) }
        #[attr(err)] pub async fn observed_later(stream: Chunks) -> Answer { Ok(stream) }
        #[attr] #[track_caller] pub fn tracked(stream: Chunks) -> Answer { Ok(stream) }
        pub struct Once(Option<u8>);
        impl Stream for Once { type Item = u8; fn poll_next(mut self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<u8>> { std::task::Poll::Ready(self.0.take()) } }
        fn is_sent<T: Send>(value: T) -> T { value }
        pub fn all(stream: Chunks, other: Chunks) { drop(is_sent(pair(1, stream))); drop(is_sent(undeclared_later(is_sent(alias(other))))); }
        ",
    ),
    ok(
        "streams_behind_aliases_with_parameters",
        "2018",
        r"
        use futures_core::Stream;
        use std::pin::Pin;
        pub type Chunks<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;
        pub type Texts<'a> = Pin<Box<dyn Stream<Item = &'a str> + 'a>>;
        pub type Always<T> = Pin<Box<dyn Stream<Item = T>>>;
        #[attr] pub fn texts(stream: Texts<'_>) -> Texts<'_> { stream }
        #[attr] pub async fn texts_later<'a>(stream: Texts<'a>, _other: &str) -> Result<Texts<'a>, &'a str> { Ok(stream) }
        #[attr] pub fn same<'a, T>(stream: Chunks<'a, T>) -> Chunks<'a, T> { stream }
        #[attr] pub async fn later<'a, T>(stream: Chunks<'a, T>) -> Result<Chunks<'a, T>, T> { Ok(stream) }
        #[attr] pub fn pair<T>(x: u8, stream: Always<T>) -> (u8, Always<T>) { (x, stream) }
        #[attr] pub fn of_other<T, S: Stream<Item = T> + 'static>(stream: S) -> Always<T> { Box::pin(stream) }
        #[attr] pub fn of_other_lifetime<'a>(stream: Chunks<'static, &'a str>) -> Chunks<'static, &'a str> { stream }
        #[attr] pub fn bounded<'a, T: 'a>(stream: Chunks<'a, T>) -> Option<Chunks<'a, T>> { Some(stream) }
        #[attr(stream)] pub fn declared<'a, T>(stream: Chunks<'a, T>) -> Chunks<'a, T> where T: 'a { stream }
        pub struct Service<'c, T>(&'c T);
        impl<'c, T: Clone + Send + Sync> Service<'c, T> {
            #[attr] pub fn own(&self, stream: Chunks<'c, T>) -> Chunks<'c, T> { let _ = self.0; stream }
            #[attr] pub async fn borrowed<'a>(&'a self, stream: Chunks<'a, &'a T>) -> Result<Chunks<'a, &'a T>, String> { Ok(stream) }
        }
        pub trait Model { type Answer; type Stream: Stream<Item = u8>; fn ask(&self) -> Self::Answer; fn stream(&self) -> Self::Stream; }
        impl<T: Clone + 'static> Model for Service<'static, T> {
            type Answer = Always<T>;
            type Stream = Always<u8>;
            #[attr] fn ask(&self) -> Self::Answer { unimplemented!() }
            #[attr] fn stream(&self) -> Self::Stream { unimplemented!() }
        }
        #[attr] pub fn of_model<M: Model>(model: &M) -> M::Answer { model.ask() }
        ",
    ),
    ok(
        "streams_that_stay_as_they_are",
        "2018",
        r"
        #![allow(deprecated)]
        use futures_core::Stream;
        use std::pin::Pin;
        use std::task::{Context, Poll};
        #[derive(Clone, Debug, Default)] pub struct Items(Vec<u8>);
        impl Stream for Items { type Item = u8; fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u8>> { Poll::Ready(self.0.pop()) } }
        pub trait Model { type Stream: Stream<Item = u8>; fn stream(&self) -> Self::Stream; }
        #[attr] pub fn named(items: Items) -> Items { items }
        #[attr] pub async fn result(items: Result<Items, String>) -> Result<Items, String> { let items = items?; Ok(items) }
        #[attr] pub fn option(items: Items) -> Option<Items> { Some(items) }
        #[attr] pub async fn pair(items: Items) -> Result<(u8, Items), String> { Ok((1, items)) }
        #[attr] pub fn both(one: Items, other: Items) -> (Items, Items) { (one, other) }
        #[attr] pub fn mixed(one: Items, other: Pin<Box<dyn Stream<Item = u8>>>) -> (Items, Pin<Box<dyn Stream<Item = u8>>>) { (one, other) }
        #[attr] pub fn boxed(items: Items) -> Box<Items> { Box::new(items) }
        #[attr] pub fn generic<S: Stream>(stream: S) -> S { stream }
        #[attr] pub async fn generic_later<S>(stream: S) -> Result<S, String> where S: Stream + Unpin { Ok(stream) }
        #[attr] pub fn unbound<S>(stream: S) -> S { stream }
        #[attr] pub fn of_model<M: Model>(model: &M) -> M::Stream { model.stream() }
        #[attr] pub fn mutable(items: &mut Items) -> &mut Items { items }
        #[attr(output = |items: &Items| items.0.len())] pub fn selected(items: Items) -> Items { items }
        #[attr(ret)] pub fn observed(items: Items) -> Items { items }
        ",
    ),
    ok(
        "streams_with_more_traits",
        "2018",
        r"
        use futures_core::Stream;
        use futures_core::stream::FusedStream;
        use std::fmt::Debug;
        use std::pin::Pin;
        use std::task::{Context, Poll};
        #[derive(Clone, Debug, Default)] pub struct Items(Vec<u8>);
        impl Stream for Items { type Item = u8; fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u8>> { Poll::Ready(self.0.pop()) } }
        impl FusedStream for Items { fn is_terminated(&self) -> bool { self.0.is_empty() } }
        pub trait Named { fn name(&self) -> u8 { 1 } }
        impl Named for Items {}
        #[attr] pub fn fused() -> impl Stream<Item = u8> + FusedStream { Items::default() }
        #[allow(deprecated)] #[attr] pub fn debugged() -> impl Stream<Item = u8> + Debug { Items::default() }
        #[allow(deprecated)] #[attr] pub fn cloned() -> impl Stream<Item = u8> + Clone { Items::default() }
        #[allow(deprecated)] #[attr] pub fn named() -> impl Stream<Item = u8> + Named { Items::default() }
        #[attr] pub fn boxed_fused() -> Pin<Box<dyn FusedStream<Item = u8> + Send>> { Box::pin(Items::default()) }
        #[attr] pub fn boxed_unpin() -> Box<dyn Stream<Item = u8> + Unpin> { Box::new(Items::default()) }
        #[allow(deprecated)] #[attr] pub fn boxed_unwind() -> Pin<Box<dyn Stream<Item = u8> + std::panic::UnwindSafe>> { Box::pin(Items::default()) }
        #[attr] pub fn boxed_supertrait() -> Pin<Box<dyn Stream<Item = u8> + Send + Sync + Unpin>> { Box::pin(Items::default()) }
        #[attr] pub fn option(x: u8) -> Option<impl Stream<Item = u8>> { if x > 1 { None } else { Some(Items::default()) } }
        #[attr] pub fn pair(x: u8) -> (impl Stream<Item = u8>, u8) { (Items::default(), x) }
        #[attr] pub async fn attempt(x: u8) -> Result<(u8, impl Stream<Item = u8>), String> { if x > 1 { return Err(x.to_string()); } Ok((x, Items::default())) }
        #[attr] pub fn two() -> (impl Stream<Item = u8>, impl Stream<Item = u8>) { (Items::default(), Items::default()) }
        #[attr] pub fn in_another(x: u8) -> Vec<impl Stream<Item = u8>> { vec![Items(vec![x])] }
        ",
    ),
    ok(
        "aliases_called_like_streams",
        "2018",
        r"
        pub type BoxStream<T> = Box<dyn Iterator<Item = T>>;
        pub struct LocalBoxStream(pub u8);
        pub trait Stream { fn next(&mut self) -> u8; }
        impl Stream for u8 { fn next(&mut self) -> u8 { *self } }
        #[attr] pub fn alias(x: u8) -> BoxStream<u8> { Box::new(0..x) }
        #[attr] pub fn own(x: u8) -> Result<LocalBoxStream, String> { Ok(LocalBoxStream(x)) }
        #[attr] pub fn hidden(x: u8) -> impl Stream { x }
        #[attr] pub fn boxed(x: u8) -> std::pin::Pin<Box<dyn Stream>> { Box::pin(x) }
        ",
    ),
    err(
        "a_stream_of_other_items",
        "2018",
        &["E0271"],
        r"
        use futures_core::Stream;
        #[attr]
        pub fn wrong(stream: impl Stream<Item = u8>)
            -> impl Stream<Item = u16>
        {
            stream
        }
        ",
    ),
    err(
        "no_stream_at_all",
        "2018",
        &["E0277"],
        r"
        use futures_core::Stream;
        #[attr]
        pub fn wrong(x: u8)
            -> impl Stream<Item = u8>
        {
            x
        }
        ",
    ),
];
