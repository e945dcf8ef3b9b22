//! Patterns as parameters.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "tuples_and_nested_tuples",
        "2018",
        r"
        #[attr] pub fn pair((a, b): (u8, String)) -> String { b.repeat(a.into()) }
        #[attr] pub fn nested(((a, _), [b, ..]): ((u8, String), [u8; 3])) -> u8 { a + b }
        #[attr] pub async fn later((a, (b, ..)): (u8, (u8, u8, u8))) -> u8 { a + b }
        #[attr] pub fn unit((): ()) {}
        ",
    ),
    ok(
        "structs",
        "2018",
        r"
        pub struct Point { pub x: u8, pub y: String }
        pub struct Wrapped(pub String, pub u8);
        #[attr] pub fn by_field(Point { x, y }: Point) -> (u8, String) { (x, y) }
        #[attr] pub fn renamed(Point { x: left, .. }: Point) -> u8 { left }
        #[attr] pub fn tuple(Wrapped(text, ..): Wrapped) -> String { text }
        #[attr] pub async fn later(Point { x, y: _ }: Point) -> u8 { x }
        impl Point {
            #[attr] pub fn of_self(Self { x, .. }: Self) -> u8 { x }
        }
        impl Wrapped {
            #[attr] pub fn of_self(&self, Self(text, _): &Self) -> usize { text.len() + self.0.len() }
        }
        ",
    ),
    ok(
        "arrays_with_a_rest",
        "2018",
        r"
        #[attr] pub fn rest([first, rest @ ..]: [u8; 3]) -> (u8, [u8; 2]) { (first, rest) }
        #[attr] pub fn borrowed([first, .., last]: &[String; 3]) -> (&str, &str) { (first, last) }
        #[attr] pub async fn later([.., last]: [String; 2]) -> String { last }
        ",
    ),
    ok(
        "references",
        "2018",
        r"
        #[attr] pub fn copied(&(a, b): &(u8, u8)) -> u8 { a + b }
        #[attr] pub fn copied_mut(&mut x: &mut u8) -> u8 { x }
        #[attr] pub fn through((a, b): &(String, u8)) -> (&str, u8) { (a, *b) }
        #[attr] pub fn through_mut((a, b): &mut (String, u8)) -> &mut String { a.push('x'); *b += 1; a }
        #[attr] pub async fn later(&x: &u8) -> u8 { x }
        ",
    ),
    ok(
        "names_in_the_attribute",
        "2018",
        r#"
        pub struct Json<T>(pub T);
        pub struct Question { pub text: String }
        #[attr(input = question.text)] pub fn text(Json(question): Json<Question>) -> String { question.text }
        #[attr(input = &question.text, model = model)] pub async fn later(Json(question): Json<Question>, (model, _): (String, u8)) -> String { question.text + &model }
        #[attr(input = a + b)] pub fn mutable((mut a, b): (u8, u8)) -> u8 { a += b; a }
        #[attr(input = format!("{}", a))] pub fn referenced((ref a, _): (String, u8)) -> usize { a.len() }
        #[attr(input = (a, b))] pub fn copied(&(a, &b): &(u8, &u8)) -> u8 { a + b }
        #[attr(fields(length = text.len()), metadata(first = first))] pub fn span([first, ..]: [u8; 3], Json(text): Json<String>) -> usize { text.len() + usize::from(first) }
        #[attr(input = (whole, left))] pub fn bound(whole @ (left, _): (u8, u8)) -> u8 { whole.1 + left }
        #[attr(input = 1)] pub fn unnamed(Json(text): Json<String>) -> String { text }
        "#,
    ),
    ok(
        "names_in_a_text_of_the_attribute",
        "2021",
        r#"
        #[attr(input = format!("{text}, {count:?}"))] pub fn inline((text, count): (String, u8)) -> usize { text.len() + usize::from(count) }
        "#,
    ),
    ok(
        "a_ref",
        "2018",
        r"
        #[attr] pub fn shared(ref text: String) -> usize { text.len() }
        #[attr] pub fn part((ref text, count): (String, usize)) -> usize { text.len() + count }
        #[attr] pub async fn later(ref text: String) -> usize { std::future::ready(()).await; text.len() }
        ",
    ),
    ok(
        "a_ref_mut",
        "2018",
        r"
        #[attr] pub fn shared(ref mut text: String) -> usize { text.push('x'); text.len() }
        #[attr] pub fn part((ref mut text, count): (String, usize)) -> usize { text.push('x'); text.len() + count }
        #[attr] pub async fn later(ref mut text: String) -> usize { text.push('x'); text.len() }
        ",
    ),
    ok(
        "a_mut",
        "2018",
        r"
        #[attr] pub fn count(mut left: u8) -> u8 { while left > 3 { left -= 1; } left }
        #[attr] pub fn part((mut left, right): (u8, u8)) -> u8 { left += right; left }
        #[attr] pub async fn later(mut text: String) -> String { std::future::ready(()).await; text.push('x'); text }
        ",
    ),
    ok(
        "nothing_bound",
        "2018",
        r"
        #[attr] pub fn nothing(_: String, _: &str, _named: Vec<u8>) {}
        #[attr] pub async fn nothing_later(_: String, _: &str, _named: Vec<u8>, _: u8) {}
        pub struct Service;
        impl Service { #[attr] pub fn nothing(&self, _: u8, (_, _): (u8, u8)) {} }
        ",
    ),
    ok(
        "a_whole_and_its_parts",
        "2018",
        r"
        #[attr] pub fn whole(pair @ (a, _): (u8, u8)) -> (u8, (u8, u8)) { (a, pair) }
        #[attr] pub fn borrowed(all @ [first, ..]: &[u8; 2]) -> (u8, &[u8; 2]) { (*first, all) }
        #[attr] pub async fn later(ref all @ (a, _): (u8, u8)) -> u8 { all.1 + a }
        ",
    ),
    ok(
        "alternatives",
        "2021",
        r"
        pub enum Answer { Text(String), Raw(String) }
        #[attr] pub fn either((Ok(text) | Err(text)): Result<String, String>) -> String { text }
        #[attr] pub fn of_own((Answer::Text(text) | Answer::Raw(text)): Answer) -> String { text }
        #[attr] pub async fn later((Ok(text) | Err(text)): Result<u8, u8>) -> u8 { text }
        #[attr] pub fn certain(Ok(text): Result<u8, std::convert::Infallible>) -> u8 { text }
        ",
    ),
    ok(
        "a_unit_struct_as_a_pattern",
        "2018",
        r"
        pub struct Unit;
        #[attr] pub fn unit(Unit: Unit) -> u8 { 1 }
        #[attr] pub async fn unit_later(Unit: Unit, x: u8) -> u8 { x }
        #[attr] pub fn empty(Unit {}: Unit) -> u8 { 1 }
        ",
    ),
    ok(
        "parameters_with_attributes",
        "2018",
        r"
        #[attr] pub fn allowed(#[allow(unused_variables)] text: &str, #[allow(unused_mut)] mut count: u8) -> u8 { count }
        #[attr] pub async fn allowed_later(#[allow(unused_variables)] text: &str) {}
        #[attr] pub fn allowed_part(#[allow(unused_variables)] (a, b): (u8, u8)) -> u8 { a }
        #[attr] pub fn gone(#[cfg(any())] gone: Missing, kept: u8) -> u8 { kept }
        #[attr] pub fn kept(#[cfg(all())] text: &str, #[cfg(any())] text: u8) -> usize { text.len() }
        #[attr] pub fn conditional(#[cfg_attr(all(), allow(unused_variables))] text: &str) {}
        #[attr] pub fn expected(#[expect(unused_variables)] text: &str) {}
        #[attr] pub fn odd(#[allow(non_snake_case)] clientId: u8) -> u8 { clientId }
        ",
    ),
    ok(
        "a_pattern_of_an_unsized_borrow",
        "2018",
        r"
        #[attr] pub fn text(&ref text: &str) -> usize { text.len() }
        #[attr] pub fn count((list, text): (&[u8], &dyn std::fmt::Display)) -> usize { list.len() + text.to_string().len() }
        ",
    ),
    err(
        "a_pattern_that_may_not_match",
        "2018",
        &["E0005"],
        r"
        #[attr]
        pub fn maybe(
            Some(text): Option<u8>,
        ) -> u8 {
            text
        }
        ",
    ),
    err(
        "a_pattern_of_the_wrong_type",
        "2018",
        &["E0308"],
        r"
        #[attr]
        pub fn wrong(
            (a, b): [u8; 2],
        ) -> u8 {
            a + b
        }
        ",
    ),
    err(
        "a_name_bound_twice",
        "2018",
        &["E0415"],
        r"
        #[attr]
        pub fn twice(
            _text: u8,
            _text: u8,
        ) -> u8 {
            1
        }
        ",
    ),
    err(
        "a_part_moved_out_of_a_borrow",
        "2018",
        &["E0507"],
        r"
        #[attr]
        pub fn moved(
            &(ref a, b): &(String, String),
        ) -> usize {
            a.len() + b.len()
        }
        ",
    ),
];
