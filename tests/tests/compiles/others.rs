//! Other attributes next to this one, and unusual kinds of functions.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "beside_the_attributes_of_tokio",
        "2018",
        r"
        #[attr] #[tokio::main] pub async fn main() -> Result<(), String> { async { Ok(()) }.await }
        #[tokio::main] #[attr] pub async fn after() -> Result<(), String> { async { Ok(()) }.await }
        #[attr] #[tokio::test] async fn checked() -> Result<(), String> { async { Ok(()) }.await }
        ",
    ),
    ok(
        "beside_the_attribute_of_tracing",
        "2018",
        r"
        #[attr] #[tracing::instrument(err, ret)] pub fn before(text: &str) -> Result<usize, String> { Ok(text.len()) }
        #[tracing::instrument(skip(text))] #[attr] pub fn after(text: &str) -> Result<usize, String> { Ok(text.len()) }
        #[attr] #[tracing::instrument] pub async fn before_later(text: &str) -> Result<usize, String> { std::future::ready(()).await; Ok(text.len()) }
        #[tracing::instrument] #[attr] pub async fn after_later(text: &str) -> Result<usize, String> { std::future::ready(()).await; Ok(text.len()) }
        pub struct Service(pub String);
        impl Service { #[attr] #[tracing::instrument(skip_all)] pub async fn own(self, _: u8) -> String { self.0 } }
        ",
    ),
    ok(
        "twice_on_one_function",
        "2018",
        r"
        #[attr] #[attr] pub fn twice((a, _): (u8, u8), _: String) -> Result<u8, String> { if a > 3 { return Err(String::new()); } Ok(a) }
        #[attr] #[attr] pub async fn twice_later(mut text: String, _: u8) -> Result<String, String> { text.push('x'); Ok(text) }
        pub struct Service(pub String);
        impl Service { #[attr] #[attr] pub fn own(mut self) -> String { self.0.push('x'); self.0 } }
        ",
    ),
    ok(
        "values_that_cannot_be",
        "2018",
        r"
        use std::convert::Infallible;
        pub enum Never {}
        #[attr] pub fn taken(never: Infallible) -> u8 { match never {} }
        #[attr] pub async fn taken_later(never: Never) -> u8 { match never {} }
        #[attr] pub fn given() -> Infallible { loop { std::thread::yield_now(); } }
        #[attr] pub async fn given_later() -> Never { loop { std::future::ready(()).await; } }
        #[attr] pub fn passed(never: Never) -> Never { never }
        #[attr] pub async fn passed_later(never: Infallible) -> Infallible { never }
        #[attr] pub fn failed(text: &str) -> Result<Infallible, String> { Err(text.to_owned()) }
        #[attr] pub async fn succeeded(text: &str) -> Result<usize, Infallible> { Ok(text.len()) }
        #[attr] pub fn neither() -> Result<Infallible, Never> { loop { std::thread::yield_now(); } }
        ",
    ),
    ok(
        "many_arguments",
        "2018",
        r"
        #[attr] pub fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8, n: u8, o: u8, p: u8, q: u8) -> u8 { a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q }
        #[attr] pub async fn many_later(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8, n: u8, o: u8, p: u8, q: u8) -> u8 { a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q }
        ",
    ),
    ok(
        "arguments_called_like_crates",
        "2018",
        r"
        #[attr] pub fn crates(promptlayer_tracing: u8, tracing: u8, core: u8, std: u8, alloc: u8) -> u8 { promptlayer_tracing + tracing + core + std + alloc }
        #[attr(metadata(tracing = tracing), err)] pub async fn crates_later(tracing: u8, core: u8) -> Result<u8, String> { Ok(tracing + core) }
        ",
    ),
    ok(
        "types_from_macros",
        "2018",
        r"
        macro_rules! result { ($value:ty) => { Result<$value, Box<dyn std::error::Error>> }; }
        macro_rules! text { () => { &str }; }
        #[attr] pub fn length(text: text!()) -> result!(usize) { if text.is_empty() { Err(std::fmt::Error)?; } Ok(text.len()) }
        #[attr(fields(text))] pub async fn later(text: text!()) -> result!(usize) { if text.is_empty() { Err(std::fmt::Error)?; } Ok(text.len()) }
        ",
    ),
    ok(
        "hidden_types_inside_of_others",
        "2018",
        r"
        use std::fmt::Display;
        use std::future::Future;
        use std::pin::Pin;
        #[attr] pub fn list(x: u8) -> Vec<impl Display> { if x > 3 { return Vec::new(); } vec![x] }
        #[allow(deprecated)] #[attr] pub fn pinned(x: u8) -> Pin<Box<impl Future<Output = u8>>> { Box::pin(async move { x }) }
        #[attr] pub async fn boxed(x: u8) -> Result<Box<impl Display>, Option<impl Display>> { if x > 3 { return Err(Some(1)); } Ok(Box::new(x)) }
        #[attr] pub fn iterated(x: u8) -> impl Iterator<Item = impl Display> { (0..x).map(|x| x.to_string()) }
        #[attr] pub fn summed() -> impl Iterator<Item = u64> { (0..3).map(|x| x * 2) }
        ",
    ),
    ok(
        "trait_objects_that_are_borrowed_mutably",
        "2018",
        r"
        use std::io::{self, Write};
        #[attr] pub fn passed(out: &mut dyn Write) -> &mut dyn Write { out }
        #[attr] pub fn shorter<'a>(out: &'a mut (dyn Write + 'static)) -> &'a mut (dyn Write + 'a) { out }
        #[attr] pub fn maybe<'a>(out: Option<&'a mut dyn Write>, other: &'a mut dyn Write) -> &'a mut dyn Write { match out { Some(out) => out, None => other } }
        #[attr] pub async fn written(out: &mut dyn Write, text: &str) -> io::Result<()> { out.write_all(text.as_bytes())?; out.flush() }
        #[attr] pub fn called(f: &mut impl FnMut(u8), g: &mut dyn FnMut(u8)) { f(1); g(2); f(3); }
        ",
    ),
    ok(
        "features_of_the_processor",
        "2018",
        r#"
        #[cfg(target_arch = "x86_64")]
        pub mod x86_64 {
            #[target_feature(enable = "avx2")] fn inner(x: u8) -> u8 { x }
            #[attr] #[target_feature(enable = "avx2")] pub fn before(x: u8) -> u8 { inner(x) }
            #[target_feature(enable = "avx2")] #[attr] pub unsafe fn after(x: u8) -> u8 { inner(x) }
        }
        #[attr] pub fn elsewhere() {}
        "#,
    ),
    ok(
        "lifetimes_chosen_by_the_caller",
        "2018",
        r"
        #[attr] pub fn early<'a: 'a>(text: &'a str) -> &'a str { text }
        pub fn chosen() -> &'static str { early::<'static>(stringify!(a)) }
        #[attr] pub fn generic<'a: 'a, T, const N: usize>(list: &'a [T; N]) -> &'a [T] { list }
        pub fn all() -> &'static [u8] { generic::<'static, u8, 2>(&[1, 2]) }
        ",
    ),
    ok(
        "traits_implemented_for_one_lifetime",
        "2018",
        r"
        use std::fmt;
        pub struct Shown<'a>(pub &'a str);
        impl fmt::Debug for Shown<'_> { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.0) } }
        #[attr] pub fn given(text: &str) -> Shown<'_> { Shown(text) }
        #[attr] pub async fn given_later<'a>(shown: Shown<'a>) -> Result<Shown<'a>, Shown<'a>> { Err(shown) }
        ",
    ),
    ok(
        "values_that_must_be_used",
        "2018",
        r"
        #[must_use] pub struct ShutdownGuard(pub u8);
        #[attr] pub fn guard(x: u8) -> ShutdownGuard { ShutdownGuard(x) }
        #[attr] pub async fn guard_later(guard: ShutdownGuard) -> Result<ShutdownGuard, ShutdownGuard> { Ok(guard) }
        #[attr] pub fn taken(_: ShutdownGuard, _guard: ShutdownGuard) {}
        ",
    ),
    err(
        "an_unused_value_that_must_be_used",
        "2018",
        &["unused_must_use"],
        r"
        #[must_use] pub struct ShutdownGuard(pub u8);
        #[attr] pub async fn guard(x: u8) -> ShutdownGuard { ShutdownGuard(x) }
        #[attr] pub async fn unused() {
            guard(1).await;
        }
        ",
    ),
];
