use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn word(word: &str) -> Node<'_> {
    Node::Word(word)
}

fn text(text: &str) -> Node<'_> {
    Node::Text(Cow::Borrowed(text))
}

/// Parses the `Debug` output of a value, compact and pretty, and checks both against the expected node.
fn check(value: &impl Debug, expected: &Node<'_>) {
    for debugged in [format!("{value:?}"), format!("{value:#?}")] {
        assert_eq!(parse(&debugged).as_ref(), Some(expected), "{debugged}");
    }
}

#[derive(Debug)]
#[allow(dead_code, reason = "its `Debug` is what is looked at")]
enum Shape {
    Unit,
    Tuple(u8, &'static str),
    Fields { name: Option<&'static str>, r#type: PhantomData<fn(u8) -> Vec<u8>> },
}

/// A value whose `Debug` output is the given text.
struct Written(&'static str);

impl Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[test]
fn structs_and_enums_are_parsed() {
    check(&Shape::Unit, &word("Unit"));
    check(&Shape::Tuple(1, "a"), &Node::Tuple("Tuple", vec![word("1"), text("a")]));
    check(
        &Shape::Fields { name: Some("é"), r#type: PhantomData },
        &Node::Struct(
            "Fields",
            vec![
                ("name", Node::Tuple("Some", vec![text("é")])),
                ("type", word("PhantomData<fn(u8) -> alloc::vec::Vec<u8>>")),
            ],
        ),
    );
    check(
        &Mutex::new(()),
        &Node::Struct("Mutex", vec![("data", Node::Tuple("", vec![])), ("poisoned", word("false"))]),
    );
}

#[test]
fn tuples_lists_sets_and_maps_are_parsed() {
    check(&(1, -2.5, true), &Node::Tuple("", vec![word("1"), word("-2.5"), word("true")]));
    check(&('"', '\''), &Node::Tuple("", vec![text("\""), text("'")]));
    check(&(1,), &Node::Tuple("", vec![word("1")]));
    check(&[(); 2], &Node::List("", vec![Node::Tuple("", vec![]), Node::Tuple("", vec![])]));
    check(&BTreeSet::from([1, 2]), &Node::List("", vec![word("1"), word("2")]));
    check(&BTreeMap::<u8, u8>::new(), &Node::Map("", vec![]));
    check(&BTreeMap::from([("a: b", 1)]), &Node::Map("", vec![(text("a: b"), word("1"))]));
    check(
        &BTreeMap::from([((1, 2), [f32::NAN])]),
        &Node::Map(
            "",
            vec![(Node::Tuple("", vec![word("1"), word("2")]), Node::List("", vec![word("NaN")]))],
        ),
    );
}

#[test]
fn json_values_are_parsed() {
    let value = serde_json::json!({"a": [1, "b", null, true], "c": {}});
    let list = Node::List(
        "Array",
        vec![
            Node::Tuple("Number", vec![word("1")]),
            Node::Tuple("String", vec![text("b")]),
            word("Null"),
            Node::Tuple("Bool", vec![word("true")]),
        ],
    );
    check(&value, &Node::Map("Object", vec![(text("a"), list), (text("c"), Node::Struct("Object", vec![]))]));
}

#[test]
fn values_without_quotes_are_words() {
    for shown in [
        "2024-06-19T15:22:45Z",
        "2024-06-19 15:22:45.0 +00:00:00",
        "2024-06-19T15:22:45-04:00[America/New_York]",
        "67e55044-10b1-426f-9247-bb680e5fe0c8",
        "127.0.0.1:80",
        "https://a.b/c?d=e#f",
        "1.5s",
        "0..3",
        "..5",
        "0x7ff008026590",
        "<locked>",
        "HTTP/1.1",
        "*** Sensitive Data Redacted ***",
    ] {
        let shown = Written(shown);
        check(&shown, &word(shown.0));
        check(&[&shown], &Node::List("", vec![word(shown.0)]));
        check(&BTreeMap::from([(1, &shown)]), &Node::Map("", vec![(word("1"), word(shown.0))]));
    }
    check(&Duration::from_millis(1_500), &word("1.5s"));
}

#[test]
fn unusual_but_readable_output_is_parsed() {
    let cases = [
        (r#"b"a\x01""#, text("a\u{1}")),
        ("Name { .. }", Node::Struct("Name", vec![])),
        ("Name { a: 1, .. }", Node::Struct("Name", vec![("a", word("1"))])),
        ("Name(..)", Node::Tuple("Name", vec![])),
        ("[1, ..]", Node::List("", vec![word("1")])),
        ("{1: 2, ..}", Node::Map("", vec![(word("1"), word("2"))])),
        ("Blob { inner:  }", Node::Struct("Blob", vec![("inner", text(""))])),
        (
            "Error(\"no\", line: 1)",
            Node::Tuple("Error", vec![text("no"), Node::Struct("", vec![("line", word("1"))])]),
        ),
        (
            "reqwest::Error { kind: Status(401, None) }",
            Node::Struct(
                "reqwest::Error",
                vec![("kind", Node::Tuple("Status", vec![word("401"), word("None")]))],
            ),
        ),
        (
            "SecretBox<str>([REDACTED])",
            Node::Tuple("SecretBox<str>", vec![Node::List("", vec![word("REDACTED")])]),
        ),
    ];
    for (shown, expected) in cases {
        assert_eq!(parse(shown), Some(expected), "{shown}");
    }
}

#[test]
fn text_that_does_not_fit_the_grammar_is_refused() {
    for shown in [
        "",
        "  ",
        "it failed",
        "failed: no such file",
        "don't",
        "Name { a: 1",
        "Name { a: 1 } and more",
        "Name { a 1 }",
        "Name { a: 1, b }",
        "{1, 2: 3}",
        "[1 2]",
        "(1]",
        "\"open",
        "\"\\q\"",
        "\"\\u{110000}\"",
        "\"\\u{}\"",
        "'",
        "a > b",
        "Vec<u8",
        "*** open",
        "1, 2",
        ")",
        "[,]",
    ] {
        assert_eq!(parse(shown), None, "{shown}");
    }
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(MAX_DEPTH)).is_some());
    assert_eq!(parse(&nested(MAX_DEPTH + 1)), None);
    assert_eq!(parse(&"[".repeat(1_000_000)), None);
    assert_eq!(parse(&"A(".repeat(1_000_000)), None);
}

/// Values of every kind that a derived `Debug` writes.
fn debugged() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<String>().prop_map(|text| format!("{text:?}")),
        any::<char>().prop_map(|character| format!("{character:?}")),
        any::<i128>().prop_map(|number| format!("{number:?}")),
        any::<f32>().prop_map(|number| format!("{number:?}")),
        any::<bool>().prop_map(|is| format!("{is:?}")),
        "[A-Z][A-Za-z_0-9]{0,8}",
    ];
    leaf.prop_recursive(6, 64, 5, |inner| {
        let items = prop::collection::vec(inner.clone(), 0..5);
        let name = "([A-Z][a-z]{0,5}(<u8>)?)?";
        prop_oneof![
            items.clone().prop_map(|items| format!("[{}]", items.join(", "))),
            (name, items).prop_map(|(name, items)| format!("{name}({})", items.join(", "))),
            ("[A-Z][a-z]{0,5}", prop::collection::vec(("[a-z_]{1,6}", inner.clone()), 1..5), any::<bool>())
                .prop_map(|(name, fields, is_whole)| {
                    let mut fields: Vec<String> =
                        fields.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
                    if !is_whole {
                        fields.push("..".to_owned());
                    }
                    format!("{name} {{ {} }}", fields.join(", "))
                }),
            prop::collection::vec((any::<String>(), inner), 0..5).prop_map(|entries| {
                let entries: Vec<String> =
                    entries.into_iter().map(|(key, value)| format!("{key:?}: {value}")).collect();
                format!("{{{}}}", entries.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_derived_output_is_parsed(shown in debugged()) {
        prop_assert!(parse(&shown).is_some(), "{}", shown);
    }

    #[test]
    fn no_text_makes_the_parser_panic(shown in "[A-Za-z0-9 :,.'\"\\\\(){}\\[\\]<>*-]{0,64}") {
        let _ = parse(&shown);
    }

    #[test]
    fn cut_output_makes_the_parser_panic_nowhere(shown in debugged(), at in any::<prop::sample::Index>()) {
        let mut at = at.index(shown.len() + 1);
        while !shown.is_char_boundary(at) {
            at -= 1;
        }
        let (start, end) = shown.split_at(at);
        let _ = (parse(start), parse(end));
    }
}
