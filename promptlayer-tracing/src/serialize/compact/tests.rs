//! What only the compact form has. The values of all types are tested with the serializer.

use serde::Serialize;
use serde_json::{Value, json};

use super::*;
use crate::serialize::Output;

fn written(value: &impl Serialize) -> String {
    let mut output = Output::<Compact>::new(String::new());
    value.serialize(&mut output).unwrap();
    output.text
}

#[test]
fn json_that_is_already_text_is_read() {
    #[derive(Serialize)]
    #[serde(rename = "$serde_json::private::RawValue")]
    struct Raw {
        #[serde(rename = "$serde_json::private::RawValue")]
        json: &'static str,
    }
    let raw = |json| Raw { json };
    let text = written(&[raw("{\"a\": [1, 2.5]}"), raw("no JSON")]);
    assert_eq!(read(&text), Some(json!([{"a": [1, 2.5]}, "no JSON"])));
    assert_eq!(raw_json(&text), None);
    assert_eq!(raw_json(&written(&raw("12"))), Some("12"));
}

#[test]
fn deepest_value_is_that_of_serde_json() {
    let nested = |depth| (1..depth).fold(json!([]), |value, _| json!([value]));
    assert_eq!(read(&written(&nested(Compact::MAX_DEPTH))), Some(nested(Compact::MAX_DEPTH)));
    let deeper = nested(Compact::MAX_DEPTH + 1);
    assert!(serde_json::from_str::<Value>(&deeper.to_string()).is_err());
    let mut output = Output::<Compact>::new(String::new());
    assert!(deeper.serialize(&mut output).is_err());
    assert!(output.is_too_deep);
    // What is beside counts for itself.
    let beside = json!([nested(Compact::MAX_DEPTH - 1), nested(Compact::MAX_DEPTH - 1)]);
    assert_eq!(read(&written(&beside)), Some(beside));
}

#[test]
fn text_that_was_cut_has_no_value() {
    let text = written(&json!({"a": [1, -2, 2.5, "text", true, null]}));
    let cuts = (0..text.len()).filter_map(|length| text.get(..length));
    assert!(cuts.clone().count() > 30);
    assert!(cuts.into_iter().all(|cut| read(cut).is_none()));
    assert_eq!(read(&format!("{text}n")), None);
    assert_eq!(read("?"), None);
}
