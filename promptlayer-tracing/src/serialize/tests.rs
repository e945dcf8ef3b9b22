//! Both forms have the value that `serde_json` makes of the same type.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::{Map, Value, json};

use super::json::Json;
use super::*;
use crate::serialize::compact::read;

fn written<F: Form>(value: &(impl Serialize + ?Sized)) -> String {
    let mut output = Output::<F>::new(String::new());
    value.serialize(&mut output).unwrap();
    output.text
}

#[track_caller]
fn check<T: Serialize + ?Sized>(value: &T) {
    assert_eq!(written::<Json>(value), serde_json::to_string(value).unwrap());
    check_value(value);
}

/// Does the same for numbers, for which `serde_json` may write an exponent in another way.
#[track_caller]
fn check_value<T: Serialize + ?Sized>(value: &T) {
    let expected: Value = serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written::<Json>(value)).unwrap(), expected);
    assert_eq!(read(&written::<Compact>(value)), Some(expected));
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Variant {
    Unit,
    Newtype(u8),
    Tuple(u8, i8),
    Struct { text: char },
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Newtype<T>(T);

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Tuple(u8, Unit);

struct Bytes(&'static [u8]);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

#[test]
fn integers_read_back() {
    for shift in 0..64 {
        for number in [(1_u64 << shift) - 1, 1 << shift, (1 << shift) + 1] {
            check(&number);
            check(&number.cast_signed());
            check(&number.cast_signed().wrapping_neg());
        }
    }
    check(&[i64::MIN, i64::MAX, 0, -1]);
    check(&(u8::MAX, i8::MIN, u16::MAX, i16::MIN, u32::MAX, i32::MIN));
    check(&(u128::from(u64::MAX), i128::from(i64::MIN), 7_u128, -7_i128));
    // Their digits are too many for an integer of JSON, so they are floats.
    check(&(u128::MAX, i128::MIN));
}

#[test]
fn floats_read_back_with_their_shortest_digits() {
    check_value(&[0.0, -0.0, 1.5, 0.1, -1e300, f64::MIN_POSITIVE, 123_456_789.125]);
    check_value(&[0.1_f32, -0.0, 1.0, 16_777_216.0, 3.4e38, f32::MIN_POSITIVE]);
    check_value(&[f64::NAN, f64::INFINITY]);
    check_value(&[f32::NAN, f32::NEG_INFINITY]);
}

#[test]
fn texts_read_back() {
    for length in [0, 1, 63, 64, 65, 4_095, 4_096, 300_000] {
        check(&"é\"\\\n\u{0}x".repeat(length));
    }
    check(&('é', "]}", Some("x"), None::<u8>));
    check(&format_args!("{}", 7));
    check(&Bytes(&[0, 127, 255]));
}

#[test]
fn kinds_of_containers_read_back() {
    check(&[Variant::Unit, Variant::Newtype(1), Variant::Tuple(1, -1), Variant::Struct { text: 'c' }]);
    check(&(Unit, Tuple(1, Unit), Newtype([(); 2]), Newtype(())));
    check(&json!({"": [], "a": {"b": [{}, [[]], null, true, false]}}));
    check::<[u8]>(&[]);
}

#[test]
fn keys_that_are_no_texts_are_those_of_serde_json() {
    check(&BTreeMap::from([(1, 'a'), (-2, 'b')]));
    check(&BTreeMap::from([(true, 1), (false, 2)]));
    check(&BTreeMap::from([('c', 1)]));
    check(&BTreeMap::from([(u128::MAX, 1)]));
    check(&BTreeMap::from([(Variant::Unit, 1)]));
    check(&BTreeMap::from([(Newtype("a"), 1)]));
    check(&BTreeMap::from([(Newtype(7), [1])]));
    for key in [Variant::Newtype(1), Variant::Tuple(1, 1)] {
        let map = BTreeMap::from([(key, 1)]);
        assert!(serde_json::to_string(&map).is_err());
        assert!(map.serialize(&mut Output::<Json>::new(String::new())).is_err());
        assert!(map.serialize(&mut Output::<Compact>::new(String::new())).is_err());
    }
}

#[test]
fn each_character_has_the_escapes_of_serde_json() {
    for character in '\0'..=char::MAX {
        let text = character.to_string();
        assert_eq!(written::<Json>(&text), serde_json::to_string(&text).unwrap());
    }
}

#[test]
fn escapes_are_found_at_each_place() {
    for length in 0..100 {
        for place in 0..=length {
            for escaped in ["\"", "\\", "\n", "\u{1}", "é", "\u{7f}"] {
                let text = format!("{}{escaped}{}", "x".repeat(place), "é".repeat(length - place));
                check(&text);
                check(&text.repeat(2));
            }
        }
    }
}

#[test]
fn random_values_read_back() {
    fn any(random: &mut fastrand::Rng, depth: usize) -> Value {
        let kinds = if depth == 0 { 6 } else { 8 };
        match random.u8(..kinds) {
            0 => Value::Null,
            1 => random.bool().into(),
            2 => random.u64(..).into(),
            3 => random.i64(..).into(),
            4 => random.f64().into(),
            5 => (0..random.usize(..100)).map(|_| random.char(..)).collect::<String>().into(),
            6 => (0..random.usize(..5)).map(|_| any(random, depth - 1)).collect(),
            _ => {
                let entry =
                    |random: &mut fastrand::Rng| (random.char(..).to_string(), any(random, depth - 1));
                Value::Object((0..random.usize(..5)).map(|_| entry(random)).collect::<Map<_, _>>())
            }
        }
    }
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2_000 {
        let value = any(&mut random, 5);
        assert_eq!(serde_json::from_str::<Value>(&written::<Json>(&value)).unwrap(), value);
        assert_eq!(read(&written::<Compact>(&value)), Some(value));
    }
}
