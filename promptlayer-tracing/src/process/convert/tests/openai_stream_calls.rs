//! Tool calls in streamed chat completions, in the forms that different servers send.

use serde_json::{Value, json};

use super::openai_stream::message;

/// Returns id, name and arguments of the assembled calls. Each delta contains one fragment.
fn calls(pieces: &[Value]) -> Vec<[String; 3]> {
    let deltas: Vec<Value> = pieces.iter().map(|piece| json!({"tool_calls": [piece]})).collect();
    let message = message(&deltas);
    let calls = message["tool_calls"].as_array().unwrap().iter();
    calls
        .map(|call| {
            [&call["id"], &call["function"]["name"], &call["function"]["arguments"]]
                .map(|field| field.as_str().unwrap().to_owned())
        })
        .collect()
}

/// Builds a fragment of a call. Empty fields are omitted.
fn piece(index: Option<u64>, id: &str, name: &str, arguments: &str) -> Value {
    let mut piece = json!({"function": {"arguments": arguments}});
    if let Some(index) = index {
        piece["index"] = index.into();
    }
    if !id.is_empty() {
        piece["id"] = id.into();
    }
    if !name.is_empty() {
        piece["function"]["name"] = name.into();
    }
    piece
}

#[test]
fn calls_are_assembled_by_index() {
    let got = calls(&[
        piece(Some(1), "call_b", "time", ""),
        piece(Some(0), "call_a", "weather", ""),
        piece(Some(1), "", "", "{\"zone\":"),
        piece(Some(0), "", "", "{\"city\":"),
        piece(Some(0), "", "", "\"Bern\"}"),
        piece(Some(1), "", "", "1}"),
    ]);
    assert_eq!(got, [["call_a", "weather", "{\"city\":\"Bern\"}"], ["call_b", "time", "{\"zone\":1}"]]);
}

#[test]
fn very_large_index_is_accepted() {
    let got =
        calls(&[piece(Some(u64::MAX), "b", "time", "{}"), piece(Some(1_000_000_000), "a", "weather", "{}")]);
    assert_eq!(got, [["a", "weather", "{}"], ["b", "time", "{}"]]);
}

#[test]
fn whole_calls_without_index_are_separate() {
    let expected = [["a", "weather", "{\"city\":1}"], ["b", "weather", "{\"city\":2}"]];
    for index in [None, Some(0)] {
        let pieces =
            [piece(index, "a", "weather", "{\"city\":1}"), piece(index, "b", "weather", "{\"city\":2}")];
        assert_eq!(calls(&pieces), expected, "{index:?}");
    }
}

#[test]
fn whole_calls_with_same_or_no_id_are_separate() {
    for (index, id) in [(None, ""), (None, "same"), (Some(0), ""), (Some(0), "same")] {
        let got = calls(&[
            piece(index, id, "weather", "{\"city\":1}"),
            piece(index, id, "weather", "{\"city\":2}"),
            piece(index, id, "time", "{}"),
        ]);
        let expected = [[id, "weather", "{\"city\":1}"], [id, "weather", "{\"city\":2}"], [id, "time", "{}"]];
        assert_eq!(got, expected, "{index:?} {id}");
    }
}

#[test]
fn repeated_call_is_kept_once() {
    for index in [None, Some(0)] {
        let whole = piece(index, "a", "weather", "{\"city\":1}");
        assert_eq!(calls(&[whole.clone(), whole]), [["a", "weather", "{\"city\":1}"]], "{index:?}");
    }
}

#[test]
fn fragments_without_index_extend_call_by_id_or_last_call() {
    let got = calls(&[
        piece(None, "a", "weather", "{\"ci"),
        piece(None, "", "", "ty\":"),
        piece(None, "b", "time", "{"),
        piece(None, "a", "", "1}"),
        piece(None, "b", "", "}"),
    ]);
    assert_eq!(got, [["a", "weather", "{\"city\":1}"], ["b", "time", "{}"]]);
}

#[test]
fn id_or_name_in_every_fragment_gives_one_call() {
    let repeated = calls(&[
        piece(Some(0), "a", "weather", ""),
        piece(Some(0), "a", "weather", "{\"a\":{}"),
        piece(Some(0), "a", "weather", "}"),
    ]);
    assert_eq!(repeated, [["a", "weather", "{\"a\":{}}"]]);
    let renewed = calls(&[
        piece(Some(0), "a", "weather", ""),
        piece(Some(0), "b", "", "{"),
        piece(Some(0), "c", "", "}"),
    ]);
    assert_eq!(renewed, [["a", "weather", "{}"]]);
    let in_pieces = calls(&[
        piece(Some(0), "a", "wea", ""),
        piece(Some(0), "", "ther", ""),
        piece(Some(0), "", "", "{}"),
    ]);
    assert_eq!(in_pieces, [["a", "weather", "{}"]]);
}

#[test]
fn arguments_of_other_types_become_text() {
    let call = json!({"index": 0, "id": "a", "function": {"name": "weather", "arguments": {"city": 1}}});
    assert_eq!(calls(&[call]), [["a", "weather", "{\"city\":1}"]]);
    let none = json!({"index": 0, "id": "a", "function": {"name": "weather", "arguments": null}});
    assert_eq!(calls(&[none]), [["a", "weather", ""]]);
}

#[test]
fn custom_tool_call_keeps_its_form() {
    let got = message(&[
        json!({"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": "sel"}}]}),
        json!({"tool_calls": [{"index": 0, "custom": {"input": "ect 1"}}]}),
    ]);
    assert_eq!(
        got["tool_calls"],
        json!([{"id": "a", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}])
    );
}

#[test]
fn interrupted_call_keeps_received_arguments() {
    assert_eq!(calls(&[piece(Some(0), "a", "weather", "{\"ci")]), [["a", "weather", "{\"ci"]]);
    assert_eq!(calls(&[piece(None, "", "", "{}")]), [["", "", "{}"]]);
}

/// If every fragment copied the arguments, this test would copy 2 GB.
#[test]
fn twenty_thousand_fragments_are_assembled_in_linear_time() {
    let mut pieces = vec![piece(Some(0), "a", "write", "{\"text\":\"")];
    pieces.extend((0..20_000).map(|_| piece(Some(0), "a", "write", "0123456789")));
    pieces.push(piece(Some(0), "a", "write", "\"}"));
    assert_eq!(calls(&pieces)[0][2].len(), 200_011);
}
