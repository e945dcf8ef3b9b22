//! Names that could conflict with the generated code.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "arguments_called_like_the_expansions_own",
        "2018",
        r"
        #[attr] pub fn own(span: &str, input: &str, value: u8, error: u8, captured: u8, call: u8) -> usize { span.len() + input.len() + usize::from(value + error + captured + call) }
        #[attr] pub async fn own_later(given: u8, selected: u8, failure: u8, stream: u8, item: u8, cause: u8, body: u8, hint: u8) -> u8 { given + selected + failure + stream + item + cause + body + hint }
        #[attr] pub fn underscored(_entered: String, __call: u8, __given: u8, __kept: u8, __hint: u8, __inlined: u8) -> u8 { __call + __given + __kept + __hint + __inlined }
        #[attr] pub fn patterns((span, input): (u8, u8), [value]: [u8; 1], (__argument2, __kept): (u8, u8)) -> u8 { span + input + value + __argument2 + __kept }
        ",
    ),
    ok(
        "the_argument_input",
        "2018",
        r"
        #[attr] pub fn input(input: &str) -> usize { input.len() }
        #[attr] pub async fn input_later(input: String) -> String { input }
        #[attr(input = input)] pub fn of_input(input: &str) -> usize { input.len() }
        #[attr(input = input.len())] pub async fn of_input_later(input: &str) -> usize { input.len() }
        ",
    ),
    ok(
        "odd_names_in_metadata",
        "2018",
        r"
        #[attr(metadata(a = span, b = input, c = value, d = error, e = captured, f = call, g = given))]
        pub fn first(span: &str, input: &str, value: u8, error: u8, captured: u8, call: u8, given: u8) -> usize { span.len() + input.len() + usize::from(value + error + captured + call + given) }
        #[attr(metadata(a = selected, b = failure, c = stream, d = item, e = cause), provider = input, model = span, parameters(x = value), prompt = text)]
        pub async fn second(selected: u8, failure: u8, stream: u8, item: u8, cause: u8, input: &str, span: &str, value: u8, text: &str) -> usize { usize::from(selected + failure + stream + item + cause + value) + input.len() + span.len() + text.len() }
        #[attr(skip_all, metadata(a = input, b = span))] pub fn third(input: u8, span: u8) -> u8 { input + span }
        ",
    ),
    ok(
        "odd_names_in_fields",
        "2018",
        r"
        #[attr(fields(span, input, value = value, error = ?error, x = %captured, y = call))]
        pub fn fields(span: &str, input: &str, value: u8, error: u8, captured: u8, call: u8) -> usize { span.len() + input.len() + usize::from(value + error + captured + call) }
        #[attr(parent = span)] pub fn parent(span: &tracing::Span) -> bool { span.is_none() }
        #[attr(follows_from = span)] pub fn follows(span: &[tracing::Id]) -> usize { span.len() }
        #[attr(follows_from = cause.iter().cloned())] pub async fn follows_later(cause: Vec<tracing::Id>) -> usize { cause.len() }
        ",
    ),
    ok(
        "odd_names_in_output",
        "2018",
        r"
        #[attr(output = |value: &(u8, String)| value.1.clone())] pub fn value(value: u8) -> (u8, String) { (value, String::new()) }
        #[attr(output = |given| given.len() + 1)] pub fn given(given: &str) -> String { given.to_owned() }
        #[attr(output = |captured: &String| captured.len() + 1)] pub async fn captured(call: u8) -> Result<String, u8> { if call > 1 { return Err(call); } Ok(String::new()) }
        #[attr(output = String::len)] pub fn path(selected: &str) -> String { selected.to_owned() }
        #[attr(output = |error| error)] pub fn whole(error: &str) -> &str { error }
        #[attr(err, ret, output = |value| value)] pub fn events(value: u8) -> Result<u8, u8> { if value > 1 { Err(value) } else { Ok(value) } }
        ",
    ),
    // `span` is missing because it is a local variable of the `tracing` macro that opens a span.
    ok(
        "odd_names_of_constants",
        "2018",
        r"
        #![allow(non_upper_case_globals)]
        pub mod own {
            pub const input: u8 = 1; pub const value: u8 = 1; pub const error: u8 = 1; pub const captured: u8 = 1;
            pub const selected: u8 = 1; pub const failure: u8 = 1; pub const stream: u8 = 1; pub const item: u8 = 1; pub const cause: u8 = 1;
        }
        use self::own::*;
        pub fn all() -> u8 { input + value + error + captured + selected + failure + stream + item + cause }
        #[attr(err, ret, metadata(a = input))] pub fn result(text: &str) -> Result<usize, String> { if text.is_empty() { return Err(String::new()); } Ok(text.len()) }
        #[attr(output = |length| *length, follows_from = [tracing::Id::from_u64(1)])] pub async fn later(text: &str) -> usize { text.len() }
        #[attr(ret)] pub fn plain(text: &str) -> usize { text.len() }
        ",
    ),
    ok(
        "odd_names_of_statics",
        "2018",
        r"
        #![allow(non_upper_case_globals)]
        pub static input: u8 = 1; pub static value: u8 = 1; pub static error: u8 = 1; pub static captured: u8 = 1;
        pub static selected: u8 = 1; pub static failure: u8 = 1; pub static cause: u8 = 1;
        #[attr(err, ret, metadata(a = input))] pub fn result(text: &str) -> Result<usize, String> { if text.is_empty() { return Err(String::new()); } Ok(text.len()) }
        #[attr(output = |length| *length, follows_from = [tracing::Id::from_u64(1)])] pub async fn later(text: &str) -> usize { text.len() }
        ",
    ),
    ok(
        "streams_among_odd_constants",
        "2018",
        r"
        #![allow(non_upper_case_globals)]
        pub const stream: u8 = 1; pub const item: u8 = 1; pub const error: u8 = 1; pub const value: u8 = 1;
        use futures_core::Stream;
        use std::pin::Pin;
        use std::task::{Context, Poll};
        pub struct Empty;
        impl Stream for Empty { type Item = u8; fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u8>> { Poll::Ready(None) } }
        #[attr] pub fn plain() -> impl Stream<Item = u8> { Empty }
        #[attr] pub async fn result() -> Result<impl Stream<Item = u8>, String> { Ok(Empty) }
        #[attr] pub fn boxed() -> Result<Pin<Box<dyn Stream<Item = u8> + Send>>, String> { Ok(Box::pin(Empty)) }
        ",
    ),
    ok(
        "a_shadowed_prelude",
        "2018",
        r"
        #![allow(dead_code)]
        pub struct Ok; pub struct Err; pub struct Some; pub struct None; pub struct Option; pub struct Result; pub struct Box; pub struct String; pub struct Vec;
        pub trait Into {} pub trait From {} pub trait Iterator {} pub trait IntoIterator {} pub trait Drop {} pub trait Fn {} pub trait FnOnce {} pub trait AsRef {} pub trait ToString {} pub trait Default {} pub trait Send {} pub trait Sync {}
        pub fn drop() {}
        #[attr] pub fn plain(text: &str) -> usize { text.len() }
        #[attr] pub async fn later(text: &str) -> usize { text.len() }
        #[attr(tags = [concat!('a', 'b'), stringify!(c)])] pub fn unused() {}
        ",
    ),
    ok(
        "a_shadowed_prelude_and_every_argument",
        "2018",
        r#"
        #![allow(dead_code)]
        pub struct Ok; pub struct Err; pub struct Some; pub struct None; pub struct Option; pub struct Result; pub struct Box; pub struct String;
        const TAG: &str = "b";
        #[attr(
            name = "x", target = "y", level = "debug", parent = ::core::option::Option::None::<tracing::Id>, follows_from = [tracing::Id::from_u64(1)],
            fields(a = 1, b = ?text, c = %text, text), err, ret, tags = ["a", TAG], kind = "llm", provider = "p", model = text,
            parameters(p = 1), metadata(m = 1), prompt = ("n", 1), input = text, output = |length: &usize| *length, on_request_id = |_| {}
        )]
        pub fn all(text: &str) -> ::core::result::Result<usize, u8> { ::core::result::Result::Ok(text.len()) }
        "#,
    ),
    ok(
        "modules_called_like_crates",
        "2018",
        r"
        pub mod core {} pub mod std {} pub mod tracing {} pub mod promptlayer_tracing {} pub mod alloc {} pub mod serde {}
        #[attr(err, ret)] pub fn plain(text: &str) -> Result<usize, String> { Ok(text.len()) }
        #[attr(fields(text), tags = [stringify!(a)])] pub async fn later(text: &str) -> Result<usize, String> { Ok(text.len()) }
        #[attr] pub fn boxed() -> ::std::pin::Pin<Box<dyn ::std::future::Future<Output = u8>>> { Box::pin(async { 1 }) }
        ",
    ),
    ok(
        "macros_called_like_the_standard_ones",
        "2018",
        r"
        #[allow(unused_macros)] macro_rules! span { () => { compile_error!(stringify!(span)) } }
        #[allow(unused_macros)] macro_rules! event { () => { compile_error!(stringify!(event)) } }
        #[allow(unused_macros)] macro_rules! module_path { () => { compile_error!(stringify!(module_path)) } }
        #[allow(unused_macros)] macro_rules! panic { () => { compile_error!(stringify!(panic)) } }
        #[allow(unused_macros)] macro_rules! concat { () => { compile_error!(stringify!(concat)) } }
        #[attr(err, ret)] pub fn plain(text: &str) -> Result<usize, String> { Ok(text.len()) }
        #[attr(fields(text))] pub async fn later(text: &str) -> Result<usize, String> { Ok(text.len()) }
        ",
    ),
    ok(
        "types_called_like_the_librarys",
        "2018",
        r"
        pub struct Call; pub struct CallSite; pub struct Input; pub struct Kind; pub struct Probe; pub struct Captured; pub struct Given; pub struct Streamed; pub struct Traced; pub struct Level; pub struct Span;
        #[attr] pub fn all(call: Call, site: CallSite, input: Input, kind: Kind, probe: Probe) -> (Call, CallSite, Input, Kind, Probe) { (call, site, input, kind, probe) }
        #[attr(err)] pub async fn later(captured: Captured, given: Given) -> Result<(Streamed, Traced, Level, Span), u8> { let _ = (captured, given); Ok((Streamed, Traced, Level, Span)) }
        ",
    ),
    ok(
        "raw_identifiers",
        "2018",
        r"
        #[attr] pub fn r#match(r#type: &str, r#fn: u8) -> usize { r#type.len() + usize::from(r#fn) }
        #[attr(skip(r#type))] pub async fn r#loop(r#type: &str) -> usize { r#type.len() }
        #[attr(fields(r#type), metadata(r#type = r#type))] pub fn r#struct(r#type: &str) -> usize { r#type.len() }
        #[attr(fields(x = r#type), input = r#type)] pub fn r#impl(r#type: &str) -> usize { r#type.len() }
        pub struct Service { r#type: u8 }
        impl Service { #[attr] pub fn r#type(&self) -> u8 { self.r#type } }
        ",
    ),
    ok(
        "names_of_other_alphabets",
        "2018",
        r"
        #[attr(metadata(größe = größe), skip(größe))] pub fn frage(größe: u8, 質問: &str) -> usize { 質問.len() + usize::from(größe) }
        #[attr(fields(größe))] pub async fn später(größe: u8) -> u8 { größe }
        ",
    ),
    err(
        "a_name_that_is_not_there",
        "2018",
        &["E0425"],
        r"
        #[attr] pub fn unknown(text: &str) -> usize {
            missing.len() + text.len()
        }
        ",
    ),
    err(
        "names_of_the_expansion_are_not_the_users",
        "2018",
        &["E0425"],
        r"
        #[attr(err, ret)] pub fn unknown(text: &str) -> Result<usize, String> {
            drop(__call);
            drop(__given);
            drop(span);
            drop(input);
            drop(_entered);
            Ok(text.len())
        }
        ",
    ),
    err(
        "names_of_the_expansion_are_not_the_users_later",
        "2018",
        &["E0425"],
        r"
        #[attr(err, ret)] pub async fn unknown(text: &str) -> Result<usize, String> {
            drop(__call);
            drop(__hint);
            drop(span);
            drop(input);
            drop(value);
            Ok(text.len())
        }
        ",
    ),
    err(
        "names_of_the_expansion_are_not_the_users_inline",
        "2018",
        &["E0425"],
        r"
        #[attr] #[track_caller] pub fn unknown(text: &str) -> usize {
            drop(__call);
            drop(__inlined);
            drop(_entered);
            text.len()
        }
        ",
    ),
    err(
        "an_unknown_type",
        "2018",
        &["E0425"],
        r"
        #[attr]
        pub fn unknown(
            text: Missing,
        ) -> usize {
            1
        }
        ",
    ),
    err(
        "an_unknown_type_given_later",
        "2018",
        &["E0425"],
        r"
        #[attr]
        pub async fn unknown()
            -> Missing
        {
            1
        }
        ",
    ),
];
