//! Tests for reading `Debug` output as a value.

mod amazon;
mod clients;
mod secrets;

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::marker::PhantomData;

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

/// Returns the value that the `Debug` of `given` shows.
fn read<T: Debug>(given: &T) -> Value {
    super::value(&format!("{given:?}"), type_name::<T>())
}

#[derive(Debug, Clone, Serialize)]
struct Point {
    x: i32,
    y: Option<f64>,
    label: String,
}

#[derive(Debug, Clone, Serialize)]
enum Part {
    Text(String),
    Image { url: String },
    Pair(u8, u8),
    End,
}

#[derive(Debug)]
#[allow(dead_code, reason = "its `Debug` is what is looked at")]
struct RequestId(&'static str);

#[derive(Debug)]
#[allow(dead_code, reason = "its `Debug` is what is looked at")]
struct Reply<T> {
    id: RequestId,
    request_id: RequestId,
    from: RequestId,
    data: T,
    marker: PhantomData<T>,
}

#[test]
fn struct_becomes_object() {
    let point = Point { x: -1, y: Some(0.5), label: "a \"b\"\n".to_owned() };
    let expected = json!({"x": -1, "y": 0.5, "label": "a \"b\"\n"});
    assert_eq!(read(&point), expected);
    assert_eq!(read(&Some(&point)), expected);
    assert_eq!(read(&[&point, &point]), json!([expected, expected]));
    assert_eq!(read(&None::<Point>), Value::Null);
    assert_eq!(read(&Point { x: 0, y: None, label: String::new() }), json!({"x": 0, "y": null, "label": ""}));
}

#[test]
fn variant_keeps_its_name() {
    assert_eq!(read(&Part::Text("a".to_owned())), json!({"Text": "a"}));
    assert_eq!(read(&Part::Pair(1, 2)), json!({"Pair": [1, 2]}));
    assert_eq!(read(&Part::End), json!("End"));
    assert_eq!(read(&Part::Image { url: "b".to_owned() }), json!({"Image": {"url": "b"}}));
    let parts = vec![Part::Text("a".to_owned()), Part::Image { url: "b".to_owned() }, Part::End];
    assert_eq!(read(&parts), json!([{"Text": "a"}, {"Image": {"url": "b"}}, "End"]));
    // The type of a field is not known. Its items have several names, so they are variants.
    assert_eq!(
        read(&BTreeMap::from([("parts", parts)])),
        json!({"parts": [{"Text": "a"}, {"Image": {"url": "b"}}, "End"]})
    );
}

#[test]
fn newtype_stands_for_its_content() {
    assert_eq!(read(&RequestId("r")), json!("r"));
    let reply = Reply {
        id: RequestId("a"),
        request_id: RequestId("b"),
        from: RequestId("c"),
        data: RequestId("d"),
        marker: PhantomData,
    };
    assert_eq!(
        read(&reply),
        json!({"id": "a", "request_id": "b", "from": {"RequestId": "c"}, "data": {"RequestId": "d"}})
    );
}

#[test]
fn scalars_and_collections_become_json() {
    assert_eq!(read(&()), Value::Null);
    assert_eq!(
        read(&(1, -2, 1.5, f32::NAN, true, 'c', u128::MAX)),
        json!([1, -2, 1.5, "NaN", true, "c", u128::MAX.to_string()])
    );
    assert_eq!(read(&(u64::MAX, i64::MIN, 1e300, 0.1_f32)), json!([u64::MAX, i64::MIN, 1e300, 0.1]));
    assert_eq!(read(&BTreeSet::from(["a", "b"])), json!(["a", "b"]));
    assert_eq!(read(&BTreeMap::from([(1, "a"), (2, "b")])), json!({"1": "a", "2": "b"}));
    assert_eq!(read(&BTreeMap::from([((1, 2), "a")])), json!({"[1,2]": "a"}));
    assert_eq!(read(&std::time::Duration::from_millis(1_500)), json!("1.5s"));
}

#[test]
fn json_value_is_read_back() {
    let value = json!({
        "city": "Bern", "sizes": [1, 2.5, -3, null, true], "inner": {"empty": {}, "list": []}, "None": "None",
    });
    assert_eq!(read(&value), value);
    assert_eq!(read(&BTreeMap::from([("arguments", &value)])), json!({"arguments": value}));
}

#[test]
fn hand_written_output_stays_a_text() {
    struct Written(&'static str);
    impl Debug for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }
    for text in ["it failed", "One, two", "a: 1", "<html>", "", "Name { a", "Tensor[[2, 3], f32]"] {
        assert_eq!(read(&Written(text)), json!(text));
    }
    assert_eq!(
        read(&Written("Client { key, password: \"x\" }")),
        json!("Client { key, password: [redacted] }")
    );
    assert_eq!(read(&Written("Yes")), json!("Yes"));
}

/// A value with the same form in `Debug` and in serde.
#[derive(Debug, Clone, Serialize)]
struct Tree {
    name: String,
    size: i64,
    ratio: f64,
    is_leaf: bool,
    point: Option<Point>,
    parts: Vec<Part>,
    map: BTreeMap<String, u64>,
    children: Vec<Tree>,
}

fn tree() -> impl Strategy<Value = Tree> {
    let part = prop_oneof![
        any::<String>().prop_map(Part::Text),
        any::<(u8, u8)>().prop_map(|(a, b)| Part::Pair(a, b)),
        Just(Part::End),
    ];
    let point = (any::<i32>(), prop::option::of(-1e6..1e6), any::<String>())
        .prop_map(|(x, y, label)| Point { x, y, label });
    let leaf = (
        any::<(String, i64, bool)>(),
        -1e9..1e9,
        prop::option::of(point),
        prop::collection::vec(part, 0..4),
        prop::collection::btree_map("[a-z]{1,8} ?[0-9]{2}", any::<u64>(), 0..4),
    )
        .prop_map(|((name, size, is_leaf), ratio, point, parts, map)| Tree {
            name,
            size,
            ratio,
            is_leaf,
            point,
            parts,
            map,
            children: Vec::new(),
        });
    leaf.prop_recursive(4, 24, 3, |inner| {
        (inner.clone(), prop::collection::vec(inner, 0..3))
            .prop_map(|(tree, children)| Tree { children, ..tree })
    })
}

proptest! {
    #[test]
    fn derived_debug_is_read_as_serde_writes_it(tree in tree()) {
        prop_assert_eq!(read(&tree), serde_json::to_value(&tree).unwrap());
    }
}
