//! Arguments and values of every kind, including those that cannot be captured.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use promptlayer_tracing::blueprint::{Prompt, RequestStatus};
use promptlayer_tracing::{layer, promptlayer};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{captured_with, request_of, span_of};

/// Has no traits.
struct Opaque;

/// Implements every supported trait, and each implementation panics.
struct Panics;

/// Implements only `Display`, which panics.
struct PanicsToDisplay;

/// Implements only `Debug`, which panics.
struct PanicsToDebug;

/// `Serialize` fails halfway.
struct Fails;

impl Serialize for Panics {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("cannot be serialized")
    }
}

impl Serialize for Fails {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq as _;
        let mut list = serializer.serialize_seq(None)?;
        list.serialize_element("begun")?;
        Err(S::Error::custom("half-way"))
    }
}

macro_rules! panics_to {
    ($($name:ident: $($of:ident),*;)*) => {$($(
        impl fmt::$of for $name {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("cannot be shown")
            }
        }
    )*)*};
}

panics_to! {
    Panics: Display, Debug;
    PanicsToDisplay: Display;
    PanicsToDebug: Debug;
}

/// Returns a map whose keys cannot be JSON keys.
fn pairs() -> HashMap<(u8, u8), &'static str> {
    HashMap::from([((1, 2), "three")])
}

#[test]
fn uncapturable_argument_is_logged_as_its_type_name() {
    #[promptlayer(kind = "tool")]
    fn tool(
        opaque: Opaque,
        panics: &Panics,
        fails: &[Fails],
        map: HashMap<(u8, u8), &str>,
        size: u8,
    ) -> usize {
        let Opaque = opaque;
        let Panics = panics;
        fails.len() + map.len() + usize::from(size)
    }
    let span = span_of(|| assert_eq!(tool(Opaque, &Panics, &[Fails, Fails], pairs(), 4), 7));
    let input: Value = serde_json::from_str(span.function_input.as_deref().unwrap()).unwrap();
    assert_eq!(input["opaque"], "[robust::values::Opaque]");
    assert_eq!(input["panics"], "[robust::values::Panics]");
    assert_eq!(input["fails"], "[[robust::values::Fails]]");
    assert!(input["map"].as_str().unwrap().contains("HashMap<(u8, u8), &str>"), "{input}");
    assert_eq!(input["size"], 4);
}

#[test]
fn reference_is_logged_as_the_type_it_refers_to() {
    #[promptlayer(kind = "tool")]
    fn tool(shared: &Opaque, unique: &mut Opaque, both: &&mut Opaque) {
        let _ = (shared, unique, both);
    }
    let span = span_of(|| tool(&Opaque, &mut Opaque, &&mut Opaque));
    let input: Value = serde_json::from_str(span.function_input.as_deref().unwrap()).unwrap();
    let named = "[robust::values::Opaque]";
    assert_eq!(input, json!({"shared": named, "unique": named, "both": named}));
}

#[test]
fn uncapturable_value_adds_nothing_to_a_request() {
    #[promptlayer]
    fn ask(question: &str, client: &Opaque, _broken: Panics, _options: Fails) -> usize {
        let _ = client;
        question.len()
    }
    let request = request_of(|| assert_eq!(ask("why?", &Opaque, Panics, Fails), 4));
    assert_eq!(request.input, Prompt::user("why?"));
    assert_eq!(request.output, Prompt::assistant("4"));
    assert_eq!(request.status, RequestStatus::Success);
}

#[test]
fn uncapturable_value_is_logged_as_its_type_name() {
    #[promptlayer]
    fn give<T>(value: fn() -> T) -> T {
        value()
    }
    macro_rules! check {
        ($($ty:ty: $value:expr => $logged:expr;)*) => {$({
            #[promptlayer]
            fn given() -> $ty {
                $value
            }
            // The same value in an `Ok`.
            #[promptlayer]
            async fn attempt() -> Result<$ty, fmt::Error> {
                Ok($value)
            }
            let requests = [
                request_of(|| {
                    let _: $ty = given();
                }),
                request_of(|| assert!(super::block_on(attempt()).is_ok())),
            ];
            for request in requests {
                assert_eq!(request.output.text(), $logged);
                assert_eq!(request.status, RequestStatus::Success);
            }
            // The traits of a generic type are unknown, so the value is not captured.
            let request = request_of(|| {
                let _: $ty = give(|| $value);
            });
            assert_eq!(request.output.text(), format!("[{}]", std::any::type_name::<$ty>()));
        })*};
    }
    check! {
        Opaque: Opaque => "[robust::values::Opaque]";
        Panics: Panics => "[robust::values::Panics]";
        PanicsToDisplay: PanicsToDisplay => "[robust::values::PanicsToDisplay]";
        PanicsToDebug: PanicsToDebug => "[robust::values::PanicsToDebug]";
        Fails: Fails => "[robust::values::Fails]";
        Vec<Fails>: vec![Fails] => "[alloc::vec::Vec<robust::values::Fails>]";
    }
}

#[test]
fn generic_parameters_need_no_bounds() {
    struct Wrapper<T>(T);
    impl<T> Wrapper<T> {
        #[promptlayer]
        fn swap<U, const N: usize>(&mut self, other: T, _list: [U; N]) -> T {
            std::mem::replace(&mut self.0, other)
        }
        #[promptlayer]
        async fn later<'a, F: FnOnce(&'a T) -> U, U>(&'a self, run: F) -> Option<U> {
            super::pause().await;
            Some(run(&self.0))
        }
    }
    let request = request_of(|| {
        let Opaque = Wrapper(Opaque).swap(Opaque, [Opaque, Opaque]);
    });
    assert!(request.input.messages().is_empty());
    assert_eq!(request.output.text(), "[robust::values::Opaque]");
    let request = request_of(|| {
        let wrapper = Wrapper(5);
        assert_eq!(super::block_on(wrapper.later(|five| *five + 1)), Some(6));
    });
    assert!(request.output.text().contains("Option<i32>"), "{request:#?}");
}

#[test]
fn uncapturable_attribute_expression_loses_only_its_value() {
    #[promptlayer(input = ?PanicsToDebug)]
    fn by_debug() -> u8 {
        1
    }
    #[promptlayer(input = %PanicsToDisplay)]
    fn by_display() -> u8 {
        1
    }
    #[promptlayer(input = (&Fails, &Panics))]
    fn by_serialize() -> u8 {
        1
    }
    #[promptlayer(input = text, parameters(broken = Panics, top_k = 3), fields(broken = ?Panics, size = 4))]
    fn others(text: &str) -> u8 {
        let _ = text;
        1
    }
    for run in [by_debug, by_display, by_serialize] {
        let request = request_of(|| assert_eq!(run(), 1));
        assert!(request.input.messages().is_empty(), "{request:#?}");
        assert_eq!(request.output.text(), "1");
    }
    let request = request_of(|| assert_eq!(others("why?"), 1));
    assert_eq!(request.input, Prompt::user("why?"));
    assert_eq!(request.parameters["broken"], "[robust::values::Panics]");
    assert_eq!(request.parameters["top_k"], 3);
}

#[test]
fn panicking_display_loses_only_its_own_fields() {
    #[promptlayer(provider = PanicsToDisplay)]
    fn provider() -> u8 {
        1
    }
    #[promptlayer(model = PanicsToDisplay)]
    fn model() -> u8 {
        1
    }
    #[promptlayer(metadata(broken = PanicsToDisplay, user = 7))]
    fn metadata() -> u8 {
        1
    }
    for run in [provider, model, metadata] {
        let request = request_of(|| {
            let value = std::panic::catch_unwind(run);
            assert_eq!(value.ok(), Some(1), "the function gives its value");
        });
        assert_eq!(request.status, RequestStatus::Success);
        assert_eq!(request.output.text(), "1");
    }
    let request = request_of(|| assert_eq!(metadata(), 1));
    assert_eq!(request.metadata["user"], "7");
}

#[test]
fn panicking_output_closure_loses_only_the_output() {
    #[promptlayer(output = |choices: &Vec<String>| choices[0].clone())]
    fn first(question: &str) -> Vec<String> {
        let _ = question;
        Vec::new()
    }
    let request = request_of(|| {
        let value = std::panic::catch_unwind(|| first("why?"));
        assert_eq!(value.ok(), Some(Vec::new()), "the function gives its value");
    });
    assert_eq!(request.status, RequestStatus::Success);
    assert_eq!(request.input, Prompt::user("why?"));
}

#[test]
fn panicking_redact_closure_sends_nothing_and_function_runs() {
    #[promptlayer]
    fn ask(question: &str) -> String {
        question.to_uppercase()
    }
    let redact = |text: &str| -> Cow<'static, str> { panic!("cannot redact {text}") };
    let captured = captured_with(layer().redact_text(move |text| redact(text)), || {
        let value = std::panic::catch_unwind(|| ask("a secret"));
        assert_eq!(value.ok().as_deref(), Some("A SECRET"), "the function gives its value");
    });
    assert!(!format!("{captured:?}").to_lowercase().contains("a secret"));
    assert_eq!(captured.requests().len(), 1, "the call is logged, without its content");
}

/// A stream that yields one item per poll.
struct Items<T>(Vec<T>);

impl<T> Unpin for Items<T> {}

impl<T> Stream for Items<T> {
    type Item = T;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(self.0.pop())
    }
}

fn count(stream: impl Stream) -> usize {
    let mut stream = pin!(stream);
    let mut context = Context::from_waker(Waker::noop());
    std::iter::from_fn(|| match stream.as_mut().poll_next(&mut context) {
        Poll::Ready(item) => item,
        Poll::Pending => None,
    })
    .count()
}

#[test]
fn uncapturable_chunk_is_logged_as_its_type_name() {
    #[promptlayer]
    fn panics() -> impl Stream<Item = Panics> {
        Items(vec![Panics, Panics])
    }
    #[promptlayer]
    fn fails() -> impl Stream<Item = Result<Fails, PanicsToDisplay>> {
        Items(vec![Err(PanicsToDisplay), Ok(Fails)])
    }
    let request = request_of(|| assert_eq!(count(panics()), 2));
    assert_eq!(request.output.text(), "[robust::values::Panics]".repeat(2));
    let request = request_of(|| assert_eq!(count(fails()), 2));
    assert_eq!(request.output.text(), "[robust::values::Fails]");
    assert_eq!(request.error_message(), Some("robust::values::PanicsToDisplay"));
}

#[test]
fn numbers_are_logged_unchanged() {
    macro_rules! check {
        ($($ty:ty: $value:expr;)*) => {$({
            #[promptlayer]
            fn number() -> $ty {
                $value
            }
            assert_eq!(request_of(|| assert!(number() == $value)).output.text(), $value.to_string());
        })*};
    }
    check! {
        u64: u64::MAX;
        i64: i64::MIN;
        f32: 0.1_f32;
        f64: 0.1 + 0.2_f64;
        f64: 123_456_789.123_456_79_f64;
        u128: u128::MAX;
        i128: i128::MIN;
    }
}

#[test]
fn number_without_a_json_form_is_null() {
    #[promptlayer(kind = "tool")]
    fn tool(nan: f64, infinite: f32) -> f64 {
        nan + f64::from(infinite)
    }
    let span = span_of(|| assert!(tool(f64::NAN, f32::INFINITY).is_nan()));
    let input: Value = serde_json::from_str(span.function_input.as_deref().unwrap()).unwrap();
    assert_eq!(input, json!({"nan": null, "infinite": null}));
}

#[test]
fn texts_of_every_type_are_logged_unchanged() {
    #[promptlayer]
    fn echo(text: &str) -> String {
        text.to_owned()
    }
    for text in [
        "",
        "\"quoted\"",
        "a\0b\u{1}\r\n\t",
        "{\"role\": \"user\"}",
        "null",
        "[1, 2]",
        "👩‍👩‍👧 é\u{feff}\u{2028}",
    ] {
        let request = request_of(|| assert_eq!(echo(text), text));
        assert_eq!(request.input, Prompt::user(text));
        assert_eq!(request.output, Prompt::assistant(text));
    }
}

#[test]
fn ten_megabytes_are_logged_completely() {
    const SIZE: usize = 10 << 20;
    #[promptlayer]
    fn echo(text: &str) -> Vec<String> {
        vec![text.to_owned(), "end".to_owned()]
    }
    let text = "0123456789abcde\n".repeat(SIZE / 16);
    let request = request_of(|| assert_eq!(echo(&text)[0].len(), SIZE));
    assert!(request.input == Prompt::user(text.as_str()), "the input is whole");
    let output: Vec<String> = serde_json::from_str(&request.output.text()).unwrap();
    assert!(output[0] == text && output[1] == "end", "the output is whole");
}

#[test]
fn json_too_deep_to_parse_back_is_logged_unchanged() {
    #[promptlayer]
    fn echo(request: Value) -> BTreeMap<&'static str, Value> {
        BTreeMap::from([("echo", request)])
    }
    let deep = (0..1_000).fold(json!("core"), |inner, _| json!([inner]));
    let request = request_of(|| drop(echo(deep)));
    let (open, close) = ("[".repeat(1_000), "]".repeat(1_000));
    assert_eq!(request.input, Prompt::user(format!("{open}\"core\"{close}")));
    assert_eq!(request.output, Prompt::assistant(format!("{{\"echo\":{open}\"core\"{close}}}")));
}
