//! Functions that `macro_rules!` write.

use super::{Snippet, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "names_types_and_bodies_from_a_macro",
        "2018",
        r#"
        macro_rules! function {
            ($name:ident, $argument:ident: $type:ty => $out:ty, $body:expr, $tag:expr) => {
                #[attr(tags = [$tag, "fixed"], metadata(argument = $argument))]
                pub fn $name($argument: $type) -> $out { $body }
            };
        }
        function!(length, text: &str => usize, text.len(), "a");
        function!(result, number: u8 => Result<u8, String>, { if number > 3 { return Err(number.to_string()); } Ok(number) }, concat!("b", "c"));
        function!(shown, number: u8 => impl std::fmt::Display, number, "d");
        "#,
    ),
    ok(
        "asynchronous_functions_from_a_macro",
        "2018",
        r#"
        macro_rules! function {
            ($name:ident, $argument:ident: $type:ty => $out:ty, $body:block) => {
                #[attr(tags = ["fixed"], fields($argument), err)]
                pub async fn $name($argument: $type) -> Result<$out, Box<dyn std::error::Error>> $body
            };
        }
        function!(length, text: &str => usize, { std::future::ready(()).await; Ok(text.parse()?) });
        function!(unit, count: u8 => (), { if count > 1 { return Err("much".into()); } Ok(()) });
        "#,
    ),
    ok(
        "hygienic_locals",
        "2018",
        r"
        macro_rules! function {
            ($name:ident, $pattern:pat, $type:ty, $body:expr) => {
                #[attr] pub fn $name(hidden: u8, $pattern: $type) -> usize { let own = usize::from(hidden); own + $body }
            };
        }
        function!(shadowed, hidden, &str, hidden.len());
        function!(parts, (own, _), (usize, u8), own);
        function!(nothing, _, u8, 1);
        ",
    ),
    ok(
        "methods_from_a_macro",
        "2018",
        r"
        pub struct Service { name: String }
        macro_rules! methods {
            ($($(#[$meta:meta])* $vis:vis fn $name:ident() -> $out:ty = $field:ident;)*) => {
                impl Service {
                    $($(#[$meta])* #[attr] $vis fn $name(self) -> $out { self.$field })*
                    #[attr] pub fn shared(&self) -> &str { &self.name }
                    #[attr] pub async fn later(mut self) -> String { self.name.push('x'); self.name }
                    #[attr(model = self.name)] pub fn modelled(self: Box<Self>) -> usize { self.name.len() }
                }
            };
        }
        methods! { /// Documented.
            pub fn owned() -> String = name; }
        ",
    ),
    ok(
        "an_attribute_given_to_a_macro",
        "2018",
        r"
        pub struct Service { name: String }
        macro_rules! methods {
            ($(#[$meta:meta])* $vis:vis $name:ident) => {
                impl Service {
                    $(#[$meta])* $vis fn $name(self, text: &str) -> String { self.name + text }
                }
                $(#[$meta])* $vis async fn $name(mut count: u8, _: u8) -> u8 { count += 1; count }
            };
        }
        methods! { #[attr] pub given }
        ",
    ),
    ok(
        "a_whole_item_given_to_a_macro",
        "2018",
        r"
        macro_rules! same { ($($item:item)*) => { $($item)* }; }
        macro_rules! traced { ($item:item) => { #[attr] $item }; }
        same! {
            #[attr] pub fn item(text: &str) -> usize { text.len() }
            #[attr] pub async fn item_later(text: &str) -> usize { text.len() }
        }
        traced! { pub fn inside(text: &str) -> Result<usize, String> { Ok(text.len()) } }
        traced! { pub async fn inside_later(mut text: String) -> Result<usize, String> { text.push('x'); Ok(text.len()) } }
        ",
    ),
    ok(
        "a_method_given_to_a_macro",
        "2018",
        r"
        pub struct Service { name: String }
        macro_rules! traced { ($($method:item)*) => { impl Service { $(#[attr] $method)* } }; }
        traced! {
            pub fn owned(self) -> String { self.name }
            pub fn unused(self, _: u8) {}
            pub fn shared(&self) -> &str { &self.name }
            pub fn unique(&mut self) -> &mut String { &mut self.name }
            pub async fn later(mut self) -> String { self.name.push('x'); self.name }
            pub fn boxed(self: Box<Self>) -> String { self.name }
        }
        ",
    ),
    ok(
        "signatures_in_pieces",
        "2018",
        r"
        macro_rules! function {
            ($($qualifier:ident)* / $name:ident <$($lifetime:lifetime),*> ($($argument:ident: $type:ty),*) -> $out:ty where { $($bound:path),* } $body:block) => {
                #[attr] pub $($qualifier)* fn $name<$($lifetime,)* T>($($argument: $type,)* _: T) -> $out where T: $($bound +)* Sized $body
            };
        }
        function!(/ plain<'a>(text: &'a str) -> &'a str where { Clone } { text });
        function!(async / later<'a>(text: &'a str, count: usize) -> (&'a str, usize) where { Send } { (text, count) });
        function!(unsafe / risky<>() -> u8 where {} { 1 });
        ",
    ),
    ok(
        "literals_and_expressions_in_the_attribute",
        "2018",
        r#"
        macro_rules! function {
            ($name:ident, $text:literal, $level:expr, $key:ident = $value:expr) => {
                #[attr(name = $text, target = $text, provider = $value, metadata($key = $value, "fixed" = $text), fields($key = $value), prompt = ($text, 1), input = $value)]
                pub fn $name(argument: u8) -> u8 { argument }
            };
        }
        function!(first, "text", "info", key = 1 + 1);
        function!(second, "other", "info", key = "a".len());
        "#,
    ),
];
