//! Control flow in a function and ways to leave it.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "question_marks_that_convert",
        "2018",
        r#"
        use std::fmt;
        #[derive(Debug)] pub enum Error { Number(std::num::ParseIntError), Format(fmt::Error) }
        impl From<std::num::ParseIntError> for Error { fn from(error: std::num::ParseIntError) -> Self { Self::Number(error) } }
        impl From<fmt::Error> for Error { fn from(error: fmt::Error) -> Self { Self::Format(error) } }
        #[attr] pub fn parsed(text: &str) -> Result<u8, Error> { let number: u8 = text.parse()?; if number > 7 { Err(fmt::Error)?; } Ok(number) }
        #[attr] pub async fn parsed_later(text: &str) -> Result<u8, Error> { let number: u8 = text.parse()?; std::future::ready(()).await; if number > 7 { Err(fmt::Error)?; } Ok(number) }
        #[attr] pub fn boxed(text: &str) -> Result<u8, Box<dyn std::error::Error>> { Ok(text.parse::<u8>()?) }
        #[attr] pub async fn boxed_later(text: &str) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> { if text.is_empty() { Err("empty")?; } Ok(text.parse()?) }
        #[attr] pub fn option(text: &str) -> Option<char> { let first = text.chars().next()?; Some(first) }
        #[attr] pub async fn option_later(text: &str) -> Option<char> { text.chars().next()?.to_uppercase().next() }
        "#,
    ),
    ok(
        "question_marks_in_other_types",
        "2018",
        r"
        use std::ops::ControlFlow;
        use std::task::Poll;
        #[attr] pub fn flow(x: u8) -> ControlFlow<u8, ()> { if x > 1 { ControlFlow::Break(x)?; } ControlFlow::Continue(()) }
        #[attr] pub fn poll(x: Poll<Result<u8, u8>>) -> Poll<Result<u8, u16>> { let y = x?; y.map(Ok) }
        #[attr] pub fn nested(x: u8) -> Result<Result<u8, u8>, String> { if x > 1 { return Ok(Err(x)); } Ok(Ok(x)) }
        ",
    ),
    ok(
        "early_returns",
        "2018",
        r"
        #[attr] pub fn early(x: u8) -> u8 { if x > 3 { return 3; } x }
        #[attr] pub fn unit(x: u8) { if x > 3 { return; } drop(x.to_string()); }
        #[attr] pub async fn early_later(x: u8) -> String { for y in 0..x { if y == 3 { return y.to_string(); } } String::new() }
        #[attr] pub fn last(x: u8) -> u8 { return x; }
        #[attr] pub async fn last_later(x: u8) -> u8 { return x; }
        #[attr] pub fn in_closure(list: &[u8]) -> Vec<u8> { list.iter().map(|x| { if *x > 1 { return 1; } *x }).collect() }
        ",
    ),
    ok(
        "loops_and_labels",
        "2018",
        r"
        #[attr] pub fn found(rows: &[Vec<u8>]) -> Option<u8> {
            'rows: for row in rows { for cell in row { if *cell == 0 { continue 'rows; } if *cell > 9 { break 'rows; } return Some(*cell); } }
            None
        }
        #[attr] pub fn broken() -> u8 { let mut x = 0; loop { x += 1; if x > 3 { break x; } } }
        #[attr] pub async fn block(x: u8) -> u8 { 'out: { if x > 3 { break 'out 3; } x } }
        #[attr] pub async fn waited(mut x: u8) -> u8 { while x > 3 { std::future::ready(()).await; x -= 1; } x }
        ",
    ),
    ok(
        "functions_that_never_return",
        "2018",
        r#"
        #[attr] pub fn panics() -> ! { panic!("no model") }
        #[attr] pub fn looping() -> ! { loop { std::thread::yield_now(); } }
        #[attr] pub fn exits(code: i32) -> ! { std::process::exit(code) }
        #[attr] pub fn through(code: i32) -> ! { if code > 0 { exits(code) } panics() }
        pub struct Service;
        impl Service { #[attr] pub fn fails(&self, why: &str) -> ! { panic!("{}", why) } }
        "#,
    ),
    ok(
        "futures_that_never_return",
        "2018",
        r#"
        #[attr] pub async fn panics() -> ! { panic!("no model") }
        #[attr] pub async fn looping() -> ! { loop { std::future::ready(()).await; } }
        #[attr] pub async fn exits(code: i32) -> ! { std::process::exit(code) }
        #[attr] pub async fn through() -> ! { looping().await }
        "#,
    ),
    ok(
        "never_types_that_become_others",
        "2018",
        r#"
        #[attr] pub fn panics() -> u8 { panic!("no model") }
        #[attr] pub fn looping() -> String { loop {} }
        #[attr] pub fn result(x: u8) -> Result<u8, String> { match x { 0 => unreachable!(), 1 => return Ok(1), _ => Err(String::new()) } }
        #[attr] pub async fn panics_later() -> Vec<u8> { panic!("no model") }
        #[attr] pub async fn loops_later() -> u8 { loop { std::future::ready(()).await; } }
        #[attr] pub fn infallible(x: Result<u8, std::convert::Infallible>) -> u8 { match x { Ok(x) => x, Err(never) => match never {} } }
        #[attr] pub fn unit() { panic!("no model") }
        #[attr] pub async fn unit_later() { panic!("no model") }
        "#,
    ),
    ok(
        "nothing_returned",
        "2018",
        r"
        #[attr] pub fn nothing() {}
        #[attr] pub async fn nothing_later() {}
        #[attr] pub fn spelled() -> () {}
        #[attr] pub async fn spelled_later() -> () { std::future::ready(()).await }
        #[attr] pub fn statement(list: &mut Vec<u8>) { list.push(1); }
        #[attr] pub fn tail(list: &mut Vec<u8>) { list.push(1) }
        ",
    ),
    ok(
        "recursion",
        "2018",
        r"
        use std::future::Future;
        use std::pin::Pin;
        #[attr] pub fn sum(x: u64) -> u64 { if x == 0 { 0 } else { x + sum(x - 1) } }
        #[attr] pub fn of_generic<T: Clone>(value: &T, x: u8) -> Vec<T> { if x == 0 { return Vec::new(); } let mut list = of_generic(value, x - 1); list.push(value.clone()); list }
        #[attr] pub fn boxed(x: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> { Box::pin(async move { if x == 0 { 0 } else { x + boxed(x - 1).await } }) }
        #[attr] pub async fn later(x: u64) -> u64 { if x == 0 { 0 } else { x + Box::pin(later(x - 1)).await } }
        #[attr] pub async fn ping(x: u64) -> u64 { if x == 0 { 0 } else { pong(x - 1).await } }
        #[attr] pub fn pong(x: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> { Box::pin(ping(x)) }
        #[attr] pub fn closed(x: u8, f: &mut dyn FnMut(u8)) { f(x); if x > 0 { closed(x - 1, f); } }
        ",
    ),
    ok(
        "closures_and_async_blocks_inside",
        "2018",
        r"
        #[attr] pub fn closures(mut list: Vec<u8>) -> usize { let mut push = |x| list.push(x); push(1); push(2); let count = || list.len(); count() }
        #[attr] pub async fn blocks(text: String) -> usize { let block = async { text.len() }; let moved = async move { Ok::<usize, ()>(block.await) }; moved.await.unwrap_or(0) }
        #[attr] pub fn nested(x: u8) -> u8 { (|| (|| x)())() }
        #[attr] pub fn threads(list: &mut [u8]) -> usize { std::thread::scope(|scope| { drop(scope.spawn(|| list[0] = 1)); }); list.len() }
        ",
    ),
    ok(
        "async_closures_inside",
        "2021",
        r"
        #[attr] pub async fn closures(text: &str) -> usize { let length = async |other: &str| { text.len() + other.len() }; length(text).await }
        #[attr] pub async fn given(f: impl AsyncFn(&str) -> usize) -> usize { f(stringify!(text)).await }
        #[attr] pub fn let_else(x: Option<u8>) -> u8 { let Some(x) = x else { return 0 }; x }
        ",
    ),
    ok(
        "let_chains_inside",
        "2024",
        r"
        #[attr] pub fn chained(x: Option<u8>) -> u8 { if let Some(x) = x && x > 3 { x } else { 0 } }
        #[attr] pub async fn chained_later(x: Option<Option<u8>>) -> u8 { if let Some(x) = x && let Some(x) = x { return x; } 0 }
        ",
    ),
    err(
        "a_value_of_the_wrong_type",
        "2018",
        &["E0308"],
        r"
        #[attr] pub fn wrong(text: &str) -> usize {
            text
        }
        ",
    ),
    err(
        "a_value_of_the_wrong_type_later",
        "2018",
        &["E0308"],
        r"
        #[attr] pub async fn wrong(text: &str) -> usize {
            text
        }
        ",
    ),
    err(
        "an_early_value_of_the_wrong_type",
        "2018",
        &["E0308"],
        r"
        #[attr] pub async fn wrong(x: u8) -> usize {
            if x > 3 {
                return x;
            }
            1
        }
        ",
    ),
    err(
        "no_value_at_all",
        "2018",
        &["E0308"],
        r"
        #[attr] pub fn missing(x: u8) -> usize {
            drop(x);
        }
        ",
    ),
    err(
        "no_value_at_all_later",
        "2018",
        &["E0308"],
        r"
        #[attr] pub async fn missing(x: u8) -> usize {
            drop(x);
        }
        ",
    ),
    err(
        "a_value_where_none_is_wanted",
        "2018",
        &["E0308"],
        r"
        #[attr] pub fn too_much(x: u8) {
            x
        }
        ",
    ),
    err(
        "a_question_mark_without_a_conversion",
        "2018",
        &["E0271"],
        r"
        #[attr] pub fn wrong(text: &str) -> Result<u8, std::fmt::Error> {
            let number: u8 = text.parse()?;
            Ok(number)
        }
        ",
    ),
    err(
        "a_question_mark_without_a_conversion_later",
        "2018",
        &["E0271"],
        r"
        #[attr] pub async fn wrong(text: &str) -> Result<u8, std::fmt::Error> {
            let number: u8 = text.parse()?;
            Ok(number)
        }
        ",
    ),
    err(
        "a_question_mark_where_nothing_is_returned",
        "2018",
        &["E0277"],
        r"
        #[attr] pub fn wrong(text: &str) {
            let _number: u8 = text.parse()?;
        }
        ",
    ),
    err(
        "a_question_mark_where_nothing_is_returned_later",
        "2018",
        &["E0277"],
        r"
        #[attr] pub async fn wrong(text: &str) {
            let _number: u8 = text.parse()?;
        }
        ",
    ),
    err(
        "a_never_that_returns",
        "2018",
        &["E0308"],
        r"
        #[attr] pub fn wrong(x: u8) -> ! {
            drop(x);
        }
        ",
    ),
    err(
        "an_await_outside_of_async",
        "2018",
        &["E0728"],
        r"
        #[attr] pub fn wrong() -> u8 {
            std::future::ready(1).await
        }
        ",
    ),
];
