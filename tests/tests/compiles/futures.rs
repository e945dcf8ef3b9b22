//! Futures: `async fn`, and functions that return a future.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "futures_that_functions_return",
        "2018",
        r#"
        use std::future::{Future, IntoFuture, Ready, ready};
        use std::pin::Pin;
        #[attr] pub fn block(text: &str) -> impl Future<Output = usize> + '_ { async move { text.len() } }
        #[attr] pub fn sent(text: String) -> impl Future<Output = Result<usize, String>> + Send + 'static { async move { if text.is_empty() { return Err(text); } Ok(text.len()) } }
        #[attr] pub fn unpinned(x: u8) -> impl Future<Output = u8> + Unpin { ready(x) }
        #[attr] pub fn boxed(text: &str) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> { Box::pin(async move { text.len() }) }
        #[attr] pub fn boxed_local(text: &str) -> Pin<Box<dyn Future<Output = usize> + '_>> { let rc = std::rc::Rc::new(1); Box::pin(async move { text.len() + *rc }) }
        #[attr] pub fn boxed_sync(x: u8) -> Pin<Box<dyn Future<Output = u8> + Send + Sync>> { Box::pin(ready(x)) }
        #[attr] pub fn early(x: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> { if x > 3 { return Box::pin(ready(3)); } Box::pin(async move { x }) }
        #[allow(deprecated)] #[attr] pub fn named(x: u8) -> Ready<u8> { ready(x) }
        #[allow(deprecated)] #[attr] pub fn result(x: u8) -> Result<impl Future<Output = u8>, String> { if x > 3 { return Err(x.to_string()); } Ok(async move { x }) }
        #[allow(deprecated)] #[attr] pub fn option(x: u8) -> Option<Pin<Box<dyn Future<Output = u8>>>> { if x > 3 { None } else { Some(Box::pin(ready(x))) } }
        #[attr] pub fn converted(x: u8) -> impl IntoFuture<Output = u8> { ready(x) }
        #[allow(deprecated)] #[attr] pub async fn of_future(x: u8) -> impl Future<Output = u8> { async move { x } }
        #[allow(deprecated)] #[attr] pub fn nested(x: u8) -> impl Future<Output = impl Future<Output = u8>> { async move { ready(x) } }
        #[attr] pub fn never() -> impl Future<Output = u8> { async { panic!("no model") } }
        "#,
    ),
    ok(
        "boxed_by_helpers_and_aliases",
        "2018",
        r"
        use std::future::Future;
        use std::pin::Pin;
        pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
        pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
        pub trait FutureExt: Future + Sized { fn boxed<'a>(self) -> BoxFuture<'a, Self::Output> where Self: Send + 'a { Box::pin(self) } }
        impl<F: Future> FutureExt for F {}
        #[attr] pub fn aliased(text: &str) -> BoxFuture<'_, usize> { async move { text.len() }.boxed() }
        #[attr] pub fn of_result<'a>(text: &'a str) -> BoxFuture<'a, Result<usize, std::num::ParseIntError>> { async move { let length: usize = text.parse()?; Ok(length) }.boxed() }
        #[attr] pub fn local(text: &str) -> LocalBoxFuture<'_, usize> { Box::pin(async move { text.len() }) }
        #[attr] pub fn of_static() -> BoxFuture<'static, ()> { Box::pin(async {}) }
        #[attr] pub async fn awaited(text: &str) -> usize { aliased(text).await + async { 1 }.boxed().await }
        #[attr] pub fn generic<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> { async move { value }.boxed() }
        ",
    ),
    ok(
        "aliases_that_box_otherwise",
        "2018",
        r"
        use std::future::Future;
        use std::pin::Pin;
        pub mod unpinned { use super::*; pub type BoxFuture<T> = Box<dyn Future<Output = T> + Unpin>; #[attr] pub fn boxed(x: u8) -> BoxFuture<u8> { Box::new(std::future::ready(x)) } }
        pub mod of_result { use super::*; pub type BoxFuture<'a> = Pin<Box<dyn Future<Output = Result<u8, String>> + Send + 'a>>; #[attr] pub fn boxed(x: &u8) -> BoxFuture<'_> { Box::pin(async move { Ok(*x) }) } }
        pub mod own { pub struct BoxFuture<T>(pub T); #[attr] pub fn boxed(x: u8) -> BoxFuture<u8> { BoxFuture(x) } }
        pub mod own_local { pub struct LocalBoxFuture; #[attr] pub fn boxed() -> LocalBoxFuture { LocalBoxFuture } }
        ",
    ),
    ok(
        "boxed_futures_of_other_names",
        "2018",
        r"
        use std::future::{Future, ready};
        use std::pin::Pin;
        pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;
        pub type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
        #[attr] pub fn later(x: u8) -> Later<Result<u8, String>> { if x > 3 { return Box::pin(ready(Err(x.to_string()))); } Box::pin(async move { Ok(x) }) }
        #[attr] pub fn local(text: &str) -> Local<'_, usize> { Box::pin(async move { text.len() }) }
        #[attr] pub fn unpinned(x: u8) -> Box<dyn Future<Output = u8> + Unpin> { Box::new(ready(x)) }
        #[attr] pub fn same<'a, T>(future: Local<'a, T>) -> Local<'a, T> { future }
        #[attr] pub fn bounded<'a, T: 'a>(future: Local<'a, T>) -> Local<'a, T> { future }
        #[attr] pub fn of_other<T, F: Future<Output = T> + Send + 'static>(future: F) -> Later<T> { Box::pin(future) }
        #[attr(output = |length: &usize| *length)] pub fn selected(text: &str) -> Local<'_, usize> { Box::pin(async move { text.len() }) }
        #[attr] #[track_caller] pub fn value_at(x: u8) -> String { x.to_string() }
        #[attr(stream)] pub fn of_stream(x: u8) -> Later<Pin<Box<dyn futures_core::Stream<Item = u8>>>> { let _ = x; unimplemented!() }
        pub trait Service<R> { type Response; type Error; type Future: Future<Output = Result<Self::Response, Self::Error>>; fn call(&mut self, request: R) -> Self::Future; }
        #[derive(Clone)] pub struct Around<S>(S);
        impl<S, R> Service<R> for Around<S> where S: Service<R> + Clone + Send + 'static, S::Future: Send + 'static, R: Send + 'static {
            type Response = S::Response;
            type Error = S::Error;
            type Future = Later<Result<S::Response, S::Error>>;
            #[attr] fn call(&mut self, request: R) -> Self::Future { let mut inner = self.0.clone(); Box::pin(async move { inner.call(request).await }) }
        }
        #[derive(Clone)] pub struct Plain;
        impl Service<u8> for Plain {
            type Response = u8;
            type Error = String;
            type Future = std::future::Ready<Result<u8, String>>;
            #[allow(deprecated)] #[attr] fn call(&mut self, request: u8) -> Self::Future { ready(Ok(request)) }
        }
        fn sent<T: Send>(value: T) { drop(value); }
        pub fn all() { sent(later(1)); sent(of_other(ready(1))); sent(Around(Plain).call(1)); }
        ",
    ),
    ok(
        "futures_with_more_traits",
        "2018",
        r"
        use std::fmt::Debug;
        use std::future::{Future, ready};
        use std::panic::UnwindSafe;
        use std::pin::Pin;
        pub trait Named { fn name(&self) -> u8 { 1 } }
        impl<T> Named for std::future::Ready<T> {}
        #[allow(deprecated)] #[attr] pub fn cloned(x: u8) -> impl Future<Output = u8> + Clone { ready(x) }
        #[allow(deprecated)] #[attr] pub fn debugged(x: u8) -> impl Future<Output = u8> + Debug { ready(x) }
        #[allow(deprecated)] #[attr] pub fn named(x: u8) -> impl Named + Future<Output = u8> { ready(x) }
        #[attr] pub fn synced(x: u8) -> impl Future<Output = u8> + Send + Sync + Unpin { ready(x) }
        #[allow(deprecated)] #[attr] pub fn unwind(x: u8) -> impl Future<Output = u8> + UnwindSafe { ready(x) }
        #[allow(deprecated)] #[attr] pub fn boxed_unwind(x: u8) -> Pin<Box<dyn Future<Output = u8> + Send + UnwindSafe>> { Box::pin(ready(x)) }
        #[attr] pub fn boxed_unpin(x: u8) -> Pin<Box<dyn Future<Output = u8> + Unpin>> { Box::pin(ready(x)) }
        ",
    ),
    ok(
        "other_traits_called_future",
        "2018",
        r"
        pub trait Future { fn get(self) -> u8; }
        impl Future for u8 { fn get(self) -> u8 { self } }
        #[attr] pub fn hidden(x: u8) -> impl Future { x }
        #[attr] pub fn boxed(x: u8) -> Result<Box<impl Future>, u8> { Ok(Box::new(x)) }
        ",
    ),
    ok(
        "futures_that_are_sent",
        "2018",
        r"
        use std::cell::Cell;
        use std::future::Future;
        use std::pin::Pin;
        pub struct NotSync(Cell<u8>);
        fn sent<T: Send>(value: T) { drop(value); }
        async fn pause() {}
        #[attr] pub async fn plain(text: &str) -> usize { pause().await; text.len() }
        #[attr] pub async fn not_sync(value: NotSync) -> u8 { pause().await; value.0.get() }
        #[attr] pub async fn boxed(future: Pin<Box<dyn Future<Output = u8> + Send>>) -> Result<u8, Box<dyn std::error::Error + Send>> { Ok(future.await) }
        #[attr] pub async fn generic<T: Send, F: Future<Output = T> + Send>(future: F) -> T { future.await }
        #[attr] pub async fn higher(f: Box<dyn for<'a> Fn(&'a str) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> + Send + Sync>) -> usize { let text = String::new(); f(&text).await }
        #[attr] pub async fn iterated(list: Vec<&str>) -> usize { let mut sum = 0; for text in list.iter().map(|text| plain(text)) { sum += text.await; } sum }
        #[attr] pub async fn local_dropped(x: u8) -> u8 { { let rc = std::rc::Rc::new(x); drop(rc); } pause().await; x }
        #[attr] pub async fn mutable(list: &mut Vec<u8>) -> usize { let part = &mut list[..]; pause().await; part.len() }
        #[attr(output = |length: &usize| *length, metadata(x = text.len()), fields(text), err, ret)] pub async fn every(text: &str) -> Result<usize, String> { pause().await; Ok(text.len()) }
        #[attr] pub async fn chain(text: &str) -> usize { plain(text).await + Box::pin(every(text)).await.unwrap_or(0) }
        pub fn all(text: &'static str) {
            sent(plain(text)); sent(not_sync(NotSync(Cell::new(1)))); sent(boxed(Box::pin(pause_u8()))); sent(generic(pause())); sent(iterated(vec![text]));
            sent(local_dropped(1)); sent(mutable(&mut Vec::new())); sent(every(text)); sent(chain(text)); sent(higher(Box::new(|text| Box::pin(plain(text)))));
        }
        async fn pause_u8() -> u8 { 1 }
        ",
    ),
    ok(
        "futures_sent_for_every_lifetime",
        "2018",
        r"
        use std::future::Future;
        use std::pin::Pin;
        pub trait Model: Send + Sync { fn ask<'a>(&'a self, text: &'a str) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>>; }
        #[attr] async fn inner<'a>(model: &'a dyn Model, texts: &'a [&'a str]) -> usize { let mut sum = 0; for text in texts { sum += model.ask(text).await; } sum }
        #[attr] async fn outer(model: std::sync::Arc<dyn Model>, texts: Vec<String>) -> usize { let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect(); inner(&*model, &borrowed).await }
        pub fn spawn(model: std::sync::Arc<dyn Model>) -> Pin<Box<dyn Future<Output = usize> + Send + 'static>> { Box::pin(outer(model, vec![String::new()])) }
        #[attr] pub async fn mapped<T, F, U>(list: Vec<T>, f: F) -> Vec<U> where T: Send, U: Send, F: for<'x> Fn(&'x T) -> Pin<Box<dyn Future<Output = U> + Send + 'x>> + Send + Sync { let mut all = Vec::new(); for item in &list { all.push(f(item).await); } all }
        pub fn spawn_mapped() -> impl Future<Output = Vec<usize>> + Send + 'static { mapped(vec![String::new()], |text| Box::pin(async move { text.len() })) }
        ",
    ),
    ok(
        "futures_that_stay_local",
        "2018",
        r"
        use std::future::Future;
        use std::rc::Rc;
        async fn pause() {}
        #[attr] pub async fn held(text: Rc<String>) -> usize { pause().await; text.len() }
        #[attr] pub async fn made(x: u8) -> Rc<u8> { let rc = Rc::new(x); pause().await; rc }
        #[attr] pub async fn result(x: u8) -> Result<Rc<u8>, Rc<u8>> { let rc = Rc::new(x); pause().await; if x > 1 { return Err(rc); } Ok(rc) }
        #[attr] pub fn boxed(x: Rc<u8>) -> impl Future<Output = Rc<u8>> { async move { pause().await; x } }
        ",
    ),
    ok(
        "many_awaits_and_selects",
        "2018",
        r"
        use std::future::{Future, poll_fn};
        use std::pin::{Pin, pin};
        use std::task::Poll;
        #[attr] pub async fn first(a: impl Future<Output = u8>, b: impl Future<Output = u8>) -> u8 {
            let mut a = pin!(a); let mut b = pin!(b);
            poll_fn(|context| { if let Poll::Ready(x) = a.as_mut().poll(context) { return Poll::Ready(x); } b.as_mut().poll(context) }).await
        }
        #[attr] pub async fn all(futures: Vec<Pin<Box<dyn Future<Output = u8> + Send>>>) -> Vec<u8> { let mut all = Vec::new(); for future in futures { all.push(future.await); } all }
        ",
    ),
    err(
        "a_future_that_is_not_sent",
        "2018",
        &[""],
        r"
        fn sent<T: Send>(value: T) { drop(value); }
        #[attr] pub async fn held(text: std::rc::Rc<String>) -> usize { text.len() }
        pub fn all() {
            sent(held(std::rc::Rc::new(String::new())));
        }
        ",
    ),
    err(
        "a_future_that_holds_what_is_not_sent",
        "2018",
        &[""],
        r"
        fn sent<T: Send>(value: T) { drop(value); }
        #[attr] pub async fn held(x: u8) -> u8 { let rc = std::rc::Rc::new(x); std::future::ready(()).await; *rc }
        pub fn all() {
            sent(held(1));
        }
        ",
    ),
    err(
        "a_returned_future_that_is_not_sent",
        "2018",
        &[""],
        r"
        use std::future::Future;
        #[attr]
        pub fn held(text: std::rc::Rc<u8>)
            -> impl Future<Output = u8> + Send
        {
            async move { *text }
        }
        ",
    ),
    err(
        "a_boxed_future_of_another_value",
        "2018",
        &["E0271"],
        r"
        use std::future::Future;
        use std::pin::Pin;
        #[attr]
        pub fn held(x: u8) -> Pin<Box<dyn Future<Output = u16>>> {
            Box::pin(async move { x })
        }
        ",
    ),
    err(
        "a_future_that_does_not_live_long_enough",
        "2018",
        &[""],
        r"
        use std::future::Future;
        use std::pin::Pin;
        #[attr]
        pub fn held(text: &str) -> Pin<Box<dyn Future<Output = usize>>> { Box::pin(async move { text.len() }) }
        ",
    ),
];
