//! Functions in traits and in their implementations.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "default_methods_and_implementations",
        "2018",
        r"
        pub trait Model {
            const NAME: &'static str;
            type Answer: Default;
            fn prefix(&self) -> String;
            #[attr] fn ask(&self, question: &str) -> String { self.prefix() + question + Self::NAME }
            #[attr] fn answer(&self) -> Self::Answer { Self::Answer::default() }
            #[attr] fn sized(self) -> Self where Self: Sized { self }
            #[attr] fn generic<T: Into<String>>(&mut self, text: T) -> String { text.into() + &self.prefix() }
        }
        pub struct Local(String);
        impl Model for Local {
            const NAME: &'static str = stringify!(local);
            type Answer = Vec<u8>;
            #[attr(tags = [Self::NAME])] fn prefix(&self) -> String { self.0.clone() }
            #[attr] fn answer(&self) -> Self::Answer { vec![1] }
            #[attr] fn generic<T>(&mut self, text: T) -> String where T: Into<String> { self.0.push('x'); text.into() }
        }
        ",
    ),
    ok(
        "async_functions_in_traits",
        "2018",
        r"
        #![allow(async_fn_in_trait)]
        pub trait Model {
            async fn ask(&self, question: &str) -> Result<String, std::fmt::Error>;
            #[attr] async fn twice(&mut self, question: &str) -> Result<String, std::fmt::Error> { Ok(self.ask(question).await? + &self.ask(question).await?) }
            #[attr] async fn generic<T: AsRef<str>>(&self, text: T) -> usize { text.as_ref().len() }
            #[attr] async fn taken(self) -> u8 where Self: Sized { 1 }
        }
        pub struct Local(String);
        impl Model for Local {
            #[attr] async fn ask(&self, question: &str) -> Result<String, std::fmt::Error> { std::future::ready(()).await; Ok(self.0.clone() + question) }
            #[attr] async fn twice(&mut self, question: &str) -> Result<String, std::fmt::Error> { self.0.push('x'); self.ask(question).await }
        }
        impl<M: Model> Model for Vec<M> {
            #[attr] async fn ask(&self, question: &str) -> Result<String, std::fmt::Error> { self[0].ask(question).await }
        }
        ",
    ),
    ok(
        "impl_trait_in_traits",
        "2018",
        r"
        use std::future::Future;
        pub trait Model {
            fn ask(&self, question: &str) -> impl Future<Output = String> + Send;
            #[attr] fn length(&self, question: &str) -> impl Future<Output = usize> + Send { let length = question.len(); async move { length } }
            #[attr] fn words<'a>(&self, question: &'a str) -> impl Iterator<Item = &'a str> { question.split(' ') }
        }
        pub struct Local(String);
        impl Model for Local {
            #[attr] fn ask(&self, question: &str) -> impl Future<Output = String> + Send { let answer = self.0.clone() + question; async move { answer } }
        }
        pub struct Other(String);
        impl Model for Other {
            #[attr] async fn ask(&self, question: &str) -> String { self.0.clone() + question }
        }
        fn sent<T: Send>(value: T) { drop(value); }
        pub fn all_are_sent(local: &Local, other: &Other) { sent(local.ask(stringify!(a))); sent(other.ask(stringify!(a))); sent(local.length(stringify!(a))); }
        ",
    ),
    ok(
        "boxed_futures_in_traits",
        "2018",
        r"
        use std::future::Future;
        use std::pin::Pin;
        pub trait Model {
            fn ask<'a>(&'a self, question: &'a str) -> Pin<Box<dyn Future<Output = String> + Send + 'a>>;
            #[attr] fn length<'a, 'b, 'c>(&'a self, question: &'b str) -> Pin<Box<dyn Future<Output = usize> + Send + 'c>> where 'a: 'c, 'b: 'c, Self: Sync + 'c {
                Box::pin(async move { self.ask(question).await.len() })
            }
        }
        pub struct Local<T>(T);
        impl<T: Clone + Into<String> + Send + Sync> Model for Local<T> {
            #[attr] fn ask<'a>(&'a self, question: &'a str) -> Pin<Box<dyn Future<Output = String> + Send + 'a>> {
                Box::pin(async move { std::future::ready(()).await; self.0.clone().into() + question })
            }
        }
        pub fn object(model: &dyn Model) -> &dyn Model { model }
        ",
    ),
    ok(
        "the_crate_async_trait",
        "2018",
        r"
        use async_trait::async_trait;
        #[async_trait] pub trait Model: Send + Sync {
            async fn ask(&self, question: &str) -> Result<String, std::fmt::Error>;
            #[attr] async fn length(&self, question: &str) -> Result<usize, std::fmt::Error> { Ok(self.ask(question).await?.len()) }
            #[attr(skip(self, other))] async fn generic<T: Send>(&mut self, other: T, _: u8) -> T where Self: Sized { other }
        }
        pub struct Local(String);
        #[async_trait] impl Model for Local {
            #[attr(tags = [stringify!(local)], metadata(name = self.0), input = question)]
            async fn ask(&self, question: &str) -> Result<String, std::fmt::Error> { std::future::ready(()).await; if question.is_empty() { return Err(std::fmt::Error); } Ok(self.0.clone() + question) }
            #[attr] async fn length(&self, question: &str) -> Result<usize, std::fmt::Error> { Ok(question.len()) }
        }
        pub struct Wrapped<M>(M);
        #[async_trait] impl<M: Model> Model for Wrapped<M> {
            #[attr] async fn ask(&self, question: &str) -> Result<String, std::fmt::Error> { self.0.ask(question).await }
        }
        pub fn object(model: Box<dyn Model>) -> Box<dyn Model> { model }
        ",
    ),
    ok(
        "the_crate_async_trait_without_send",
        "2018",
        r"
        use async_trait::async_trait;
        use std::rc::Rc;
        #[async_trait(?Send)] pub trait Model {
            #[attr] async fn length(self: Rc<Self>, question: &str, (a, _): (u8, u8)) -> usize { std::future::ready(()).await; question.len() + usize::from(a) }
            async fn ask(&mut self) -> Rc<u8>;
        }
        pub struct Local(Rc<u8>);
        #[async_trait(?Send)] impl Model for Local {
            #[attr] async fn ask(&mut self) -> Rc<u8> { let kept = Rc::clone(&self.0); std::future::ready(()).await; kept }
        }
        ",
    ),
    ok(
        "operators_and_foreign_traits",
        "2018",
        r"
        use std::fmt;
        use std::future::Future;
        use std::ops::{Add, Deref, DerefMut, Index};
        pub struct Tokens(u64, Vec<u8>);
        impl Add for Tokens { type Output = Self; #[allow(deprecated)] #[attr] fn add(self, other: Self) -> Self { Tokens(self.0 + other.0, self.1) } }
        impl Index<usize> for Tokens { type Output = u8; #[attr] fn index(&self, at: usize) -> &u8 { &self.1[at] } }
        impl Deref for Tokens { type Target = Vec<u8>; #[attr] fn deref(&self) -> &Self::Target { &self.1 } }
        impl DerefMut for Tokens { #[attr] fn deref_mut(&mut self) -> &mut Self::Target { &mut self.1 } }
        impl fmt::Display for Tokens { #[attr] fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(stringify!(tokens)) } }
        pub struct Dropped(u64); impl Drop for Dropped { #[attr] fn drop(&mut self) { self.0 = 0; } }
        impl Iterator for Tokens { type Item = u8; #[attr] fn next(&mut self) -> Option<Self::Item> { self.1.pop() } }
        impl From<u64> for Tokens { #[allow(deprecated)] #[attr] fn from(count: u64) -> Self { Self(count, Vec::new()) } }
        impl std::str::FromStr for Tokens { type Err = std::num::ParseIntError; #[allow(deprecated)] #[attr] fn from_str(text: &str) -> Result<Self, Self::Err> { Ok(Self(text.parse()?, Vec::new())) } }
        impl Future for Tokens { type Output = u64; #[attr] fn poll(self: std::pin::Pin<&mut Self>, _context: &mut std::task::Context<'_>) -> std::task::Poll<u64> { std::task::Poll::Ready(self.0) } }
        ",
    ),
    ok(
        "associated_types_of_arguments",
        "2018",
        r"
        pub trait Provider { type Request<'a> where Self: 'a; type Answer; type Error: std::error::Error; fn call<'a>(&'a self, request: Self::Request<'a>) -> Result<Self::Answer, Self::Error>; }
        #[attr] pub fn ask<'a, P: Provider>(provider: &'a P, request: P::Request<'a>) -> Result<P::Answer, P::Error> { provider.call(request) }
        #[attr] pub async fn ask_later<'a, P>(provider: &'a P, request: <P as Provider>::Request<'a>) -> Result<P::Answer, Box<dyn std::error::Error + 'a>> where P: Provider, P::Error: 'a { Ok(provider.call(request)?) }
        ",
    ),
    ok(
        "errors_that_borrow",
        "2018",
        r"
        use std::error::Error;
        use std::fmt;
        #[derive(Debug)] pub struct Borrowed<'a>(pub &'a str);
        impl fmt::Display for Borrowed<'_> { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.0) } }
        impl Error for Borrowed<'_> {}
        #[attr(err)] pub fn plain(text: &str) -> Result<u8, Borrowed<'_>> { Err(Borrowed(text)) }
        #[attr(err)] pub fn boxed(text: &str) -> Result<u8, Box<dyn Error + '_>> { Err(Borrowed(text))? }
        #[attr(err)] pub fn sent(text: &str) -> Result<u8, Box<dyn Error + Send + '_>> { Err(Box::new(Borrowed(text))) }
        #[attr(err)] pub async fn synced(text: &str) -> Result<u8, Box<dyn Error + Send + Sync + '_>> { Err(Borrowed(text))? }
        #[attr(err)] pub async fn shared(text: &str) -> Result<u8, std::sync::Arc<dyn Error + '_>> { Err(std::sync::Arc::new(Borrowed(text))) }
        #[attr(err)] pub fn referred<'a>(error: &'a (dyn Error + 'static)) -> Result<u8, &'a (dyn Error + 'static)> { Err(error) }
        ",
    ),
    ok(
        "traits_with_methods_of_the_same_names",
        "2018",
        r"
        pub trait Greedy {
            fn is_recording(&self) -> bool { false }
            fn input(&self) {} fn begin(&self) {} fn run(&self) {} fn end(&self) {} fn enter(&self) {} fn entered(&self) {} fn span(&self) {}
            fn returned(&self) {} fn failed(&self) {} fn clone(&self) {} fn map(&self) {} fn into_call(&self) {} fn follows_from(&self) {}
            fn to_string(&self) {} fn borrow(&self) {} fn as_ref(&self) {}
        }
        impl<T: ?Sized> Greedy for T {}
        pub struct Opaque;
        #[attr(metadata(length = text.len()), err, ret)] pub fn all(text: &str, value: Opaque) -> Result<u8, std::fmt::Error> { drop(value); Ok(text.len() as u8) }
        #[attr(follows_from = [tracing::Id::from_u64(1)])] pub async fn all_later(text: &str, value: Opaque) -> Result<Opaque, Opaque> { let _ = text; Ok(value) }
        ",
    ),
    err(
        "a_method_that_the_trait_has_not",
        "2018",
        &["E0407"],
        r"
        pub trait Model {}
        impl Model for u8 {
            #[attr]
            fn ask(&self) -> u8 { *self }
        }
        ",
    ),
    err(
        "a_method_with_another_signature",
        "2018",
        &["E0053"],
        r"
        pub trait Model { fn ask(&self, text: &str) -> u8; }
        impl Model for u8 {
            #[attr]
            fn ask(&self, text: String) -> u8 { *self + text.len() as u8 }
        }
        ",
    ),
    err(
        "a_future_of_a_trait_that_must_be_send",
        "2018",
        &[""],
        r"
        use std::future::Future;
        pub trait Model { fn ask(&self) -> impl Future<Output = u8> + Send; }
        impl Model for u8 {
            #[attr]
            fn ask(&self) -> impl Future<Output = u8> + Send {
                async { let kept = std::rc::Rc::new(1); std::future::ready(()).await; *kept }
            }
        }
        ",
    ),
];
