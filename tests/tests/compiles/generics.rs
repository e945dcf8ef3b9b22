//! Generic functions.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "no_bounds_at_all",
        "2018",
        r"
        #[attr] pub fn give<T>(value: T) -> T { value }
        #[attr] pub async fn give_later<T>(value: T) -> T { value }
        #[attr] pub fn result<T, E>(value: Result<T, E>) -> Result<T, E> { let value = value?; Ok(value) }
        #[attr] pub fn borrowed<'a, T, U>(value: &'a T, _other: &U) -> &'a T { value }
        #[attr] pub fn mutable<T>(value: &mut T) -> &mut T { value }
        #[attr] pub fn pair<T: Default, U>(value: U) -> (T, Option<U>) { (T::default(), Some(value)) }
        ",
    ),
    ok(
        "unsized_types",
        "2018",
        r"
        #[attr] pub fn shown<T: ?Sized + std::fmt::Display>(value: &T) -> String { value.to_string() }
        #[attr] pub fn given<T: ?Sized>(value: &T) -> &T { value }
        #[attr] pub async fn boxed<T: ?Sized>(value: Box<T>) -> Box<T> { value }
        #[attr] pub fn text<T>(value: &T) -> &str where T: AsRef<str> + ?Sized { value.as_ref() }
        #[attr] pub fn part<T>(list: &[T]) -> &[T] { &list[..1] }
        ",
    ),
    ok(
        "const_generics",
        "2018",
        r"
        #[attr] pub fn fill<const N: usize>(value: u8) -> [u8; N] { [value; N] }
        #[attr] pub async fn fill_later<T: Copy, const N: usize>(value: T) -> [T; N] { [value; N] }
        pub struct Buffer<const N: usize>([u8; N]);
        impl<const N: usize> Buffer<N> {
            #[attr] pub fn len(&self) -> usize { let all: &[u8; N] = &self.0; all.len() }
            #[attr] pub async fn grow<const M: usize>(self) -> Buffer<M> { Buffer([self.0[0]; M]) }
        }
        ",
    ),
    ok(
        "where_clauses",
        "2018",
        r"
        #[attr] pub fn all<I>(items: I) -> Vec<I::Item>
        where I: IntoIterator, I::Item: Clone, Vec<I::Item>: Default { items.into_iter().collect() }
        #[attr] pub async fn keyed<K, V>(key: K, value: V) -> (K, V)
        where for<'a> &'a K: PartialEq, V: 'static { (key, value) }
        #[attr] pub fn outlives<'a, 'b, T>(value: &'a T, other: &'b T) -> &'a T where 'b: 'a { let _ = value; other }
        ",
    ),
    ok(
        "higher_ranked_bounds",
        "2018",
        r"
        #[attr] pub fn apply<F>(text: &str, f: F) -> usize where F: for<'a> Fn(&'a str) -> &'a str { f(text).len() }
        #[attr] pub async fn apply_later<F>(text: &str, f: F) -> usize where F: Fn(&str) -> &str { f(text).len() }
        #[attr] pub fn boxed(f: Box<dyn for<'a> Fn(&'a str) -> &'a str>) -> usize { f(String::new().as_str()).len() }
        #[attr] pub fn pointer(f: for<'a> fn(&'a str) -> &'a str) -> for<'a> fn(&'a str) -> &'a str { f }
        ",
    ),
    ok(
        "impl_trait_as_an_argument",
        "2018",
        r"
        use std::future::Future;
        #[attr] pub fn text(text: impl AsRef<str>, more: impl Into<String>) -> String { more.into() + text.as_ref() }
        #[attr] pub async fn called(f: impl Fn(u8) -> u8) -> u8 { f(1) }
        #[attr] pub fn once(f: impl FnOnce() -> String) -> String { f() }
        #[attr] pub fn changed(mut f: impl FnMut(u8)) { f(1); f(2); }
        #[attr] pub fn each(items: impl Iterator<Item = impl std::fmt::Display>) -> String { items.map(|item| item.to_string()).collect() }
        #[attr] pub async fn awaited(future: impl Future<Output = u8>) -> u8 { future.await }
        ",
    ),
    ok(
        "impl_trait_returned",
        "2018",
        r#"
        #[attr] pub fn shown(value: u8) -> impl std::fmt::Display { if value > 3 { return "much"; } "little" }
        #[attr] pub fn counted(to: u8) -> impl Iterator<Item = u8> { (0..to).map(|x| x + 1) }
        #[attr] pub fn maybe(to: u8) -> Option<impl Iterator<Item = u8>> { if to == 0 { return None; } Some(0..to) }
        #[attr] pub fn result(to: u8) -> Result<impl Iterator<Item = u8>, String> { if to == 0 { Err("zero")?; } Ok(0..to) }
        #[attr] pub async fn later(to: u8) -> impl Iterator<Item = u8> { (0..to).filter(|x| x % 2 == 0) }
        #[attr] pub async fn result_later(to: u8) -> Result<impl Iterator<Item = u8>, String> { if to == 0 { Err("zero")?; } Ok(0..to) }
        #[attr] pub fn both(to: u8) -> (impl Clone, impl Copy) { (to, to) }
        "#,
    ),
    ok(
        "a_closure_returned",
        "2018",
        r"
        #[attr] pub fn length() -> impl Fn(&str) -> usize { |text| text.len() }
        #[attr] pub fn trimmed(_by: u8) -> impl for<'a> Fn(&'a str) -> &'a str { |text| text.trim() }
        #[attr] pub fn added(by: u8) -> impl Fn(u8) -> u8 { move |x| x + by }
        #[attr] pub fn early(by: u8) -> impl Fn(&str) -> usize { let _ = by; return |text| text.len(); }
        #[attr] pub fn boxed(by: usize) -> Box<dyn Fn(&str) -> usize> { Box::new(move |text| text.len() + by) }
        pub struct Service { by: usize }
        impl Service {
            #[attr] pub fn added(&self) -> impl Fn(&str) -> usize + '_ { move |text| text.len() + self.by }
        }
        ",
    ),
    ok(
        "types_that_only_the_return_type_tells",
        "2018",
        r#"
        #[attr] pub fn nothing() -> impl Iterator<Item = u8> { std::iter::empty() }
        #[attr] pub fn list() -> impl IntoIterator<Item = u64> { vec![1, 2, 3] }
        #[attr] pub fn parsed(text: &str) -> impl Iterator<Item = u8> + '_ { text.split(' ').map(|word| word.parse().unwrap()) }
        #[attr] pub fn empty() -> impl Extend<u8> + Default + Clone { Vec::new() }
        #[attr] pub fn collected(text: &str) -> Vec<char> { text.chars().collect() }
        #[attr] pub fn into(text: &str) -> Result<Box<str>, Box<dyn std::error::Error>> { if text.is_empty() { return Err("empty".into()); } Ok(text.into()) }
        #[attr] pub async fn into_later(text: &str) -> Result<Box<str>, Box<dyn std::error::Error + Send + Sync>> { if text.is_empty() { return Err("empty".into()); } Ok(text.into()) }
        #[attr] pub async fn collected_later(text: &str) -> Vec<char> { text.chars().collect() }
        #[attr] pub fn default() -> (u8, String) { Default::default() }
        #[attr] pub fn none() -> Option<Vec<u8>> { None }
        #[attr] pub async fn none_later() -> Option<Vec<u8>> { None }
        #[attr] pub async fn ok_later() -> Result<(), std::fmt::Error> { Ok(()) }
        "#,
    ),
    ok(
        "coercions_to_the_return_type",
        "2018",
        r"
        use std::fmt::Display;
        use std::sync::Arc;
        #[attr] pub fn boxed(x: u8) -> Box<dyn Display> { if x > 1 { return Box::new(x); } Box::new(String::new()) }
        #[attr] pub fn borrowed<'a>(x: &'a u8, y: &'a String) -> &'a dyn Display { if *x > 1 { x } else { y } }
        #[attr] pub fn pointer(x: bool) -> fn(u8) -> u8 { if x { |y| y + 1 } else { |y| y + 2 } }
        #[attr] pub fn slice(x: &[u8; 3]) -> &[u8] { x }
        #[attr] pub fn text(x: &String) -> &str { x }
        #[attr] pub async fn boxed_later(x: u8) -> Arc<dyn Display> { if x > 1 { return Arc::new(x); } Arc::new(String::new()) }
        #[attr] pub async fn slice_later(x: &[u8; 3]) -> &[u8] { x }
        #[attr] pub async fn pointer_later() -> fn(u8) -> u8 { |y| y + 1 }
        #[attr] pub fn result(x: u8) -> Result<Box<dyn Display>, Box<dyn std::error::Error>> { if x == 0 { Err(std::fmt::Error)? } Ok(Box::new(x)) }
        ",
    ),
    ok(
        "captured_lifetimes_spelled_out",
        "2021",
        r"
        #[attr] pub fn used<'a, T>(text: &'a str, _other: T) -> impl Iterator<Item = char> + use<'a, T> { text.chars() }
        #[attr] pub fn nothing<'a>(_text: &'a str) -> impl Sized + use<> { 1 }
        #[attr] pub fn of_both<'a, 'b>(a: &'a str, b: &'b str) -> impl Iterator<Item = char> + use<'a, 'b> { a.chars().chain(b.chars()) }
        ",
    ),
    ok(
        "lifetimes_captured_by_default",
        "2024",
        r"
        #[attr] pub fn words(text: &str) -> impl Iterator<Item = char> { text.chars() }
        #[attr] pub fn of_two(text: &str, mut other: &mut String) -> impl Iterator<Item = char> { other = { other.push('x'); other }; let _ = other; text.chars() }
        #[attr] pub fn later(text: &str) -> impl Future<Output = usize> { async move { text.len() } }
        ",
    ),
    ok(
        "an_unknown_type_that_is_never_made",
        "2018",
        r"
        #[attr] pub fn nothing() -> impl Sized { todo!() }
        #[attr] pub fn shown() -> u8 { unimplemented!() }
        #[attr] pub async fn later() -> Vec<u8> { todo!() }
        ",
    ),
    ok(
        "traits_asked_of_types_that_have_none",
        "2018",
        r"
        use std::fmt::Debug;
        use std::marker::PhantomData;
        use std::rc::Rc;
        pub struct Opaque<T>(pub PhantomData<T>, pub Rc<u8>);
        #[attr] pub fn opaque<T>(value: Opaque<T>) -> Opaque<T> { value }
        #[attr] pub fn pointer(value: *const u8) -> *const u8 { value }
        #[attr] pub fn object(value: &dyn Debug) -> &dyn Debug { value }
        #[attr] pub fn any(value: Box<dyn std::any::Any + Send>) -> Result<Box<dyn std::any::Any + Send>, Box<dyn std::any::Any + Send>> { Ok(value) }
        #[attr] pub async fn opaque_later<T>(value: Opaque<T>) -> Result<Opaque<T>, Opaque<T>> { Err(value) }
        ",
    ),
    ok(
        "types_whose_traits_recurse",
        "2018",
        r"
        #[derive(Debug)] pub struct Tree<T> { pub value: T, pub children: Vec<Tree<T>> }
        impl<T> serde::Serialize for Tree<T> where T: serde::Serialize, Vec<Tree<T>>: serde::Serialize {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> { serializer.serialize_unit() }
        }
        #[attr] pub fn tree<T>(tree: Tree<T>) -> Tree<T> { tree }
        #[attr] pub fn known(tree: Tree<u8>) -> Result<Tree<u8>, Tree<()>> { Ok(tree) }
        #[attr] pub fn depth<T>(tree: &Tree<T>) -> usize { tree.children.iter().map(depth).max().unwrap_or(0) + 1 }
        ",
    ),
    err(
        "a_type_that_nothing_tells",
        "2018",
        &["E0283"],
        r"
        #[attr] pub fn unknown(text: &str) -> usize {
            let all = text.chars().collect();
            drop(all);
            1
        }
        ",
    ),
    err(
        "a_missing_bound",
        "2018",
        &["E0277"],
        r"
        #[attr] pub fn shown<T>(value: T) -> String {
            format!(
                concat!('{', '}'),
                value
            )
        }
        ",
    ),
    err(
        "a_hidden_type_without_its_trait",
        "2018",
        &["E0277"],
        r"
        #[attr]
        pub fn counted()
            -> impl Iterator<Item = u8>
        {
            1u8
        }
        ",
    ),
    err(
        "a_lifetime_that_is_not_long_enough",
        "2018",
        &[""],
        r"
        #[attr] pub fn wrong<'a, 'b>(a: &'a str, b: &'b str) -> &'a str {
            if a.is_empty() {
                return b;
            }
            a
        }
        ",
    ),
];
