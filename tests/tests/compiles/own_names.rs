//! Constants of the user with the same names as identifiers in the expansion.
//!
//! The tests take the names from the expanded code. So they also cover names that the attribute, or a macro
//! that it calls, starts to use later.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tests::rustc::Code;

use super::{ATTRIBUTE, LATEST, RUSTC, rendered};

/// Functions with every argument of the attribute and every kind of result.
const FUNCTIONS: &str = r#"
    use futures_core::Stream;
    use std::pin::Pin;
    pub type Boxed<T> = Pin<Box<T>>;
    #[attr] pub fn plain(text: &str) -> usize { text.len() }
    #[attr] pub async fn later(text: &str) -> usize { text.len() }
    #[attr(err, ret)] pub fn events(text: &str) -> Result<usize, String> { Ok(text.len()) }
    #[attr(err(Debug), ret(Display))] pub async fn events_later((text, _): (&str, u8)) -> Result<usize, String> { Ok(text.len()) }
    #[attr(ret)] #[track_caller] pub fn tracked(text: &str) -> usize { text.len() }
    #[attr] pub fn closure(text: u8) -> impl Fn() -> u8 { move || text }
    #[attr(ret)] pub fn boxed(text: u8) -> futures_core::future::BoxFuture<'static, u8> { Box::pin(async move { text }) }
    #[attr(ret)] pub fn pinned(text: u8) -> Pin<Box<dyn Future<Output = u8>>> { Box::pin(async move { text }) }
    #[attr(ret)] pub fn hidden(text: u8) -> impl Future<Output = u8> { async move { text } }
    #[attr] pub fn stream(text: Boxed<dyn Stream<Item = u8>>) -> impl Stream<Item = u8> { text }
    #[attr] pub fn boxed_stream(text: Pin<Box<dyn Stream<Item = u8>>>) -> Result<Pin<Box<dyn Stream<Item = u8>>>, String> { Ok(text) }
    #[attr(kind = "llm", tags = ["a", stringify!(b)], provider = "p", model = text, parameters(p = 1), metadata(m = 1),
        prompt = ("n", 1), input = text, output = |length: &usize| *length, follows_from = [tracing::Id::from_u64(1)])]
    pub fn all(text: &str) -> usize { text.len() }
    #[attr(parent = None, fields(a = 1, b = %text, text), skip(text))] pub fn fields(text: &str) -> usize { text.len() }
"#;

/// Keywords, and names that the macros of `tracing` look up or bind in the user's scope. `#[instrument]` does
/// not allow constants with these names either.
const NOT_FREE: &[&str] = &[
    "Self",
    "as",
    "async",
    "await",
    "break",
    "const",
    "continue",
    "crate",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "fn",
    "for",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "match",
    "mod",
    "move",
    "mut",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "type",
    "union",
    "unsafe",
    "use",
    "where",
    "while",
    "gen",
    "macro_rules",
    "Some",
    "debug",
    "display",
    "enabled",
    "interest",
    "iter",
    "meta",
    "span",
    "value_set",
];

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty() && !word.starts_with(|first: char| first.is_ascii_digit()))
        .collect()
}

/// Returns every name in the expansion that a user could give to a constant by accident.
fn names() -> BTreeSet<String> {
    let text = FUNCTIONS.replace("#[attr", ATTRIBUTE);
    let expanded = RUSTC.expanded(LATEST, &text).unwrap_or_else(|said| panic!("{said}"));
    let own = words(FUNCTIONS);
    words(&expanded)
        .into_iter()
        .filter(|word| {
            !word.starts_with("__") && *word != "_" && !NOT_FREE.contains(word) && !own.contains(word)
        })
        .map(str::to_owned)
        .collect()
}

fn assert_compiles(text: &str) {
    let text =
        format!("#![allow(dead_code, non_upper_case_globals, non_camel_case_types, non_snake_case)] {text}");
    let compiled = RUSTC.compile(Code { edition: LATEST, text: &text, is_built: false });
    assert!(compiled.success, "{}", rendered(&compiled));
}

#[test]
fn constants_named_like_the_expansion_compile() {
    let names = names();
    assert!(names.contains("META"), "what `tracing` expands is not among {names:?}");
    let mut text = String::new();
    for (module, item) in [
        ("constants", "pub const NAME: &str = \"\";"),
        ("statics", "pub static NAME: &str = \"\";"),
        ("units", "pub struct NAME;"),
    ] {
        let items: String = names.iter().map(|name| item.replace("NAME", name)).collect();
        let _ = writeln!(text, "pub mod {module} {{ {items} {} }}", FUNCTIONS.replace("#[attr", ATTRIBUTE));
    }
    assert_compiles(&text);
}

#[test]
fn constants_named_like_the_expansion_work_as_arguments() {
    let mut names = names();
    // Names of the expansion before they were changed to reserved names.
    names.extend(["SITE", "METADATA", "CALLSITE"].map(str::to_owned));
    let mut text = String::new();
    for (number, name) in names.iter().enumerate() {
        let _ = writeln!(
            text,
            "pub mod text{number} {{
                pub const {name}: &str = \"a\";
                {ATTRIBUTE}(name = {name}, target = {name}, tags = [{name}])] pub fn plain() {{}}
                {ATTRIBUTE}(name = {name}, target = {name}, fields({{ {name} }} = 1, a = {name}), parent = None, metadata(a = {name}))]
                pub fn fields() {{}}
                {ATTRIBUTE}(target = {name}, err, ret)] pub async fn events() -> Result<u8, u8> {{ Ok(1) }}
            }}
            pub mod level{number} {{
                pub const {name}: tracing::Level = tracing::Level::INFO;
                {ATTRIBUTE}(level = {name}, ret, err(level = {name}))] pub fn plain() -> Result<u8, u8> {{ Ok(1) }}
                {ATTRIBUTE}(level = {name}, fields(a = 1))] pub fn fields() {{}}
            }}"
        );
    }
    assert_compiles(&text);
}
